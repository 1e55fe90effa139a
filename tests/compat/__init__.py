"""`make compat`: the topics as other people's tools read them, each held against plain arithmetic.

The parts: `filling` fills a real Kafka by our own pipeline and adds what at-least-once delivery may bring, `truth`
works out from the raw records what every reader must find, `recipes/` are the programs of the readers, word for word
as docs/consumers.md shows them, `readers` runs them, `comparing` says what differs.
"""
