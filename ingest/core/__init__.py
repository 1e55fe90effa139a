"""What ingest decides, without sockets, clocks or brokers."""
