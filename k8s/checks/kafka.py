"""Checks of what operators of Kafka and of its lag are told: topics, rights, scaling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from k8s.checks.manifests import Finding, Manifest, Manifests, Pods
from k8s.checks.settings import environment_of
from processors.flows import Family
from schemas.topics import PARTITIONS


__all__ = ["TOPIC_SETTINGS", "rights", "scaling", "topics"]

TOPIC_SETTINGS: Final = frozenset(
    {
        "cleanup.policy",
        "compression.gzip.level",
        "compression.lz4.level",
        "compression.type",
        "compression.zstd.level",
        "delete.retention.ms",
        "file.delete.delay.ms",
        "flush.messages",
        "flush.ms",
        "follower.replication.throttled.replicas",
        "index.interval.bytes",
        "leader.replication.throttled.replicas",
        "local.retention.bytes",
        "local.retention.ms",
        "max.compaction.lag.ms",
        "max.message.bytes",
        "message.timestamp.after.max.ms",
        "message.timestamp.before.max.ms",
        "message.timestamp.type",
        "min.cleanable.dirty.ratio",
        "min.compaction.lag.ms",
        "min.insync.replicas",
        "preallocate",
        "remote.log.copy.disable",
        "remote.log.delete.on.disable",
        "remote.storage.enable",
        "retention.bytes",
        "retention.ms",
        "segment.bytes",
        "segment.index.bytes",
        "segment.jitter.ms",
        "segment.ms",
        "unclean.leader.election.enable",
    }
)
"""What a topic can be told, as the broker lists it (tests/integration/test_k8s_topics.py)."""


def topics(manifests: Manifests) -> Iterator[Finding]:
    """Topics have settings that Kafka knows, as many partitions as symbols are dealt out to, and spare replicas."""
    for topic in manifests.of_kind("KafkaTopic"):
        spec, where = topic["spec"], _where(topic)
        for key in sorted(set(spec.get("config") or {}) - TOPIC_SETTINGS):
            yield Finding(where, f'"{key}" is no setting of a topic')
        if spec.get("partitions") != PARTITIONS:
            yield Finding(
                where, f"has {spec.get('partitions')} partitions, must have {PARTITIONS}: keys are dealt out by them"
            )
        least = int((spec.get("config") or {}).get("min.insync.replicas", 1))
        if least >= spec.get("replicas", 1) > 1:
            yield Finding(where, f"min.insync.replicas {least} of {spec['replicas']}: no broker may be away")


def rights(manifests: Manifests) -> Iterator[Finding]:
    """Users may do something to topics that exist, and to those that they name; all are of one cluster."""
    known = {_topic_name(one) for one in manifests.of_kind("KafkaTopic")}
    clusters = {
        one["metadata"]["labels"].get("strimzi.io/cluster") for one in manifests.of_kind("KafkaTopic", "KafkaUser")
    }
    if len(clusters) > 1:
        yield Finding("KafkaTopic, KafkaUser", f"are of several clusters: {', '.join(map(str, clusters))}")
    for user in manifests.of_kind("KafkaUser"):
        where = _where(user)
        if not user["spec"].get("authentication"):
            yield Finding(where, "has no authentication: anybody could be it")
        for acl in (user["spec"].get("authorization") or {}).get("acls") or ():
            resource = acl["resource"]
            if resource["type"] == "topic":
                if resource.get("patternType", "literal") != "literal":
                    yield Finding(where, f'a right on all topics "{resource["name"]}…" is one on private topics too')
                elif resource["name"] not in known:
                    yield Finding(where, f'topic "{resource["name"]}" is no KafkaTopic here')
            if "All" in acl["operations"]:
                yield Finding(where, "may do everything to " + str(resource.get("name")))


def scaling(manifests: Manifests) -> Iterator[Finding]:
    """What is scaled exists, is scaled by one thing, by its own group's lag, and to no more pods than partitions."""
    for scaled in manifests.of_kind("ScaledObject"):
        spec, where = scaled["spec"], _where(scaled)
        target = spec["scaleTargetRef"]
        workload = manifests.named(target.get("kind", "Deployment"), target["name"])
        if workload is None:
            yield Finding(where, f"its target {target.get('kind', 'Deployment')}/{target['name']} is not here")
        elif "replicas" in workload["spec"]:
            yield Pods(workload).find(
                f"says how many replicas it has, and so does {where}: each apply would set them back"
            )
        if spec.get("maxReplicaCount", 100) > PARTITIONS:
            yield Finding(where, f"maxReplicaCount is above {PARTITIONS}, the number of partitions")
        if spec.get("minReplicaCount", 0) < 1:
            yield Finding(
                where, "minReplicaCount must be at least 1: a worker that is gone fills the lag that brings it back"
            )
        for trigger in spec.get("triggers") or ():
            yield from _group(where, target["name"], trigger)
            if workload is not None and trigger.get("type") == "kafka":
                yield from _login(where, _environment(manifests, Pods(workload)), trigger)


def _group(where: str, target: str, trigger: Manifest) -> Iterator[Finding]:
    group = str((trigger.get("metadata") or {}).get("consumerGroup", ""))
    _, _, family = group.rpartition("-processors-")
    if trigger.get("type") == "kafka" and (family not in set(Family) or family != target):
        yield Finding(where, f'consumerGroup "{group}" is not the one of {target}: <prefix>-processors-{target}')


def _login(where: str, env: Mapping[str, str], trigger: Manifest) -> Iterator[Finding]:
    """KEDA asks Kafka itself, with nothing of what the pods log in by: it has to be told the same once more."""
    protocol = env.get("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")
    metadata = trigger.get("metadata") or {}
    if protocol.endswith("SSL") and metadata.get("tls") != "enable":
        yield Finding(where, f"Kafka is spoken to by TLS ({protocol}) and the trigger is not: metadata tls: enable")
    shown = "a password" if "SASL" in protocol else "a certificate" if "KAFKA_SSL_KEY_FILE" in env else None
    if shown and "authenticationRef" not in trigger:
        yield Finding(where, f"Kafka is shown {shown}, and the trigger has none: authenticationRef")


def _environment(manifests: Manifests, pods: Pods) -> Mapping[str, str]:
    return {name: value for one in pods.containers() for name, value in environment_of(manifests, one).items()}


def _topic_name(topic: Manifest) -> str:
    return str(topic["spec"].get("topicName") or topic["metadata"]["name"])


def _where(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"
