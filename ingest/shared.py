"""What all markets of a process use together."""

from __future__ import annotations

from msgspec import Struct
from structlog.stdlib import BoundLogger

from ingest.config import Settings
from ingest.connection import Clocks
from ingest.control_records import ControlRecords
from ingest.core.merged import SeenVersions
from ingest.core.pacing import Pacer
from ingest.metrics import Metrics
from ingest.publisher import Publisher
from ingest.symbols import SymbolBook
from schemas.topics import TopicTable


__all__ = ["Shared"]


class Shared(Struct, frozen=True):
    """What all markets of a process use together."""

    settings: Settings
    ingest_id: str
    table: TopicTable
    publisher: Publisher
    control: ControlRecords
    metrics: Metrics
    clocks: Clocks
    symbol_book: SymbolBook
    merged: SeenVersions
    attempts: Pacer
    """Connection attempts of this address."""
    log: BoundLogger
