"""The Faust agents: each hands its batches to the runner of its flow and acknowledges them when it returns.

Whatever is wrong with a record is decided in the core; whatever raises here ends the worker, and the batch comes again.
"""
