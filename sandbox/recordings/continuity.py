"""Whether the depth diffs of a symbol follow one another without a gap, told from their ids alone."""

from __future__ import annotations


__all__ = ["DiffChain"]


class DiffChain:
    """The diffs and snapshots of one symbol, in the order of a recording.

    A diff continues the chain by coverage: it reaches back to, or beyond, the last id seen. Two connections may cut
    the same changes at different ids, so ids need not match exactly.
    """

    def __init__(self) -> None:
        self.gap_count = 0
        """How often diffs were missing."""
        self.needs_snapshot = True
        """Whether a book built from this recording waits for a snapshot here: at its start, and after a gap."""
        self._last_id: int | None = None
        self._bridge_id: int | None = None

    def diff(self, first_id: int, final_id: int, previous_id: int | None) -> None:
        """Follow one diff; `previous_id` is futures' ``pu``, None on spot."""
        reaches_back_to = first_id - 1 if previous_id is None else previous_id
        if self._last_id is None:
            self._bridge_id = reaches_back_to
        elif final_id <= self._last_id:
            return
        elif reaches_back_to > self._last_id:
            self.gap_count += 1
            self.needs_snapshot = True
            self._bridge_id = reaches_back_to
        self._last_id = final_id

    def awaits(self, last_update_id: int) -> bool:
        """Return whether a book waits here for a snapshot, and one with this id would do."""
        return self.needs_snapshot and (self._bridge_id is None or last_update_id >= self._bridge_id)

    def snapshot(self, last_update_id: int) -> bool:
        """Follow one snapshot; return whether it is the one that a book was waiting for."""
        awaited = self.awaits(last_update_id)
        if awaited:
            self.needs_snapshot = False
        self._last_id = last_update_id if self._last_id is None else max(self._last_id, last_update_id)
        return awaited
