"""Kafka to tables: Faust agents over pure cores."""
