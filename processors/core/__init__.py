"""Books, candles, trades and tickers as pure folds over typed messages."""
