"""The tables of orders, balances and positions against the exchange's own books, every field that both know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from sandbox.exchange.private.endpoints import PRIVATE_ENDPOINTS
from sandbox.recordings.private import Account
from sandbox.soak.accounts.books import Fields, Kept
from sandbox.soak.accounts.missed import told_by
from sandbox.verify.private.outcome import PrivateOutcome
from sandbox.verify.topics import Record
from schemas.accounts import Balance, Order, Position
from schemas.documents import scales_of, to_document
from schemas.markets import Market
from schemas.topics import DerivedType, RawType


__all__ = ["AccountVerdict", "RestUse", "TableVerdict", "judge_account"]

_SHOWN: Final = 20
_COMMISSION_SCALE: Final = 8


class TableVerdict(msgspec.Struct):
    """One table of one account on one market."""

    rows: int = 0
    """That the exchange has."""
    equal: int = 0
    different: int = 0
    missing: int = 0
    invented: int = 0
    """In the table, unknown to the exchange."""
    states: int = 0
    """Records of the topic: every change."""
    recovered: int = 0
    """Rows of which something was missed on the stream and came from an answer of REST alone."""

    @property
    def holds(self) -> bool:
        """Whether the table is the exchange's."""
        return not (self.different or self.missing or self.invented)


class AccountVerdict(msgspec.Struct):
    """One account on one market."""

    orders: TableVerdict
    balances: TableVerdict
    positions: TableVerdict
    fills: int
    """Of all its orders, by the exchange's books."""
    missed_orders: int
    """Of which no event told anything: REST alone did."""
    missed_fills: int
    """Likewise; fills that an event told without their commission count among them."""
    unmarked: int
    """Orders of which a fill or everything was missed, and which are not marked `recovered`."""
    irregular: int
    """Reports that the table of legal transitions does not allow."""
    events: int
    """Raw records of its streams."""
    answers: int
    objections: list[str]
    """The first of what does not hold."""

    @property
    def holds(self) -> bool:
        """Whether all tables are the exchange's."""
        tables = self.orders, self.balances, self.positions
        return all(table.holds for table in tables) and not (self.unmarked or self.irregular)


class RestUse(msgspec.Struct):
    """What was asked over REST, by the answers in the log."""

    answers: dict[str, int] = {}
    """By market and cause."""
    weight: dict[str, int] = {}
    """By market."""

    def take(self, market: Market, record: Record) -> None:
        """Count an answer."""
        path, cause = record.header("endpoint"), record.header("cause")
        params = dict(part.split("=", 1) for part in record.header("request").split("&") if "=" in part)
        weight = PRIVATE_ENDPOINTS["GET", path].weight(params)
        self.weight[market] = self.weight.get(market, 0) + weight
        name = f"{market} {cause}"
        self.answers[name] = self.answers.get(name, 0) + 1


def judge_account(account: Account, kept: Kept, outcome: PrivateOutcome) -> AccountVerdict:
    """Compare what the topics say of an account with what the exchange keeps."""
    objections: list[str] = []
    judged = {
        of: _judge(account, of, demanded, outcome, objections)
        for of, demanded in (
            (DerivedType.ORDER, kept.orders),
            (DerivedType.BALANCE, kept.balances),
            (DerivedType.POSITION, kept.positions),
        )
    }
    orders = _last(outcome, account, DerivedType.ORDER)
    market, label = account
    events = outcome.raw[market, label, RawType.ORDER_UPDATE]
    told = told_by(market, label, ((event.type, event.value) for event in events))
    missed_orders = kept.orders.keys() - told.orders
    missed_fills = kept.fills.keys() - told.fills
    unmarked = [
        key
        for key in missed_orders | {kept.fills[fill] for fill in missed_fills}
        if key in orders and not orders[key].recovered
    ]
    for key in unmarked:
        _object(objections, market, DerivedType.ORDER, key, "was missed in part, and is not marked so")
    return AccountVerdict(
        orders=judged[DerivedType.ORDER],
        balances=judged[DerivedType.BALANCE],
        positions=judged[DerivedType.POSITION],
        fills=len(kept.fills),
        missed_orders=len(missed_orders),
        missed_fills=len(missed_fills),
        unmarked=len(unmarked),
        irregular=sum(order.irregular_count for order in orders.values() if isinstance(order, Order)),
        events=sum(len(records) for (of, name, _), records in outcome.raw.items() if (of, name) == (market, label)),
        answers=outcome.answers[account],
        objections=objections,
    )


