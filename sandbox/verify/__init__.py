"""Compares what came out of the topics with the independent truth in what Binance sent.

The truth is *evidence*: a recording, or, where the venue itself was the source, the raw topics. What came out is the
*outcome*. Both are laid out on disk, per symbol and sorted, and merged; so memory does not grow with the length of a
recording but with the number of symbols (some megabytes each), of candles (some 400 bytes each) and of holes. Disk:
about 100 bytes for each event and each derived record, in the directory of the run.
"""
