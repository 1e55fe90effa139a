"""A soak of accounts: robots trade, everything happens to their streams, and the tables equal the exchange's books."""
