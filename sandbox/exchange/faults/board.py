"""Takes orders of faults and sees that they happen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Protocol, assert_never

import msgspec
import structlog

from sandbox.exchange.fanout import Client, Fanout
from sandbox.exchange.faults.frames import transform_of
from sandbox.exchange.faults.model import (
    Close,
    CutDepth,
    Delist,
    ExpireKey,
    Fault,
    FaultError,
    FrameFault,
    HalfOpen,
    List,
    Reset,
    Rest,
    Shutdown,
    Silence,
    Snapshot,
    Wipe,
)
from sandbox.exchange.faults.orders import Order, Orders, OrderState
from sandbox.exchange.faults.requests import RequestFaults
from sandbox.exchange.faults.tap import FrameTap
from sandbox.exchange.source import Source, Steerable
from schemas.markets import Market


__all__ = ["BreakableClient", "FaultBoard"]

_SHUTDOWN_STREAM = "!serverShutdown"

_log = structlog.get_logger()


class BreakableClient(Client, Protocol):
    """A connection as faults see it."""

    @property
    def market(self) -> Market:
        """The market that it is for."""
        ...

    @property
    def accounts(self) -> Sequence[str]:
        """The accounts whose events it gets."""
        ...

    @property
    def alive(self) -> bool:
        """Whether it sends and answers."""
        ...

    def reset(self) -> None:
        """End it by a TCP reset."""
        ...

    def cut(self) -> None:
        """End it without a goodbye."""
        ...

    def fall_silent(self) -> None:
        """Keep the socket open and send and answer nothing any more."""
        ...

    async def close(self) -> None:
        """Close it with a close frame."""
        ...

    def announce(self, stream: str, payload: bytes) -> bool:
        """Send something that nobody subscribed to."""
        ...


class FaultBoard:
    """Faults at work.

    Args:
        orders: Where they are noted.
        source: Whose markets some of them change.
        fanout: Whose frames some of them touch.
        connections: Returns those that are open, the oldest first.
        venue_ms: The venue's clock.
        clock: A monotonic clock, seconds.
    """

    def __init__(
        self,
        orders: Orders,
        source: Source,
        fanout: Fanout,
        *,
        connections: Callable[[], Sequence[BreakableClient]],
        venue_ms: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        self.orders = orders
        self.tap = FrameTap(fanout, orders, connections, clock)
        self.requests = RequestFaults(orders, source, self.tap, clock)
        self.expire_keys: Callable[[ExpireKey], Sequence[tuple[Market, str]]] = lambda _: ()
        """Lets listen keys expire; returns whose."""
        self._source = source
        self._fanout = fanout
        self._connections = connections
        self._venue_ms = venue_ms
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    def order(self, fault: Fault) -> Order:
        """Let a fault happen, or begin to happen, now.

        Raises:
            FaultError: It cannot happen here.
        """
        self.check(fault)
        order = self.orders.add(fault)
        self.begin(order)
        if order.state is OrderState.FAILED:
            raise FaultError(order.reason or "")
        return order

    def check(self, fault: Fault) -> None:
        """Refuse what the source cannot do.

        Raises:
            FaultError: The source's markets are what they are.
        """
        if isinstance(fault, List | Delist | Wipe) and not isinstance(self._source, Steerable):
            name = fault.__struct_config__.tag
            msg = f'fault "{name}": this source cannot be steered; a simulated market can (exchange --simulate)'
            raise FaultError(msg)

    def begin_scheduled(self, order: Order) -> None:
        """Let a fault of a scenario begin, unless it was ended before."""
        if order.state is OrderState.WAITING:
            self.begin(order)

    def begin(self, order: Order) -> None:
        """Let a fault happen, or begin to happen, now; a source that refuses it makes it `OrderState.FAILED`."""
        order.state = OrderState.ACTIVE
        fault = order.fault
        _log.info("fault begins", id=order.number, fault=order.name)
        match fault:
            case FrameFault() | CutDepth():
                self.tap.add(order, fault.matches, transform_of(fault, self._clock()))
                if isinstance(fault, Silence):
                    asyncio.get_running_loop().call_later(fault.seconds, self.tap.end_spent)
            case Rest() | Snapshot():
                self.requests.add(order, fault)
            case List() | Delist() | Wipe():
                self._steer(order, fault)
            case Shutdown():
                self._shut_down(order, fault)
            case ExpireKey():
                self._expire(order, fault)
            case Reset() | HalfOpen() | Close():
                self._break(order, fault)
            case _:
                assert_never(fault)

    def end(self, number: int) -> bool:
        """Let a fault happen no more; return whether there is one of this number."""
        order = self.orders.find(number)
        if order is None:
            return False
        if order.state in {OrderState.WAITING, OrderState.ACTIVE}:
            order.state = OrderState.ENDED
            self.tap.end(order)
            self.requests.end(order)
        return True

    def _steer(self, order: Order, fault: List | Delist | Wipe) -> None:
        source = self._source
        market = fault.market
        if market is None or not isinstance(source, Steerable):
            order.fail("this source cannot be steered")
            return
        try:
            match fault:
                case List():
                    source.list_symbol(market, fault.symbol)
                case Delist():
                    source.delist(market, fault.symbol)
                case Wipe():
                    source.wipe(market, fault.symbol)
        except ValueError as error:
            order.fail(f'fault "{order.name}": {error}')
            _log.warning("fault not possible", id=order.number, fault=order.name, reason=str(error))
            return
        order.state = OrderState.ENDED
        self.orders.did(order, market, detail=fault.symbol)

    def _expire(self, order: Order, fault: ExpireKey) -> None:
        for market, account in self.expire_keys(fault):
            self.orders.did(order, market, detail=account)
        self._fanout.flush()
        order.state = OrderState.ENDED

    def _shut_down(self, order: Order, fault: Shutdown) -> None:
        there = [connection for connection in self._connections() if fault.concerns(connection.market)]
        payload = msgspec.json.encode({"e": "serverShutdown", "E": self._venue_ms()})
        for connection in there:
            if connection.announce(_SHUTDOWN_STREAM, payload):
                self.orders.did(order, connection.market, connection=connection.number, detail="announced")
        self._fanout.flush()
        asyncio.get_running_loop().call_later(fault.after_s, self._cut, order, there)

    def _cut(self, order: Order, connections: Iterable[BreakableClient]) -> None:
        if order.state is not OrderState.ACTIVE:
            return
        still_there = set(self._connections())
        for connection in connections:
            if connection in still_there:
                connection.cut()
                self.orders.did(order, connection.market, connection=connection.number, detail="cut")
        order.state = OrderState.ENDED

    def _break(self, order: Order, fault: Reset | HalfOpen | Close) -> None:
        self._fanout.flush()
        for connection in self._chosen(fault):
            match fault:
                case Reset():
                    connection.reset()
                case HalfOpen():
                    connection.fall_silent()
                case Close():
                    task = asyncio.get_running_loop().create_task(_closed(connection))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
            self.orders.did(order, connection.market, connection=connection.number)
        order.state = OrderState.ENDED

    def _chosen(self, fault: Reset | HalfOpen | Close) -> Sequence[BreakableClient]:
        there = [
            each
            for each in self._connections()
            if each.alive
            and fault.concerns(each.market)
            and (fault.account is None or any(fnmatchcase(account, fault.account) for account in each.accounts))
        ]
        match fault.connection:
            case "all":
                return there[: fault.count]
            case "one":
                return there[: fault.count or 1]
            case number:
                return [connection for connection in there if connection.number == number]


async def _closed(connection: BreakableClient) -> None:
    await connection.close()
