"""What happens to frames: frames of one connection in, frames out. Pure; the time is an argument.

Each object is one fault that was ordered. `feed` is called with every frame that the fault matches, in the order in
which the venue sends them, once per event and connection.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from sandbox.exchange.faults.diffs import merge
from sandbox.exchange.faults.model import (
    CutDepth,
    Delay,
    Drop,
    Duplicate,
    EventTime,
    FrameFault,
    Reorder,
    Silence,
)


__all__ = ["Frame", "Passed", "Touch", "Transform", "transform_of"]

_EVENT_TIME = re.compile(rb'("E":)(\d+)')
_MS_PER_S = 1_000


class Frame(msgspec.Struct, frozen=True):
    """A payload on its way to a connection."""

    data: bytes
    delay_s: float = 0.0
    """How much later than it came."""


class Touch(msgspec.Struct, frozen=True):
    """Where a frame is on its way to."""

    event: int
    """Number of the event that the frame comes from; the same on every connection."""
    connection: int
    stream: str
    now_s: float
    """A monotonic clock, seconds."""


class Passed(msgspec.Struct, frozen=True):
    """What a fault made of frames."""

    frames: tuple[Frame, ...]
    touched: bool = False
    """Whether the fault did something to the frames that came in."""


class Transform(Protocol):
    """One ordered fault at work."""

    def feed(self, touch: Touch, frames: tuple[Frame, ...]) -> Passed:
        """Take in what one event is for one connection and return what goes on to it now."""
        ...

    def spent(self, now_s: float) -> bool:
        """Return whether it will touch no further event."""
        ...

    def forget(self, connection: int) -> None:
        """Take note that a connection has ended."""
        ...

    def release(self) -> list[tuple[int, str, Frame]]:
        """Give up what is held back: connection, stream and frame, in order."""
        ...


class _Selection:
    """Which events on which connections are touched, see `FrameFault`."""

    def __init__(self, connection: str | int, count: int) -> None:
        self.left = count
        self._connection = connection
        self._chosen: int | None = connection if isinstance(connection, int) else None
        self._event: int | None = None

    def takes(self, event: int, connection: int) -> bool:
        if self._connection != "all":
            if self._chosen is None:
                self._chosen = connection
            if connection != self._chosen:
                return False
        elif event == self._event:
            return True
        if not self.left:
            return False
        self.left -= 1
        self._event = event
        return True

    def forget(self, connection: int) -> None:
        if self._connection == "one" and self._chosen == connection:
            self._chosen = None


class _Selecting:
    """A transform of the events that a selection takes."""

    def __init__(self, fault: FrameFault) -> None:
        self._selection = _Selection(fault.connection, fault.count)

    def feed(self, touch: Touch, frames: tuple[Frame, ...]) -> Passed:
        if self._selection.takes(touch.event, touch.connection):
            return Passed(self._change(frames), touched=True)
        return Passed(frames)

    def spent(self, _: float) -> bool:
        return not self._selection.left

    def forget(self, connection: int) -> None:
        self._selection.forget(connection)

    def release(self) -> list[tuple[int, str, Frame]]:
        return []

    def _change(self, frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
        raise NotImplementedError


class _Dropping(_Selecting):
    def _change(self, _: tuple[Frame, ...]) -> tuple[Frame, ...]:
        return ()


class _Duplicating(_Selecting):
    def _change(self, frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
        return tuple(frame for frame in frames for _ in range(2))


class _Delaying(_Selecting):
    def __init__(self, fault: Delay) -> None:
        super().__init__(fault)
        self._delay_s = fault.delay_ms / _MS_PER_S

    def _change(self, frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
        return tuple(Frame(frame.data, frame.delay_s + self._delay_s) for frame in frames)


class _Misdating(_Selecting):
    def __init__(self, fault: EventTime) -> None:
        super().__init__(fault)
        self._offset_ms = round(fault.offset_s * _MS_PER_S)

    def _change(self, frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
        return tuple(Frame(self._misdate(frame.data), frame.delay_s) for frame in frames)

    def _misdate(self, data: bytes) -> bytes:
        # An array holds many events; of one event the outermost E comes first.
        every = 0 if data.startswith(b"[") else 1
        return _EVENT_TIME.sub(lambda match: match[1] + b"%d" % (int(match[2]) + self._offset_ms), data, count=every)


class _Silencing(_Selecting):
    def __init__(self, fault: Silence, now_s: float) -> None:
        super().__init__(fault)
        self._until_s = now_s + fault.seconds

    def feed(self, touch: Touch, frames: tuple[Frame, ...]) -> Passed:
        return Passed(frames) if touch.now_s >= self._until_s else super().feed(touch, frames)

    def spent(self, now_s: float) -> bool:
        return now_s >= self._until_s or super().spent(now_s)

    def _change(self, _: tuple[Frame, ...]) -> tuple[Frame, ...]:
        return ()


class _Holding:
    """Frames held back, by connection and stream."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, str], tuple[Frame, ...]] = {}

    def forget(self, connection: int) -> None:
        for key in [key for key in self._held if key[0] == connection]:
            del self._held[key]

    def release(self) -> list[tuple[int, str, Frame]]:
        held, self._held = self._held, {}
        return [(connection, stream, frame) for (connection, stream), frames in held.items() for frame in frames]


