"""Notes of how far accounts are known, in the memory of a test."""

from __future__ import annotations

from ingest.accounts.known import KnownAccount
from ingest.control_records import ControlRecords
from schemas.codec import Codec
from schemas.control import AccountProgress
from schemas.markets import Market
from schemas.topics import ControlType, TopicTable
from tests.support.fakes import RecordingPublisher
from tests.support.offline_registry import OfflineRegistry


__all__ = ["Notebook"]

TABLE = TopicTable()
NOTES = TABLE.control(ControlType.ACCOUNT_PROGRESS)


class Notebook:
    """The notes of progress, as a broker keeps them."""

    def __init__(self) -> None:
        self.publisher = RecordingPublisher()
        self.codec = Codec(TABLE, OfflineRegistry())

    async def recall(self, market: Market, account: str) -> AccountProgress | None:
        notes = [note for note in self.notes() if (note.market, note.account) == (market, account)]
        return notes[-1] if notes else None

    def notes(self) -> list[AccountProgress]:
        records = self.publisher.of(NOTES.name)
        values = [self.codec.decode(NOTES.name, one.partition, 0, one.value) for one in records]
        return [one for one in values if isinstance(one, AccountProgress)]

    def account(self, *symbols: str, market: Market = Market.SPOT) -> KnownAccount:
        return KnownAccount(
            market,
            "main",
            symbols,
            recall=self.recall,
            control=ControlRecords(TABLE, self.codec),
            publisher=self.publisher,
        )
