"""A bounded memory of what a trade stream has shown."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice


__all__ = ["ForgottenError", "RecentLog"]


class ForgottenError(LookupError):
    """What was asked for has been shown, but so long ago that it is no longer kept."""

    def __init__(self, oldest_id: int) -> None:
        super().__init__(oldest_id)
        self.oldest_id = oldest_id

    def __str__(self) -> str:
        return f"what came before id {self.oldest_id} is no longer kept"


class RecentLog:
    """The last payloads of one stream with consecutive ids.

    Payloads that come again (recordings that overlap) are kept once. An id that falls back further than the log
    reaches starts it anew: the symbol was listed again.

    Args:
        kept_count: How many payloads are kept.
    """

    def __init__(self, kept_count: int) -> None:
        self._kept_count = kept_count
        self._payloads: deque[tuple[int, bytes]] = deque(maxlen=kept_count)
        self._forgetful = False

    def add(self, record_id: int, data: bytes) -> None:
        """Remember one payload."""
        if self._payloads:
            last_id = self._payloads[-1][0]
            if last_id - self._kept_count < record_id <= last_id:
                return
            if record_id < last_id:
                self._payloads.clear()
                self._forgetful = False
            elif len(self._payloads) == self._kept_count:
                self._forgetful = True
        self._payloads.append((record_id, data))

    def latest(self, count: int) -> list[bytes]:
        """Return the last `count` payloads, oldest first."""
        skipped = max(len(self._payloads) - count, 0)
        return [data for _, data in islice(self._payloads, skipped, None)]

    def since(self, first_id: int) -> Iterator[bytes]:
        """Return the payloads from an id on, oldest first.

        Raises:
            ForgottenError: There were some that are no longer kept.
        """
        self._require(first_id)
        return (data for record_id, data in self._payloads if record_id >= first_id)

    def everything(self) -> Iterator[tuple[bytes, bool]]:
        """Yield all payloads kept, oldest first, and with each whether something before it was forgotten."""
        first = self._forgetful
        for _, data in self._payloads:
            yield data, first
            first = False

    def _require(self, first_id: int) -> None:
        if self._forgetful and first_id < self._payloads[0][0]:
            raise ForgottenError(self._payloads[0][0])
