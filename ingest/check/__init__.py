"""``binance-ingest check``: does everything that ingest needs work from here?"""
