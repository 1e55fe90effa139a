"""Tests of the soak of accounts."""
