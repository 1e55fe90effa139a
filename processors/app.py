"""The Faust app of one family: everything explicit, nothing left to Faust's defaults or environment."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import faust
import faust.streams
import faust.transport.conductor
from faust.types import TopicT
from faust.types.auth import CredentialsT
from faust.types.transports import TransportT
from mode import CrashingSupervisor
from yarl import URL

from processors.batching import AssignmentListener, BatchSchema, BatchTransport, DeliveryLimits
from processors.errors import FaustBuildError
from schemas.kafka_access import SecurityProtocol, Servers, ssl_context_of


__all__ = ["AppOptions", "BatchApp", "require_compiled_faust"]

_FAUST_VERSION = "0.15.3"


@dataclass(frozen=True, slots=True)
class AppOptions:
    """What of an app is configured; times in seconds."""

    group: str
    bootstrap_servers: Servers
    instance_id: str | None = None
    session_timeout_s: float = 10.0
    rebalance_timeout_s: float = 30.0
    commit_interval_s: float = 0.5
    request_timeout_s: float = 30.0
    fetch_bytes: int = 1024 * 1024
    limits: DeliveryLimits = field(default_factory=DeliveryLimits)

    @property
    def heartbeat_interval_s(self) -> float:
        """A fifth of the session: two may be lost before half the session is over."""
        return self.session_timeout_s / 5


class BatchApp(faust.App):
    """A Faust app whose agents receive batches.

    Args:
        options: what is configured.
        listener: hears of assignments and may hold partitions back.
    """

    def __init__(self, options: AppOptions, listener: AssignmentListener) -> None:
        self._options = options
        self._listener = listener
        self._failure: asyncio.Future[BaseException] | None = None
        super().__init__(
            options.group,
            env={},  # Faust's own variables would win over the values given here
            version=1,
            origin="processors",
            autodiscover=False,  # a module that does not import would be a warning
            broker=[URL(f"kafka://{server.strip()}") for server in str(options.bootstrap_servers).split(",")],
            broker_credentials=_credentials(options.bootstrap_servers),
            broker_client_id=options.group,
            broker_commit_interval=options.commit_interval_s,
            broker_commit_every=2**31,  # by time alone: one event is a whole batch
            broker_session_timeout=options.session_timeout_s,
            broker_heartbeat_interval=options.heartbeat_interval_s,
            broker_rebalance_timeout=options.rebalance_timeout_s,
            broker_request_timeout=max(40.0, options.session_timeout_s),
            broker_max_poll_interval=300.0,
            # Take whatever was fetched: what stays behind keeps its partition from being fetched (batching.driver).
            broker_max_poll_records=None,
            broker_check_crcs=True,
            consumer_auto_offset_reset="earliest",
            consumer_max_fetch_size=options.fetch_bytes,
            consumer_group_instance_id=options.instance_id,
            # Faust's own producer sends nothing: outputs go through processors.outputs.
            producer_acks=-1,
            producer_request_timeout=options.request_timeout_s,
            processing_guarantee="at_least_once",
            agent_supervisor=CrashingSupervisor,
            stream_wait_empty=True,
            stream_buffer_maxsize=4_096,  # events; batches in flight are bounded by DeliveryLimits
            cython_optimizations=True,
            store="memory://",
            table_standby_replicas=1,  # with 0 and no table Faust drops its own assignor, and co-partitioning with it
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            worker_redirect_stdouts=False,
        )

    async def failed(self) -> BaseException:
        """Wait until the app crashes, and return why."""
        self._failure = asyncio.get_running_loop().create_future() if self._failure is None else self._failure
        if self.crash_reason is not None:
            return self.crash_reason
        return await self._failure

    def _crash(self, reason: BaseException) -> None:
        super()._crash(reason)
        if self._failure is not None:
            # The consumer's thread may be the one that crashed.
            self._failure.get_loop().call_soon_threadsafe(_resolve, self._failure, reason)

    def batches(self, topics: tuple[str, ...]) -> TopicT:
        """Return topics as one channel of batches."""
        return self.topic(*topics, schema=BatchSchema(), internal=False)

    def _new_transport(self) -> TransportT:
        return BatchTransport(self.conf.broker_consumer, self, listener=self._listener, limits=self._options.limits)

    def _create_directories(self) -> None:
        """Make none: nothing is kept on disk."""


def _credentials(servers: Servers) -> CredentialsT | None:
    """Return how the broker is spoken to, as Faust has it."""
    if isinstance(servers, str) or servers.security_protocol is SecurityProtocol.PLAINTEXT:
        return None
    context = ssl_context_of(servers) if servers.security_protocol.encrypted else None
    if not servers.security_protocol.with_password:
        return faust.SSLCredentials(context)
    return faust.SASLCredentials(
        username=servers.username,
        password=servers.secret(),
        mechanism=servers.sasl_mechanism.value,
        ssl_context=context,
    )


def _resolve(future: asyncio.Future[BaseException], reason: BaseException) -> None:
    if not future.done():
        future.set_result(reason)


def require_compiled_faust() -> None:
    """Check that Faust is the build that was tested.

    The compiled stream does not acknowledge events of an earlier generation; the pure Python one does, and commits over
    records that were not processed.

    Raises:
        FaustBuildError: it is another.
    """
    if faust.__version__ != _FAUST_VERSION:
        msg = f"faust-streaming {faust.__version__}, was to be {_FAUST_VERSION}: parts of its consumer are overridden"
        raise FaustBuildError(msg)
    compiled = {
        "stream": getattr(faust.streams, "_CStreamIterator", None),
        "conductor": getattr(faust.transport.conductor, "ConductorHandler", None),
    }
    if missing := [name for name, extension in compiled.items() if extension is None]:
        msg = f"faust-streaming lacks its compiled {' and '.join(missing)}; is NO_CYTHON set?"
        raise FaustBuildError(msg)
