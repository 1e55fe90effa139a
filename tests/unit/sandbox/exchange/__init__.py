"""Tests of the exchange server."""
