"""A recording as a venue: its streams again, and REST as far as the recording knows."""

from sandbox.replay.source import ReplaySource


__all__ = ["ReplaySource"]
