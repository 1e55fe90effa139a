"""One account in one market, compared with the venue: at start, after every break of its stream, and on a timer."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from aiokafka.errors import KafkaError
from structlog.stdlib import BoundLogger

from ingest.accounts.account_rest import AccountRest
from ingest.accounts.held_answers import HeldAnswers
from ingest.accounts.known import KnownAccount
from ingest.accounts.venue_clock import RequestClock
from ingest.connection import Clocks
from ingest.core.account_answers import symbols_of_event
from ingest.core.account_endpoints import Asked, endpoint_for
from ingest.core.account_faults import Fault, fault_of
from ingest.core.account_records import SignedAnswer
from ingest.core.budget import Importance
from ingest.core.reconcile_wakes import Wakes
from ingest.core.reconciling import OVERLAP_MS, Question, Reconciliation, Remembered
from ingest.core.replies import UNREADABLE
from ingest.errors import IngestError, KeyRefusedError, RecordRefusedError, RestError, RestRefusedError
from ingest.metrics import Metrics
from schemas.control import ReconcileCause
from schemas.markets import Market


__all__ = ["Reconciler"]

MOST_BYTES: Final = 900_000
"""The largest answer that is put into one record: brokers take 1 MiB unless they are told otherwise."""
_LONGEST_WAIT_S: Final = 60.0
_NO_SUCH_PATH: Final = 404


class AnswerTooLargeError(IngestError):
    """An answer that fits into no record, and cannot be asked for in parts."""

    def __init__(self, path: str, size: int) -> None:
        self.path = path
        self.size = size
        super().__init__(path, size)

    def __str__(self) -> str:
        return f'answer of "{self.path}": {self.size} bytes do not fit into a record, nor can it be asked for in parts'


_TROUBLES: Final = (AnswerTooLargeError, RestError, RecordRefusedError, KafkaError, *UNREADABLE)


class Reconciler:
    """Compares one account in one market with the venue, one comparison at a time.

    Args:
        market: which.
        account: its label.
        rest: asks.
        clock: the venue's time.
        known: how far the account is known.
        answers: takes the answers.
        interval_s: how long after a comparison the next one comes without a cause.
        first_look_s: of an account that was never compared, how far back its orders are asked for.
        metrics: counts.
        clocks: time and chance.
        log: bound to market and account.
    """

    def __init__(
        self,
        market: Market,
        account: str,
        *,
        rest: AccountRest,
        clock: RequestClock,
        known: KnownAccount,
        answers: HeldAnswers,
        interval_s: float,
        first_look_s: float,
        metrics: Metrics,
        clocks: Clocks,
        log: BoundLogger,
    ) -> None:
        self._market = market
        self._account = account
        self._rest = rest
        self._clock = clock
        self._known = known
        self._answers = answers
        self._first_look_ms = int(first_look_s * 1000)
        self._metrics = metrics
        self._clocks = clocks
        self._log = log
        self._wakes = Wakes(interval_s * 1000, clocks.now_ms())
        self._woken = asyncio.Event()
        self._remembered: Remembered | None = None

    def wake(self, cause: ReconcileCause) -> None:
        """Ask for a comparison that begins from now on; one that is under way is followed by another."""
        self._wakes.wake(cause)
        self._woken.set()

    def saw(self, event: bytes) -> None:
        """Take note of an event of the account's stream: its symbol is looked after from now on."""
        if symbols := symbols_of_event(event):
            self._known.saw(symbols)

    async def run(self) -> None:
        """Compare when there is a cause, until cancelled."""
        while True:
            if (cause := self._wakes.begin(self._clocks.now_ms())) is not None:
                await self._attempt(cause)
            wait_s = min(_LONGEST_WAIT_S, self._wakes.wait_ms(self._clocks.now_ms()) / 1000)
            if wait_s > 0:
                self._woken.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._woken.wait()

    async def _attempt(self, cause: ReconcileCause) -> None:
        begun_ms = self._clocks.now_ms()
        try:
            done = await self._compare(cause)
        except _TROUBLES as error:
            self._failed(cause, error)
            return
        finally:
            await self._answers.drop()
        self._wakes.succeeded(self._clocks.now_ms())
        seconds = (self._clocks.now_ms() - begun_ms) / 1000
        labels = (self._market, self._account)
        self._metrics.reconciliations.labels(*labels, cause, "done").inc()
        self._metrics.reconciliation_seconds.labels(*labels).observe(seconds)
        self._metrics.reconciled_time.labels(*labels).set(self._clocks.wall_ns() / 1e9)
        tell = self._log.warning if done.skipped else self._log.info
        tell(
            "account compared with the venue",
            cause=cause,
            answer_count=done.answer_count,
            symbol_count=len(done.known().symbols),
            seconds=round(seconds, 1),
            **({"symbols_refused": sorted(done.skipped)} if done.skipped else {}),
            **({"not_given": sorted(done.left_out)} if done.left_out else {}),
        )

    async def _compare(self, cause: ReconcileCause) -> Reconciliation:
        await self._clock.ready()
        time = self._clock.time()
        known = await self._known.before(time - self._first_look_ms + OVERLAP_MS + 1)  # a day is one window of spot
        comparison = Reconciliation(self._market, known, time, remembered=self._remembered)
        while (question := comparison.question()) is not None:
            answer = await self._ask(question, comparison, cause)
            if answer is None:
                continue
            if len(answer.body) > MOST_BYTES:
                if not comparison.too_large(answer.body):
                    raise AnswerTooLargeError(answer.path, len(answer.body))
                continue
            comparison.answered(answer.body)
            await self._answers.put(question.asked, answer, cause)
            self._metrics.reconciliation_answers.labels(self._market, self._account).inc()
        await self._answers.flush()
        await self._known.found(comparison.known(), cause)
        self._remembered = comparison.remembered()
        return comparison

    async def _ask(self, question: Question, comparison: Reconciliation, cause: ReconcileCause) -> SignedAnswer | None:
        """Return an answer; None: the venue does not give it, and the comparison goes on without."""
        endpoint = endpoint_for(self._market, question.asked)
        if endpoint is None:
            return None
        # One on the timer would otherwise hold up what waits behind it for as long as the budget is short.
        routine = cause is ReconcileCause.TIMER and not self._wakes.urgent
        importance = Importance.REFRESH if routine else Importance.HOLE
        try:
            return await self._rest.get_signed(
                endpoint.path, dict(question.params), weight=question.weight, importance=importance
            )
        except RestRefusedError as error:
            if not _is_refused_for_good(question, error) or not comparison.refused():
                raise
            self._log.debug("question refused", asked=question.asked, symbol=question.symbol, reason=str(error))
            return None

    def _failed(self, cause: ReconcileCause, error: Exception) -> None:
        wait_s = self._wakes.failed(self._clocks.now_ms(), self._clocks.random())
        self._metrics.reconciliations.labels(self._market, self._account, cause, "failed").inc()
        tell = self._log.error if isinstance(error, KeyRefusedError) else self._log.warning
        tell("account not compared", cause=cause, reason=str(error), next_attempt_s=round(wait_s, 1))


def _is_refused_for_good(question: Question, error: RestRefusedError) -> bool:
    """Return whether the venue says that it does not give a list; a wall in front of it says nothing of the kind."""
    if question.asked is Asked.OPEN_ALGOS and question.symbol is None:
        return error.status == _NO_SUCH_PATH
    known = error.code is not None and question.symbol is not None
    return known and fault_of(error.status, error.code) is Fault.OTHER