def _judge(
    account: Account,
    of: DerivedType,
    demanded: Mapping[bytes, Fields],
    outcome: PrivateOutcome,
    objections: list[str],
) -> TableVerdict:
    market, label = account
    found = _last(outcome, account, of)
    verdict = TableVerdict(rows=len(demanded), states=len(outcome.states[market, label, of]))
    for key, fields in demanded.items():
        value = found.get(key)
        unequal = _unequal(of, fields, value) if value is not None else {}
        if value is None and not _is_nothing(fields):
            verdict.missing += 1
            _object(objections, market, of, key, "is missing")
        elif unequal:
            verdict.different += 1
            _object(objections, market, of, key, _spelt(unequal))
        else:
            verdict.equal += 1
    for key in found.keys() - demanded.keys():
        if not _is_empty(found[key]):
            verdict.invented += 1
            _object(objections, market, of, key, "is none of the exchange's")
    verdict.recovered = _recovered(found.values())
    return verdict


def _last(outcome: PrivateOutcome, account: Account, of: DerivedType) -> Mapping[bytes, Order | Balance | Position]:
    """Return the last value of each key, as a reader of the topic has it: never back to an older version."""
    market, label = account
    last: dict[bytes, Order | Balance | Position] = {}
    for record in outcome.states[market, label, of]:
        before, value = last.get(record.key), record.value
        if before is None or _version(value) >= _version(before):
            last[record.key] = value
    return {key: value for key, value in last.items() if key not in outcome.removed[market, of]}


def _version(value: Order | Balance | Position) -> tuple[int, int]:
    return value.input_offset, value.snapshot_offset


def _unequal(of: DerivedType, fields: Fields, value: Order | Balance | Position) -> dict[str, tuple[object, object]]:
    """Return the fields that are not what they must be: what they must be, and what they are."""
    document = _exact(of, value)
    return {name: (wanted, document[name]) for name, wanted in fields.items() if document[name] != wanted}


def _exact(of: DerivedType, value: msgspec.Struct) -> dict[str, Any]:
    """Return a record's fields, numbers as decimals."""
    document = to_document(str(of), value)
    for name in scales_of(str(of)).keys() - {"commissions"}:
        document[name] = None if document[name] is None else Decimal(document[name])
    if isinstance(value, Order):
        pairs = zip(value.commission_assets, value.commissions, strict=True)
        document["commissions"] = {
            asset: Decimal(amount).scaleb(-_COMMISSION_SCALE) for asset, amount in pairs if amount
        }
    return document


def _is_nothing(fields: Fields) -> bool:
    """Whether a balance or position is none, of which nobody need have told."""
    return "order_id" not in fields and not any(isinstance(each, Decimal) and each for each in fields.values())


def _is_empty(value: Order | Balance | Position) -> bool:
    match value:
        case Order():
            return False
        case Balance():
            return not any((value.free, value.locked, value.wallet_balance, value.cross_wallet_balance))
        case Position():
            return not value.amount


def _recovered(values: Iterable[Order | Balance | Position]) -> int:
    return sum(value.recovered for value in values)


def _object(objections: list[str], market: Market, of: DerivedType, key: bytes, what: str) -> None:
    if len(objections) < _SHOWN:
        objections.append(f"{market} {of} {key.decode(errors='replace')}: {what}")


def _spelt(unequal: Mapping[str, tuple[object, object]]) -> str:
    return "; ".join(f"{name} must be {wanted}, is {found}" for name, (wanted, found) in unequal.items())
