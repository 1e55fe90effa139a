"""Recordings of what happened to accounts: orders, fills, balances, positions."""

from sandbox.recordings.private.recording import (
    LABEL,
    Account,
    PrivateEvent,
    PrivateRecording,
    label_of,
    read_private,
)


__all__ = ["LABEL", "Account", "PrivateEvent", "PrivateRecording", "label_of", "read_private"]
