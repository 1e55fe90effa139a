"""What an event of each type has to have, so that it can be read; as the venue names it.

Numbers are text, ids and times whole numbers. Only what is used here is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct, field


__all__ = ["SHAPES"]

Number = Annotated[str, Meta(pattern=r"^-?[0-9]{1,30}(\.[0-9]{1,30})?$")]
Maybe = Annotated[str, Meta(pattern=r"^(-?[0-9]{1,30}(\.[0-9]{1,30})?)?$")] | None
Id = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Time = Annotated[int, Meta(ge=0, lt=2**53)]
Symbol = Annotated[str, Meta(min_length=1)]
Side = Literal["BUY", "SELL"]
OrderNumber = Annotated[str, Meta(pattern=r"^[0-9]{0,19}$")]


class _Execution(Struct):
    s: Symbol
    S: Side
    c: str
    o: str
    f: str
    x: str
    X: str
    i: Id
    I: Id  # noqa: E741 - the venue's
    t: Id
    E: Time
    T: Time
    q: Number
    p: Number
    filled: Number = field(name="l")
    z: Number = field()
    L: Number = field()
    Z: Number = field()
    P: Number = "0"
    F: Number = "0"
    Y: Maybe = None
    Q: Maybe = None
    C: str = ""
    g: Id = -1
    n: Maybe = None
    N: str | None = None
    w: bool | None = None
    m: bool | None = None
    O: Time | None = None  # noqa: E741 - the venue's
    W: Id | None = None
    A: Maybe = None
    a: Id | None = None
    V: str | None = None
    r: str = "NONE"
    expiry_reason: str | None = field(name="eR", default=None)
    d: Id | None = None


class _FuturesOrder(Struct):
    s: Symbol
    S: Side
    c: str
    o: str
    f: str
    x: str
    X: str
    i: Id
    t: Id
    T: Time
    q: Number
    p: Number
    filled: Number = field(name="l")
    z: Number = field()
    L: Number = field()
    ap: Maybe = None
    sp: Maybe = None
    n: Maybe = None
    N: str | None = None
    rp: Maybe = None
    m: bool | None = None
    R: bool | None = None
    cp: bool | None = None
    protected: bool | None = field(name="pP", default=None)
    wt: str | None = None
    ot: str | None = None
    ps: Literal["BOTH", "LONG", "SHORT"] | None = None
    AP: Maybe = None
    cr: Maybe = None
    ma: str | None = None
    V: str | None = None
    pm: str | None = None
    gtd: Time | None = None
    er: str | int | None = None


class _TradeUpdate(Struct):
    E: Time
    T: Time
    o: _FuturesOrder


class _AlgoOrder(Struct):
    s: Symbol
    S: Side
    caid: str
    aid: Id
    o: str
    f: str
    X: str
    q: Number
    ps: Literal["BOTH", "LONG", "SHORT"] | None = None
    tp: Maybe = None
    p: Maybe = None
    R: bool | None = None
    cp: bool | None = None
    protected: bool | None = field(name="pP", default=None)
    wt: str | None = None
    ai: OrderNumber | Id | None = None
    aq: Maybe = None
    ap: Maybe = None
    V: str | None = None
    pm: str | None = None
    tt: Time | None = None
    gtd: Time | None = None
    ia: bool | None = None
    rm: str | None = None


class _AlgoUpdate(Struct):
    E: Time
    T: Time
    o: _AlgoOrder


class _TradeLite(Struct):
    s: Symbol
    S: Side
    i: Id
    t: Id
    E: Time
    T: Time
    L: Number
    filled: Number = field(name="l")
    m: bool | None = None


class _Leg(Struct):
    s: Symbol
    i: Id


class _ListStatus(Struct):
    g: Id
    c: str
    C: str
    L: str
    E: Time
    T: Time
    O: list[_Leg]  # noqa: E741 - the venue's


class _Refused(Struct):
    s: Symbol
    i: Id
    r: str


class _TriggerReject(Struct):
    E: Time
    T: Time
    refused: _Refused = field(name="or")


class _SpotBalance(Struct):
    a: str
    f: Number
    locked: Number = field(name="l")


class _SpotPosition(Struct):
    E: Time
    u: Time
    B: list[_SpotBalance]


class _Delta(Struct):
    E: Time
    T: Time
    a: str
    d: Number


class _Wallet(Struct):
    a: str
    wb: Number
    cw: Number
    bc: Maybe = None


class _Position(Struct):
    s: Symbol
    pa: Number
    ep: Maybe = None
    up: Maybe = None
    bep: Maybe = None
    cr: Maybe = None
    iw: Maybe = None
    mt: str | None = None
    ps: Literal["BOTH", "LONG", "SHORT"] = "BOTH"


class _Changed(Struct):
    m: str | None = None
    B: list[_Wallet] = []
    P: list[_Position] = []


class _AccountUpdate(Struct):
    E: Time
    T: Time
    a: _Changed


class _Warned(Struct):
    s: Symbol
    ps: str
    pa: Number
    mp: Maybe = None
    mm: Maybe = None
    up: Maybe = None


class _MarginCall(Struct):
    E: Time
    p: list[_Warned]


class _Leverage(Struct):
    s: Symbol
    leverage: Id = field(name="l")


class _Mode(Struct):
    j: bool


class _Configuration(Struct):
    E: Time
    T: Time
    ac: _Leverage | None = None
    ai: _Mode | None = None


SHAPES: Final[Mapping[str, type[msgspec.Struct]]] = {
    "executionReport": _Execution,
    "listStatus": _ListStatus,
    "ORDER_TRADE_UPDATE": _TradeUpdate,
    "TRADE_LITE": _TradeLite,
    "ALGO_UPDATE": _AlgoUpdate,
    "CONDITIONAL_ORDER_TRIGGER_REJECT": _TriggerReject,
    "outboundAccountPosition": _SpotPosition,
    "balanceUpdate": _Delta,
    "externalLockUpdate": _Delta,
    "ACCOUNT_UPDATE": _AccountUpdate,
    "MARGIN_CALL": _MarginCall,
    "ACCOUNT_CONFIG_UPDATE": _Configuration,
}
"""By type; of a type that is not here, nothing is known."""
