"""Strimzi's manifests, generated: a KafkaTopic for each topic of the table, a KafkaUser for each who reads or writes.

``python -m k8s.generate`` writes them anew; a test fails while they differ. ``--prefix`` and ``--cluster`` make them
for other names than the base's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml

from k8s.access import Principal, Right, principals
from schemas.topics import Topic, TopicTable


__all__ = ["PRIVATE_LABEL", "files", "topic_manifest", "user_manifest"]

PRIVATE_LABEL: Final = "binance-kafka/private"
"""On what there is only where accounts are taken."""
_API: Final = "kafka.strimzi.io/v1"
_CLUSTER_LABEL: Final = "strimzi.io/cluster"
_FOLDER: Final = Path(__file__).parent / "components" / "strimzi"
_NOTE: Final = "# Written by `python -m k8s.generate`; do not edit.\n"
_REPLICAS: Final = 3
_IN_SYNC: Final = 2
"""With as many replicas as that at hand a record is acknowledged: one broker may be away."""


def topic_manifest(topic: Topic, *, cluster: str, replicas: int = _REPLICAS) -> dict[str, Any]:
    """Return the KafkaTopic of a topic."""
    config: dict[str, str] = topic.config() | {"min.insync.replicas": str(min(_IN_SYNC, replicas))}
    resource = resource_name(topic.name)
    spec: dict[str, Any] = {} if resource == topic.name else {"topicName": topic.name}
    spec |= {"partitions": topic.partitions, "replicas": replicas, "config": dict(sorted(config.items()))}
    return _manifest("KafkaTopic", resource, cluster, spec, private=topic.private)


def user_manifest(principal: Principal, *, cluster: str, prefix: str = "binance") -> dict[str, Any]:
    """Return the KafkaUser of a principal: it logs in with a certificate that Strimzi makes and renews."""
    spec = {
        "authentication": {"type": "tls"},
        "authorization": {"type": "simple", "acls": [_acl(right) for right in principal.rights]},
    }
    return _manifest("KafkaUser", resource_name(f"{prefix}-{principal.name}"), cluster, spec, private=principal.private)


def resource_name(name: str) -> str:
    """Return a name as Kubernetes allows it; the topic table's own names already are."""
    return re.sub(r"[^a-z0-9.-]", "-", name.lower()).strip("-.")


def files(prefix: str = "binance", *, cluster: str = "kafka", replicas: int = _REPLICAS) -> Iterator[tuple[str, str]]:
    """Yield the name and the content of each file."""
    table = TopicTable(prefix)
    yield "topics.yaml", _NOTE + _dump([topic_manifest(one, cluster=cluster, replicas=replicas) for one in table])
    users = [
        f"# {one.about}\n" + _dump([user_manifest(one, cluster=cluster, prefix=prefix)]) for one in principals(table)
    ]
    yield "users.yaml", _NOTE + "---\n".join(users)


def _manifest(kind: str, name: str, cluster: str, spec: dict[str, Any], *, private: bool) -> dict[str, Any]:
    labels = {_CLUSTER_LABEL: cluster} | ({PRIVATE_LABEL: "true"} if private else {})
    return {"apiVersion": _API, "kind": kind, "metadata": {"name": name, "labels": labels}, "spec": spec}


def _acl(right: Right) -> dict[str, Any]:
    pattern = "prefix" if right.prefix else "literal"
    return {
        "resource": {"type": right.resource, "name": right.name, "patternType": pattern},
        "operations": list(right.operations),
    }


def _dump(manifests: list[dict[str, Any]]) -> str:
    return yaml.safe_dump_all(manifests, sort_keys=False, width=120, default_flow_style=None)


def main(
    prefix: Annotated[str, typer.Option(help="First part of every topic name, as TOPIC_PREFIX.")] = "binance",
    cluster: Annotated[str, typer.Option(help="Name of the Kafka resource that Strimzi runs.")] = "kafka",
    replicas: Annotated[int, typer.Option(min=1, help="How many brokers hold each record.")] = _REPLICAS,
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where the files are written.")] = _FOLDER,
) -> None:
    """Write topics.yaml and users.yaml for Strimzi.

    **Example**: `python -m k8s.generate --prefix binance --cluster kafka`
    """
    for name, content in files(prefix, cluster=cluster, replicas=replicas):
        (folder / name).write_text(content, encoding="utf-8")
        typer.echo(f"{folder / name}: {content.count('kind: Kafka')} resources")


if __name__ == "__main__":
    typer.run(main)
