"""Payloads about accounts: every key that the reference has is read, and what nobody knows is ignored."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas import account_rest as rest, user_data as events
from schemas.markets import Market
from schemas.user_data import UserEvent
from tests.support.account_samples import ANSWERS, EVENTS


TYPES: dict[str, type[msgspec.Struct]] = {
    UserEvent.EXECUTION_REPORT: events.ExecutionReport,
    UserEvent.LIST_STATUS: events.ListStatus,
    UserEvent.OUTBOUND_ACCOUNT_POSITION: events.OutboundAccountPosition,
    UserEvent.BALANCE_UPDATE: events.BalanceUpdate,
    UserEvent.EXTERNAL_LOCK_UPDATE: events.ExternalLockUpdate,
    UserEvent.EVENT_STREAM_TERMINATED: events.EventStreamTerminated,
    UserEvent.ORDER_TRADE_UPDATE: events.OrderTradeUpdate,
    UserEvent.TRADE_LITE: events.TradeLite,
    UserEvent.ACCOUNT_UPDATE: events.AccountUpdate,
    UserEvent.MARGIN_CALL: events.MarginCall,
    UserEvent.ACCOUNT_CONFIG_UPDATE: events.AccountConfigUpdate,
    UserEvent.ALGO_UPDATE: events.AlgoUpdate,
    UserEvent.CONDITIONAL_ORDER_TRIGGER_REJECT: events.ConditionalOrderTriggerReject,
    UserEvent.STRATEGY_UPDATE: events.StrategyUpdate,
    UserEvent.LISTEN_KEY_EXPIRED: events.ListenKeyExpired,
}
IGNORED = {"M", "si", "ss", "unheard"}
"""What the reference says to ignore, and what it does not know; `si` and `ss` mean something in strategies."""
ORDERS = {"openOrders", "allOrders", "order"}


def lost(sent: Any, read: Any, path: str = "") -> set[str]:
    """Return the places of a payload that are not in what was read of it."""
    if isinstance(sent, dict):
        return {place for key, value in sent.items() for place in lost(value, (read or {}).get(key), f"{path}.{key}")}
    if isinstance(sent, list) and isinstance(read, list) and len(sent) == len(read):
        return {place for one, other in zip(sent, read, strict=True) for place in lost(one, other, path)}
    return set() if sent == read else {path}


@pytest.mark.parametrize("event", [event for _, event in EVENTS if event["e"] in TYPES], ids=lambda event: event["e"])
def test_every_key_of_an_event_is_read(event: dict[str, Any]) -> None:
    message = msgspec.json.decode(msgspec.json.encode(event), type=TYPES[event["e"]])

    places = lost(event, msgspec.json.decode(msgspec.json.encode(message)))
    assert {place for place in places if place.rpartition(".")[2] not in IGNORED and ".unheard" not in place} == set()


def test_every_event_type_has_a_sample() -> None:
    assert {event["e"] for _, event in EVENTS} >= set(UserEvent)


@pytest.mark.parametrize(
    ("market", "endpoint", "answer"), ANSWERS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_is_read_of_an_answer_is_as_it_was_sent(market: Market, endpoint: str, answer: Any) -> None:
    spot = market is Market.SPOT
    types: dict[str, Any] = {
        **dict.fromkeys(ORDERS, rest.SpotOrderAnswer if spot else rest.FuturesOrderAnswer),
        "myTrades": rest.SpotTradeAnswer,
        "userTrades": rest.FuturesTradeAnswer,
        "openAlgoOrders": rest.AlgoOrderAnswer,
        "allAlgoOrders": rest.AlgoOrderAnswer,
        "account": rest.SpotAccount if spot else rest.FuturesAccount,
        "balance": rest.FuturesBalanceAnswer,
        "positionRisk": rest.PositionAnswer,
    }
    item = answer[0] if isinstance(answer, list) else answer
    message = msgspec.json.decode(msgspec.json.encode(item), type=types[endpoint])

    read = msgspec.json.decode(msgspec.json.encode(message))
    plain = {name: value for name, value in item.items() if name in read and not isinstance(value, list)}

    assert {name: read[name] for name in plain} == plain
    assert endpoint == "account" or len(plain) > 5


def test_a_frame_of_user_data_keeps_the_bytes_of_its_event() -> None:
    event = b'{"e": "executionReport",  "E": 1}'
    frame = msgspec.json.decode(b'{"subscriptionId":3,"event":' + event + b"}", type=events.SubscriptionFrame)

    assert (frame.subscription_id, bytes(frame.event)) == (3, event)
