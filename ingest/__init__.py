"""Binance to Kafka: verbatim, in order, with every hole in the ledger."""
