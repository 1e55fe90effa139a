"""Topics as they must be for a recording: what a pipeline without a fault publishes, to be spoilt by tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

import msgspec

from sandbox.recordings.private import PrivateEvent, PrivateRecording
from sandbox.verify.private.order_states import States
from sandbox.verify.private.outcome import PrivateOutcome, RawRecord, StateRecord
from sandbox.verify.private.reports import UnreadableEventError, decode_event
from sandbox.verify.private.verification import raw_type_of
from sandbox.verify.private.wallet_states import WalletChange, WalletStates
from schemas.accounts import Balance, Order, Position
from schemas.avro import load_schema
from schemas.topics import DerivedType


__all__ = ["publish"]

_TYPES: Mapping[str, type[msgspec.Struct]] = {"order": Order, "balance": Balance, "position": Position}


def publish(recording: PrivateRecording) -> PrivateOutcome:
    """What the topics hold of a recording."""
    outcome = PrivateOutcome()
    offsets: dict[tuple[object, ...], int] = defaultdict(int)
    orders: dict[tuple[object, ...], States] = {}
    wallets: dict[tuple[object, ...], WalletStates] = {}
    for event in recording.events:
        raw_type = raw_type_of(event.type)
        place = event.market, event.account, raw_type
        offset, offsets[place] = offsets[place], offsets[place] + 1
        outcome.raw[place].append(RawRecord(offset, event.type, event.data))
        states = orders.setdefault(place, States(event.market, event.account))
        try:
            fields = decode_event(event)
            changes = [WalletChange("order", key, state) for key, state in states.take(event, fields)]
            changes += wallets.setdefault(place, WalletStates(event.account)).take(event, fields)
        except UnreadableEventError:
            continue
        for change in changes:
            _add(outcome, event, change, offset)
    return outcome


def _add(outcome: PrivateOutcome, event: PrivateEvent, change: WalletChange, offset: int) -> None:
    derived, state = DerivedType(change.kind), dict(change.state)
    commissions = state.pop("commissions", {})
    if derived is DerivedType.ORDER:
        state["commission_assets"] = sorted(commissions)
        state["commissions"] = [_scaled(commissions[asset], 8) for asset in sorted(commissions)]
    places = _places(derived)
    fields = {name: _scaled(value, places.get(name, 0)) for name, value in state.items()}
    blank = dict.fromkeys(_TYPES[derived].__struct_fields__)
    fields |= {"account": event.account, "input_offset": offset, "snapshot_offset": -1}
    value = cast("Order | Balance | Position", _TYPES[derived](**blank | fields))
    outcome.states[event.market, event.account, derived].append(StateRecord(change.key, value, offset))


def _scaled(value: Any, places: int) -> Any:
    return int(value.scaleb(places)) if isinstance(value, Decimal) else value


def _places(derived: DerivedType) -> dict[str, int]:
    found: dict[str, int] = {}
    for field in load_schema(str(derived))["fields"]:
        kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
        for kind in kinds:
            if isinstance(kind, dict) and "scale" in kind:
                found[field["name"]] = kind["scale"]
    return found
