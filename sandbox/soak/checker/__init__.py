"""The independent checker: the raw topics and the ledger against the exchange's own log.

It shares no code with ingest or processors; of `schemas` it takes the names of topics and the forms of values.
"""
