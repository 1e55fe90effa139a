"""Measurements: how fast, how large, how patient. Nothing here is part of the distribution."""
