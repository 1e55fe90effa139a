"""Why a socket to the venue ended, as few words as a metric's label may have."""

from __future__ import annotations

from enum import StrEnum


__all__ = ["Ending"]


class Ending(StrEnum):
    """Why a socket ended, or did not come about."""

    UNREACHABLE = "unreachable"
    """It could not be opened."""
    VENUE = "venue"
    """The other side closed it, or the network lost it: the cut after 24 hours, a slow reader, a reset."""
    SHUTDOWN = "shutdown"
    """The venue had announced that it would close it."""
    UNACKNOWLEDGED = "unacknowledged"
    """A control message was not answered."""
    IDLE = "idle"
    """Nothing was heard, not even a pong."""
    SILENT = "silent"
    """Everything was acknowledged, and nothing came."""
    EXPIRED = "expired"
    """The listen key that it was opened with is no more."""
    TERMINATED = "terminated"
    """The venue ended the stream of an account on it."""
    REFUSED = "refused"
    """The venue does not take the account's key."""
    DECLINED = "declined"
    """The venue refused a request about an account, for another reason."""
    CLOCK = "clock"
    """A signed request bore a time that is not the venue's."""
    ROTATED = "rotated"
    """Its successor took over."""
    UNPROVEN = "unproven"
    """It was to succeed another one and did not deliver what that one delivered."""
    STOPPING = "stopping"
    """We were told to stop."""
    FAULT = "fault"
    """What we did with it failed: a fault of ours, which ends the service."""
