"""Tests of the pure cores."""
