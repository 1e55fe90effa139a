"""The ends of the log, held against the venue's newest ids: what an outage took from a symbol that trades no more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import batched
from typing import Final, Protocol

from aiokafka.errors import KafkaError
from structlog.stdlib import BoundLogger

from ingest.connection import Clocks
from ingest.core.budget import Importance
from ingest.core.tails import GRACE_MS, Lacking, Newest, Tail, TailWatch
from ingest.core.weights import tickers_at_once
from ingest.errors import RestError, RestRefusedError
from schemas.markets import Market
from schemas.rest import DayTicker, RestAggTrade
from schemas.topics import RawType


__all__ = ["TailChecker", "TailRest"]
