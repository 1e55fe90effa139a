"""What can go wrong in a worker, beyond a bad record.

ProcessorsError
 ├── StartError                the worker cannot begin
 │    ├── TopicsMissingError       set-up was not run, or for another prefix
 │    ├── TopicPartitionsError     a topic has another number of partitions than the topic table
 │    ├── BrokerUnavailableError   the broker does not answer
 │    ├── PortTakenError           the health port is not free
 │    ├── TracingUnavailableError  spans are wanted, and what makes them is not installed
 │    └── FaustBuildError          Faust is not the one this was built on
 ├── OutputError               the broker did not take an output: nothing after it is committed
 ├── NotAMemberError           the group may have given the partitions to somebody else
 ├── ReplayError               a replay cannot be made, or did not come to its end
 │    ├── RangeEmptyError          nothing lies between its bounds
 │    ├── RangeLostError           the log does not hold what its plan names
 │    └── PrefixTakenError         topics of its output prefix exist
 ├── TopicsReplacedError       a topic was deleted and made anew under a worker that reads it
 └── RebuildError              the log needed to bring a partition's state back cannot be read

Each ends the worker; a record that cannot be read does not, it goes to the dead-letter topic.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from schemas.kafka_access import Servers
from schemas.kafka_refusal import Refusal


__all__ = [
    "BrokerUnavailableError",
    "FaustBuildError",
    "NotAMemberError",
    "OutputError",
    "PortTakenError",
    "PrefixTakenError",
    "ProcessorsError",
    "RangeEmptyError",
    "RangeLostError",
    "RebuildError",
    "ReplayError",
    "StartError",
    "TopicPartitionsError",
    "TopicsMissingError",
    "TopicsReplacedError",
    "TracingUnavailableError",
]


class ProcessorsError(Exception):
    """Root of a worker's errors."""


class StartError(ProcessorsError):
    """The worker cannot begin."""


class TopicsMissingError(StartError):
    """Topics that the worker reads or writes do not exist."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(self.names)

    def __str__(self) -> str:
        return f'{len(self.names)} topics do not exist: {", ".join(self.names)}; run "binance-ingest setup"'


class TopicPartitionsError(StartError):
    """Topics have another number of partitions than the topic table says."""

    def __init__(self, found: Mapping[str, int], expected: int) -> None:
        self.found = dict(found)
        self.expected = expected
        super().__init__(self.found, expected)

    def __str__(self) -> str:
        found = ", ".join(f"{name} has {count}" for name, count in self.found.items())
        return (
            f"topics must have {self.expected} partitions, so that everything about a symbol is in partitions of one "
            f'number, but {found}; delete them and run "binance-ingest setup", or use another TOPIC_PREFIX'
        )


class BrokerUnavailableError(StartError):
    """The broker does not answer, or refuses whoever connects."""

    def __init__(self, servers: Servers, reason: str, refusal: Refusal | None = None) -> None:
        self.servers = str(servers)
        self.reason = reason
        self.refusal = refusal
        super().__init__(self.servers, reason, refusal)

    def __str__(self) -> str:
        if self.refusal is not None:
            return f'broker "{self.servers}": {self.refusal}'
        return f'broker "{self.servers}": does not answer ({self.reason}); is KAFKA_BOOTSTRAP_SERVERS right?'


class PortTakenError(StartError):
    """The address for health and metrics cannot be listened on."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        self.host = host
        self.port = port
        self.reason = reason
        super().__init__(host, port, reason)

    def __str__(self) -> str:
        return (
            f"health port {self.host}:{self.port}: {self.reason}; set PROCESSORS_METRICS_PORT to another, "
            "or to 0 for any that is free"
        )


class FaustBuildError(StartError):
    """Faust lacks something that the guarantees rest on."""


class TracingUnavailableError(StartError):
    """Spans are wanted, and what makes them is not installed."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)

    def __str__(self) -> str:
        return f"PROCESSORS_TRACE_RATIO: {self.reason}"


class OutputError(ProcessorsError):
    """The broker did not take a batch of outputs."""

    def __init__(self, topic: str, partition: int, reason: str) -> None:
        self.topic = topic
        self.partition = partition
        self.reason = reason
        super().__init__(topic, partition, reason)

    def __str__(self) -> str:
        return f'topic "{self.topic}", partition {self.partition}: the broker did not take the outputs: {self.reason}'


class NotAMemberError(ProcessorsError):
    """No heartbeat succeeded lately: somebody else may own the partitions by now."""

    def __init__(self, age_s: float | None, limit_s: float) -> None:
        self.age_s = age_s
        self.limit_s = limit_s
        super().__init__(age_s, limit_s)

    def __str__(self) -> str:
        age = (
            "no group heartbeat succeeded yet" if self.age_s is None else f"last group heartbeat {self.age_s:.1f} s ago"
        )
        return f"{age}, limit {self.limit_s:.1f} s: the partitions may belong to another worker; nothing was sent"


class TopicsReplacedError(ProcessorsError):
    """Topics were deleted and made anew: the state is of a log that is there no more."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(self.names)

    def __str__(self) -> str:
        return (
            f"topics were deleted and made anew while they were read: {', '.join(self.names)}; "
            "start the worker again, its state then begins anew from what they hold"
        )


class RebuildError(ProcessorsError):
    """The state of partitions cannot be brought back."""

    def __init__(self, partitions: Collection[int], reason: str) -> None:
        self.partitions = sorted(partitions)
        self.reason = reason
        super().__init__(self.partitions, reason)

    def __str__(self) -> str:
        partitions = ", ".join(str(partition) for partition in self.partitions)
        return f"partitions {partitions}: their state cannot be brought back: {self.reason}"


class ReplayError(ProcessorsError):
    """A replay cannot be made, or did not come to its end."""


class RangeEmptyError(ReplayError):
    """Nothing lies between the bounds of a replay."""

    def __init__(self, prefix: str, begin: str, end: str) -> None:
        self.prefix = prefix
        self.begin = begin
        self.end = end
        super().__init__(prefix, begin, end)

    def __str__(self) -> str:
        return (
            f'range from "{self.begin}" to "{self.end}": no record of the raw topics of "{self.prefix}" lies in it; '
            "are TOPIC_PREFIX and PROCESSORS_MARKETS right?"
        )


class RangeLostError(ReplayError):
    """The log does not hold what the plan of a replay names."""

    def __init__(self, topic: str, partition: int, wanted: tuple[int, int], kept: tuple[int, int]) -> None:
        self.topic = topic
        self.partition = partition
        self.wanted = wanted
        self.kept = kept
        super().__init__(topic, partition, wanted, kept)

    def __str__(self) -> str:
        return (
            f'topic "{self.topic}", partition {self.partition}: offsets {self.wanted[0]} to {self.wanted[1]} are '
            f"wanted, {self.kept[0]} to {self.kept[1]} are kept: retention took the others, or the topic was replaced"
        )


class PrefixTakenError(ReplayError):
    """Topics of the output prefix of a replay exist: what is in them would be part of the result."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(self.names)

    def __str__(self) -> str:
        return (
            f'output prefix: {len(self.names)} topics exist already, the first is "{self.names[0]}"; '
            "give another --output-prefix, or delete them"
        )
