"""What the venue says on its streams: payloads as Binance writes them, one module for each family of streams."""
