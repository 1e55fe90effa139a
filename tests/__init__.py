"""Tests, by cost: unit needs nothing, integration needs a Kafka broker."""
