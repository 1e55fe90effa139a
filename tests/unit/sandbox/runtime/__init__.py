"""Tests of what starts and stops the programs of the sandbox."""
