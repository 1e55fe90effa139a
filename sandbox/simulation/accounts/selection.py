"""Which items of a long list an answer holds: by id, by time, and never more than asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from sandbox.simulation.accounts.fields import Fields
from sandbox.simulation.accounts.refusals import refused


__all__ = ["WIDEST_FUTURES_DAYS", "WIDEST_SPOT_DAYS", "select"]

_Item = TypeVar("_Item")
_DAY_MS: Final = 86_400_000
WIDEST_SPOT_DAYS: Final = 1
WIDEST_FUTURES_DAYS: Final = 7


def select(
    items: Sequence[_Item],
    fields: Fields,
    *,
    id_name: str,
    id_of: Callable[[_Item], int],
    time_of: Callable[[_Item], int],
    days: int,
) -> list[_Item]:
    """Return the items that a request asks for, oldest first.

    With an id: the oldest from it on. With a start: the oldest from there on, up to the end if there is one. Else the
    newest, up to the end if there is one.

    Args:
        items: all there are, oldest first.
        fields: the request.
        id_name: the parameter that is the first id wanted.
        id_of: an item's id.
        time_of: an item's time, in milliseconds.
        days: the widest window that the venue answers.

    Raises:
        RefusedError: the window is wider, or ends before it starts.
    """
    limit, first = fields.limit(), fields.integer(id_name)
    start, end = fields.integer("startTime"), fields.integer("endTime")
    if start is not None and end is not None:
        if end < start:
            raise refused(-1128, "Combination of optional parameters invalid.")
        if end - start > days * _DAY_MS:
            raise refused(-1127, f"More than {days * 24} hours between startTime and endTime.")
    found = [
        each
        for each in items
        if (first is None or id_of(each) >= first)
        and (start is None or time_of(each) >= start)
        and (end is None or time_of(each) <= end)
    ]
    return found[:limit] if first is not None or start is not None else found[-limit:]
