"""A server that speaks Binance's protocol: market streams and public REST of the three markets, from any source."""
