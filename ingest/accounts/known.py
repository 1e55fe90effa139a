"""What is known of an account, kept in Kafka: written when a comparison is whole, read back before the next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Iterable

from structlog.stdlib import BoundLogger

from ingest.control_records import ControlRecords
from ingest.core.account_known import AccountKnown
from ingest.core.records import Record
from ingest.kafka_log import read_latest
from ingest.publisher import Publisher
from schemas.control import AccountProgress, ReconcileCause
from schemas.kafka_access import Servers
from schemas.markets import Market
from schemas.topics import ControlType, TopicTable, partition_of


__all__ = ["KnownAccount", "Recall", "recall_from"]

Recall = Callable[[Market, str], Awaitable[AccountProgress | None]]
"""Returns the last note of progress of a market's account; None: there is none."""


def recall_from(bootstrap_servers: Servers, table: TopicTable, control: ControlRecords, log: BoundLogger) -> Recall:
    """Return what reads the notes of progress from Kafka.

    Args:
        bootstrap_servers: brokers.
        table: names the topic.
        control: decodes.
        log: tells of notes that cannot be read.
    """

    async def recall(market: Market, account: str) -> AccountProgress | None:
        topic = table.control(ControlType.ACCOUNT_PROGRESS)
        values, errors = control.read(await read_latest(bootstrap_servers, topic, [partition_of(account)]))
        for error in errors:
            log.error("note of an account's progress cannot be read", reason=str(error))
        notes = [one for one in values if isinstance(one, AccountProgress)]
        return next((one for one in reversed(notes) if (one.market, one.account) == (market, account)), None)

    return recall


class KnownAccount:
    """What is known of one account in one market, by this process and by all others.

    Args:
        market: which.
        account: its label.
        symbols: those that are looked for in any case.
        recall: reads the last note.
        control: makes notes.
        publisher: takes them.
    """

    def __init__(
        self,
        market: Market,
        account: str,
        symbols: Iterable[str],
        *,
        recall: Recall,
        control: ControlRecords,
        publisher: Publisher,
    ) -> None:
        self._market = market
        self._account = account
        self._symbols = set(symbols)
        self._recall = recall
        self._control = control
        self._publisher = publisher
        self._known: AccountKnown | None = None
        self._cause = ReconcileCause.START

    async def before(self, first_look: int) -> AccountKnown:
        """Return what is known before a comparison.

        Args:
            first_look: of an account that was never compared, the time since which its orders are asked for.
        """
        note = await self._recall(self._market, self._account)
        noted = None if note is None else AccountKnown.read(note)
        self._cause = self._cause if note is None else note.cause
        known = self._known or noted or AccountKnown.at_first(first_look)
        if noted is not None:
            known = known.merged(noted)
        self._know(known, {} if noted is None else noted.symbols)
        return known.with_symbols(self._symbols)

    def saw(self, symbols: Iterable[str]) -> None:
        """Take note of symbols in which the account trades: after a restart they are asked for, whatever happens."""
        if new := set(symbols) - self._symbols:
            self._symbols |= new
            if self._known is not None:
                self._know(self._known, self._known.symbols)

    async def found(self, known: AccountKnown, cause: ReconcileCause) -> None:
        """Take what a whole comparison found, once all its answers are acknowledged."""
        self._cause = cause
        self._known = known.with_symbols(self._symbols)
        await self._publisher.deliver(self._note(self._known))

    def _know(self, known: AccountKnown, noted: Container[str]) -> None:
        """Take this, and write it down where symbols are not noted that would be forgotten by a restart."""
        self._known = known.with_symbols(self._symbols)
        if any(symbol not in noted for symbol in self._known.symbols):
            self._publisher.publish(self._note(self._known))

    def _note(self, known: AccountKnown) -> Record:
        return self._control.account_progress(known.note(self._market, self._account, self._cause))