class _Reordering(_Holding):
    def __init__(self, fault: Reorder) -> None:
        super().__init__()
        self._selection = _Selection(fault.connection, fault.count)

    def feed(self, touch: Touch, frames: tuple[Frame, ...]) -> Passed:
        key = touch.connection, touch.stream
        held = self._held.pop(key, None)
        if held is not None:
            return Passed(frames + held)
        if not self._selection.takes(touch.event, touch.connection):
            return Passed(frames)
        self._held[key] = frames
        return Passed((), touched=True)

    def spent(self, _: float) -> bool:
        return not self._selection.left and not self._held

    def forget(self, connection: int) -> None:
        super().forget(connection)
        self._selection.forget(connection)


class _Cutting(_Holding):
    """Of the connections of a stream, in the order in which they come, every second one gets merged diffs.

    Only the first time for each connection and stream counts as something done.
    """

    def __init__(self, fault: CutDepth) -> None:
        super().__init__()
        self._left = fault.count
        self._merges: dict[str, dict[int, bool]] = {}
        self._told: set[tuple[int, str]] = set()

    def feed(self, touch: Touch, frames: tuple[Frame, ...]) -> Passed:
        of_stream = self._merges.setdefault(touch.stream, {})
        if not of_stream.setdefault(touch.connection, sum(of_stream.values()) * 2 < len(of_stream)):
            return Passed(frames)
        key = touch.connection, touch.stream
        held = self._held.pop(key, ())
        if held and frames:
            return self._merge(key, held, frames)
        if held or not frames or not self._left:
            return Passed(held + frames)
        self._left -= 1
        self._held[key] = frames
        return Passed(())

    def _merge(self, key: tuple[int, str], held: tuple[Frame, ...], frames: tuple[Frame, ...]) -> Passed:
        merged = merge(held[-1].data, frames[0].data)
        if merged is None:
            return Passed(held + frames)
        news = key not in self._told
        self._told.add(key)
        return Passed((*held[:-1], Frame(merged, frames[0].delay_s), *frames[1:]), touched=news)

    def spent(self, _: float) -> bool:
        return not self._left and not self._held

    def forget(self, connection: int) -> None:
        super().forget(connection)
        for of_stream in self._merges.values():
            of_stream.pop(connection, None)


def transform_of(fault: FrameFault | CutDepth, now_s: float) -> Transform:
    """Return the object that does what a fault says, from now on."""
    if isinstance(fault, Silence):
        return _Silencing(fault, now_s)
    return _TRANSFORMS[type(fault)](fault)


_TRANSFORMS: dict[type[FrameFault | CutDepth], Callable[[Any], Transform]] = {
    Drop: _Dropping,
    Duplicate: _Duplicating,
    Reorder: _Reordering,
    Delay: _Delaying,
    EventTime: _Misdating,
    CutDepth: _Cutting,
}
