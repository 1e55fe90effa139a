"""The soak: one simulated day in which everything happens to ingest, and an independent check of what is in Kafka."""
