"""Compares what came out of the topics with the independent truth in what Binance sent."""
