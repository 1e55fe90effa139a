"""The wire contract: what Binance sends, what the topics hold, and how both are named and encoded."""
