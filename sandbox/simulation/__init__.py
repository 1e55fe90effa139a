"""A seeded market: order flow into a matching engine, and from it everything that Binance publishes.

Layers, each knowing only those above it:

- numbers and time: `grid`, `intervals`
- what trades: `instruments`, `config`
- the market itself: `engine` (one order book), `value` (what an asset is worth), `flow` (who orders what)
- what follows from it: `update_ids`, `trade_log`, `aggregation`, `klines`, `rolling`, joined by `symbol_market`
- what the venue says about it: `publishers` (streams), `rest` (requests)
- `venue` runs all symbols on one clock, `source` shows that to an exchange server

Nothing here reads a clock, global random numbers or the environment: the same configuration gives the same bytes.
"""
