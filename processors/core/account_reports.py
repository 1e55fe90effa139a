"""Raw records about accounts as reports in exact numbers: what a record tells, or why it tells nothing; never an error.

What one item of an answer hides does not hide the others: it is rejected by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs

import msgspec

from processors.core import (
    futures_holding_reports as futures_holdings,
    futures_order_reports as futures_orders,
    spot_holding_reports as spot_holdings,
    spot_order_reports as spot_orders,
)
from processors.core.holding_reports import (
    BalanceReport,
    BalancesNamed,
    BalanceTold,
    ExternalLockReport,
    LeverageReport,
    ModeReport,
    PositionReport,
    PositionsNamed,
    PositionTold,
    TransferReport,
    WarningReport,
)
from processors.core.order_reports import OrderTold
from processors.core.records import RawRecord, Rejected
from processors.core.told_values import Origin, UnreadableError
from schemas import account_rest as rest, user_data as events
from schemas.accounts import AccountSource
from schemas.markets import Market
from schemas.topics import RawType
from schemas.user_data import EventHead, UserEvent


__all__ = ["PassedOver", "Reports", "account_reports"]


class Reports(msgspec.Struct, frozen=True, kw_only=True):
    """What one raw record tells."""

    name: str
    """Event type, or the last part of the answer's path: ``executionReport``, ``openOrders``."""
    orders: tuple[OrderTold, ...] = ()
    balances: tuple[BalanceTold, ...] = ()
    positions: tuple[PositionTold, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    """Items of an answer that could not be read."""


class PassedOver(msgspec.Struct, frozen=True):
    """An event that tells nothing of orders, balances or positions, or that nobody knows yet."""

    name: str
    known: bool
    """Whether the reference has this event type."""


Told = tuple[OrderTold | BalanceTold | PositionTold, ...]
_MessageT = TypeVar("_MessageT", bound=msgspec.Struct)
_ReadT = TypeVar("_ReadT")
_Reader = Callable[[bytes, Origin], Told]
_BALANCES: Final = (BalanceReport, TransferReport, ExternalLockReport, ModeReport, BalancesNamed)
_POSITIONS: Final = (PositionReport, WarningReport, LeverageReport, PositionsNamed)


def _reader(message_type: type[_MessageT], tells: Callable[[_MessageT, Origin], Told]) -> _Reader:
    """Return what reads one type of payload, and says what it tells."""
    decode = msgspec.json.Decoder(message_type).decode

    def read(value: bytes, origin: Origin) -> Told:
        told = tells(decode(value), origin)
        if any(isinstance(one, OrderTold) and not one.key.symbol for one in told):
            raise UnreadableError("missing-field", "the symbol of an order is empty")
        return told

    return read


_EVENTS: Final[Mapping[str, _Reader]] = {
    UserEvent.EXECUTION_REPORT: _reader(events.ExecutionReport, spot_orders.told_by_execution_report),
    UserEvent.LIST_STATUS: _reader(events.ListStatus, spot_orders.told_by_list_status),
    UserEvent.ORDER_TRADE_UPDATE: _reader(events.OrderTradeUpdate, futures_orders.told_by_order_trade_update),
    UserEvent.TRADE_LITE: _reader(events.TradeLite, futures_orders.told_by_trade_lite),
    UserEvent.ALGO_UPDATE: _reader(events.AlgoUpdate, futures_orders.told_by_algo_update),
    UserEvent.CONDITIONAL_ORDER_TRIGGER_REJECT: _reader(
        events.ConditionalOrderTriggerReject, futures_orders.told_by_trigger_reject
    ),
    UserEvent.OUTBOUND_ACCOUNT_POSITION: _reader(
        events.OutboundAccountPosition, spot_holdings.told_by_account_position
    ),
    UserEvent.BALANCE_UPDATE: _reader(events.BalanceUpdate, spot_holdings.told_by_balance_update),
    UserEvent.EXTERNAL_LOCK_UPDATE: _reader(events.ExternalLockUpdate, spot_holdings.told_by_external_lock),
    UserEvent.ACCOUNT_UPDATE: _reader(events.AccountUpdate, futures_holdings.told_by_account_update),
    UserEvent.MARGIN_CALL: _reader(events.MarginCall, futures_holdings.told_by_margin_call),
    UserEvent.ACCOUNT_CONFIG_UPDATE: _reader(events.AccountConfigUpdate, futures_holdings.told_by_account_config),
}
_KNOWN_EVENTS: Final = frozenset(UserEvent)

_SPOT_ORDER: Final = _reader(rest.SpotOrderAnswer, spot_orders.told_by_spot_order)
_SPOT_TRADE: Final = _reader(rest.SpotTradeAnswer, spot_orders.told_by_spot_trade)
_FUTURES_ORDER: Final = _reader(rest.FuturesOrderAnswer, futures_orders.told_by_futures_order)
_FUTURES_TRADE: Final = _reader(rest.FuturesTradeAnswer, futures_orders.told_by_futures_trade)
_ALGO_ORDER: Final = _reader(rest.AlgoOrderAnswer, futures_orders.told_by_algo_order)
_SPOT_ITEMS: Final[Mapping[str, _Reader]] = {
    "order": _SPOT_ORDER,
    "openOrders": _SPOT_ORDER,
    "allOrders": _SPOT_ORDER,
    "myTrades": _SPOT_TRADE,
}
_FUTURES_ITEMS: Final[Mapping[str, _Reader]] = {
    "order": _FUTURES_ORDER,
    "openOrder": _FUTURES_ORDER,
    "openOrders": _FUTURES_ORDER,
    "allOrders": _FUTURES_ORDER,
    "userTrades": _FUTURES_TRADE,
    "algoOrder": _ALGO_ORDER,
    "openAlgoOrders": _ALGO_ORDER,
    "allAlgoOrders": _ALGO_ORDER,
}
"""Answers that are lists, by the last part of the path: what reads one item."""
_PARTIAL: Final = frozenset({"symbol", "pair", "marginAsset"})
"""Parameters of a question after which the answer does not name all positions."""

_decode_head: Final = msgspec.json.Decoder(EventHead).decode
_decode_items: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_balances: Final = msgspec.json.Decoder(list[rest.FuturesBalanceAnswer]).decode
_decode_positions: Final = msgspec.json.Decoder(list[rest.PositionAnswer]).decode
_read_spot_account: Final = _reader(rest.SpotAccount, spot_holdings.told_by_spot_account)
_read_futures_account: Final = _reader(rest.FuturesAccount, futures_holdings.told_by_futures_account)
_ANSWERS: Final = frozenset({RawType.ORDER_SNAPSHOT, RawType.ACCOUNT_SNAPSHOT})


def account_reports(record: RawRecord) -> Reports | PassedOver | Rejected:
    """Return what a raw record about an account tells.

    Args:
        record: of raw ``order-update``, ``account-update``, ``order-snapshot`` or ``account-snapshot``.

    Returns:
        The reports; ``PassedOver`` where an event tells nothing that is kept, or is of an unknown type, or an answer is
        of an unknown endpoint; ``Rejected`` where it cannot be read.
    """
    if record.type in _ANSWERS:
        return _guarded(lambda: _answer(record))
    return _guarded(lambda: _event(record))


def _guarded(read: Callable[[], _ReadT]) -> _ReadT | Rejected:
    """Return what was read, or the reason why it cannot be."""
    try:
        return read()
    except UnreadableError as error:
        return Rejected(error.reason, error.detail)
    except msgspec.ValidationError as error:
        detail = str(error)
        return Rejected("missing-field" if "missing required field" in detail else "mistyped-field", detail)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Rejected("malformed-json", str(error))
    except RecursionError:
        return Rejected("malformed-json", "nested too deeply")


def _event(record: RawRecord) -> Reports | PassedOver:
    value = record.value or b""
    name = _decode_head(value).event_type
    reader = _EVENTS.get(name)
    if reader is None:
        return PassedOver(name[:40], name in _KNOWN_EVENTS)
    return _sorted(name, reader(value, _origin(record, AccountSource.STREAM)))


def _answer(record: RawRecord) -> Reports | PassedOver:
    value, origin = record.value or b"", _origin(record, AccountSource.REST)
    name = _text(record, "endpoint").rpartition("/")[2]
    item = (_SPOT_ITEMS if record.market is Market.SPOT else _FUTURES_ITEMS).get(name)
    if item is not None:
        return _items(name, value, origin, item)
    if name == "account":
        reader = _read_spot_account if record.market is Market.SPOT else _read_futures_account
        return _sorted(name, reader(value, origin))
    if name == "balance":
        return _sorted(name, futures_holdings.told_by_balances(_decode_balances(value), origin))
    if name == "positionRisk":
        whole = _PARTIAL.isdisjoint(parse_qs(_text(record, "request")))
        return _sorted(name, futures_holdings.told_by_positions(_decode_positions(value), origin, whole=whole))
    return PassedOver(name[:40], known=False)


def _items(name: str, value: bytes, origin: Origin, reader: _Reader) -> Reports:
    """Read the items of a list one by one: one that cannot be read hides no other."""
    alone = value.lstrip()[:1] == b"{"
    told: list[Any] = []
    rejected: list[Rejected] = []
    for item in [value] if alone else [bytes(raw) for raw in _decode_items(value)]:
        result = _guarded(partial(reader, item, origin))
        if isinstance(result, Rejected):
            rejected.append(result)
        else:
            told.extend(result)
    return Reports(name=name, orders=tuple(told), rejected=tuple(rejected))


def _sorted(name: str, told: Told) -> Reports:
    balances = tuple(report for report in told if isinstance(report, _BALANCES))
    positions = tuple(report for report in told if isinstance(report, _POSITIONS))
    orders = tuple(report for report in told if not isinstance(report, (*_BALANCES, *_POSITIONS)))
    return Reports(name=name, orders=orders, balances=balances, positions=positions)


def _origin(record: RawRecord, source: AccountSource) -> Origin:
    if not record.key:
        raise UnreadableError("missing-key", "a record about an account has its label as key")
    return Origin(
        market=record.market,
        account=record.key.decode(),
        source=source,
        connection=_text(record, "connection_id"),
        sequence=_number(record, "connection_sequence", record.offset),
        receive_time_ns=_number(record, "receive_time_ns", record.offset),
        request_time=_number(record, "request_time", 0),
    )


def _text(record: RawRecord, name: str) -> str:
    return (record.header(name) or b"").decode()


def _number(record: RawRecord, name: str, otherwise: int) -> int:
    """Return a header's number; another one where it is missing or none."""
    text = record.header(name) or b""
    return int(text) if text.isdigit() and len(text) < 20 else otherwise
