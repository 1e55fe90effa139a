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

    A recording may lack some. An answer that stepped over those would say that the venue never had them. So an answer
    begins behind the last of them in what was asked for, as that of a venue whose memory ends there, and ends before
    the next.

    Args:
        kept_count: How many payloads are kept.
    """

    def __init__(self, kept_count: int) -> None:
        self._kept_count = kept_count
        self._payloads: deque[tuple[int, bytes]] = deque(maxlen=kept_count)
        self._forgetful = False
        self._next_id: int | None = None
        self._holes: deque[tuple[int, int]] = deque()
        """First and last id of what the recording lacks among what is kept."""

    def add(self, record_id: int, data: bytes) -> None:
        """Remember one payload."""
        if self._payloads:
            last_id = self._payloads[-1][0]
            if last_id - self._kept_count < record_id <= last_id:
                return
            if record_id < last_id:
                self._payloads.clear()
                self._holes.clear()
                self._next_id = None
                self._forgetful = False
            elif len(self._payloads) == self._kept_count:
                self._forgetful = True
        self._payloads.append((record_id, data))
        self.pass_over(record_id)
        while self._holes and self._holes[0][1] < self._payloads[0][0]:
            self._holes.popleft()

    def pass_over(self, record_id: int) -> None:
        """Take note that the recording has an id, whether or not there is something to remember of it."""
        if self._next_id is not None and record_id > self._next_id:
            self._holes.append((self._next_id, record_id - 1))
        self._next_id = max(record_id + 1, self._next_id or 0)

    def latest(self, count: int) -> list[bytes]:
        """Return the last `count` payloads, oldest first; fewer, if the recording lacks some in between."""
        skipped = max(len(self._payloads) - count, 0)
        whole_from = self._holes[-1][1] + 1 if self._holes else 0
        return [data for record_id, data in islice(self._payloads, skipped, None) if record_id >= whole_from]

    def since(self, first_id: int, count: int) -> list[bytes]:
        """Return up to `count` payloads from an id on, oldest first, none of them behind something that is lacking.

        Raises:
            ForgottenError: There were some that are no longer kept.
        """
        self._require(first_id)
        last_id = first_id + count - 1
        start, stop = first_id, None
        for first, last in self._holes:
            if first > last_id:
                stop = first
                break
            start = max(start, last + 1)
        kept = (data for record_id, data in self._payloads if record_id >= start and (stop is None or record_id < stop))
        return list(islice(kept, count))

    def everything(self) -> Iterator[tuple[bytes, bool]]:
        """Yield all payloads kept, oldest first, and with each whether something before it was forgotten."""
        first = self._forgetful
        for _, data in self._payloads:
            yield data, first
            first = False

    def _require(self, first_id: int) -> None:
        if self._forgetful and first_id < self._payloads[0][0]:
            raise ForgottenError(self._payloads[0][0])
