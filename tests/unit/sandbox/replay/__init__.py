"""Tests of replaying recordings."""
