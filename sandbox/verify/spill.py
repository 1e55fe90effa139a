"""Rows of integers kept on disk and read back in order, in bounded memory.

A recording of a day and a half holds tens of millions of book tickers. Both sides of a comparison are therefore
written to files as they come and merged afterwards; only a few thousand rows of each are in memory.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path


__all__ = ["SortedRows"]

_BUFFERED_ROWS = 4096
_READ_BYTES = 1 << 16


class SortedRows:
    """A file of integer rows, added in any order, iterated in ascending order.

    Half of the buffered rows stay behind at each flush, so that rows which are out of order by less than that cost
    nothing; wider disorder starts another sorted run, and iterating merges the runs. Memory: the buffer and 64 KiB
    a run.

    Args:
        path: the file; made at the first flush.
        buffered_rows: rows kept in memory before half of them are written.
    """

    def __init__(self, path: Path, *, buffered_rows: int = _BUFFERED_ROWS) -> None:
        self._path = path
        self._buffered_rows = buffered_rows
        self._buffer: list[tuple[int, ...]] = []
        self._runs: list[tuple[int, int]] = []  # [start, end) in bytes
        self._last: tuple[int, ...] | None = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, row: tuple[int, ...]) -> None:
        """Take one row in."""
        self._buffer.append(row)
        self._count += 1
        if len(self._buffer) >= self._buffered_rows:
            self._flush(keep=self._buffered_rows // 2)

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        """Yield every row in ascending order; may be repeated, and more rows may be added afterwards."""
        if self._buffer:
            self._flush(keep=0)
        if len(self._runs) == 1:
            return self._read(*self._runs[0])
        return heapq.merge(*(self._read(start, end) for start, end in self._runs))

    def unique(self) -> Iterator[tuple[int, ...]]:
        """Yield every row in ascending order, equal rows once."""
        last: tuple[int, ...] | None = None
        for row in self:
            if row != last:
                yield row
            last = row

    def _flush(self, keep: int) -> None:
        self._buffer.sort()
        cut = len(self._buffer) - keep
        rows, self._buffer = self._buffer[:cut], self._buffer[cut:]
        data = "".join(" ".join(map(str, row)) + "\n" for row in rows).encode()
        with self._path.open("ab") as file:
            start = file.tell()
            file.write(data)
        if self._runs and self._last is not None and self._last <= rows[0]:
            self._runs[-1] = (self._runs[-1][0], start + len(data))
        else:
            self._runs.append((start, start + len(data)))
        self._last = rows[-1]

    def _read(self, start: int, end: int) -> Iterator[tuple[int, ...]]:
        rest = b""
        with self._path.open("rb", buffering=0) as file:
            file.seek(start)
            while start < end:
                data = file.read(min(_READ_BYTES, end - start))
                start += len(data)
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    yield tuple(map(int, line.split()))
