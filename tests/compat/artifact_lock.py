"""Write `artifacts.toml`: resolve the Java programs of the readers in Maven Central and pin every file.

Run after changing a version::

    python -m tests.compat.artifact_lock
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jgo.maven import Artifact as MavenArtifact, MavenContext

from sandbox.artifact_lock import pin, render
from sandbox.artifacts import ArtifactSet


__all__ = ["LOCK_FILE", "main"]

LOCK_FILE: Final = Path(__file__).with_name("artifacts.toml")

_SPARK: Final = "4.1.1"
_FLINK: Final = "2.3.0"
_FLINK_KAFKA: Final = "5.0.0-2.2"
_KAFKA: Final = "4.3.1"
_ICEBERG: Final = "1.11.0"
_CONVERTER: Final = "2.6.13.Final"
_SLF4J: Final = "1.7.36"
_ALONE: Final = " alone"
"""Behind what is taken without its dependencies."""

PROGRAMS: Final = {
    "spark": (
        f"Spark's readers of Kafka and Avro {_SPARK}",
        f"spark-packages-{_SPARK}",
        [f"org.apache.spark:spark-sql-kafka-0-10_2.13:{_SPARK}", f"org.apache.spark:spark-avro_2.13:{_SPARK}"],
        # What pyspark has in its own folder.
        {"hadoop-client-api", "hadoop-client-runtime", "scala-library", "slf4j-api", "jsr305"},
    ),
    "flink": (
        f"Flink SQL {_FLINK}",
        f"flink-{_FLINK}",
        [
            f"org.apache.flink:flink-sql-client:{_FLINK}",
            f"org.apache.flink:flink-sql-gateway:{_FLINK}",
            f"org.apache.flink:flink-table-planner-loader:{_FLINK}",
            f"org.apache.flink:flink-table-runtime:{_FLINK}",
            f"org.apache.flink:flink-connector-files:{_FLINK}",
            # The client asks it for its options, and nothing else of it.
            f"org.apache.flink:flink-python:{_FLINK}{_ALONE}",
            f"org.apache.flink:flink-sql-connector-kafka:{_FLINK_KAFKA}",
            f"org.apache.flink:flink-sql-avro-confluent-registry:{_FLINK}",
        ],
        set[str](),
    ),
    "connect": (
        f"Kafka Connect {_KAFKA}",
        f"kafka-connect-{_KAFKA}",
        [f"org.apache.kafka:connect-runtime:{_KAFKA}", f"org.slf4j:slf4j-simple:{_SLF4J}"],
        set[str](),
    ),
    "iceberg": (
        f"Iceberg's sink {_ICEBERG}",
        f"iceberg-sink-{_ICEBERG}",
        [
            f"org.apache.iceberg:iceberg-kafka-connect:{_ICEBERG}",
            f"org.apache.iceberg:iceberg-kafka-connect-events:{_ICEBERG}",
            f"org.apache.iceberg:iceberg-parquet:{_ICEBERG}",
            f"org.apache.iceberg:iceberg-orc:{_ICEBERG}",
            f"org.apache.iceberg:iceberg-data:{_ICEBERG}",
            "org.apache.hadoop:hadoop-client-api:3.4.1",
            "org.apache.hadoop:hadoop-client-runtime:3.4.1",
        ],
        {"slf4j-api"},
    ),
    "converter": (
        f"Apicurio's Avro converter {_CONVERTER}",
        f"apicurio-converter-{_CONVERTER}",
        [f"io.apicurio:apicurio-registry-utils-converter:{_CONVERTER}"],
        # What Connect brings.
        {"connect-api", "connect-json", "kafka-clients", "slf4j-api", "lz4-java", "snappy-java", "zstd-jni"},
    ),
}
"""Title, name of the directory, what is resolved, and what is left out of it."""


def main() -> int:
    """Resolve, download and pin; returns the exit status."""
    with tempfile.TemporaryDirectory() as directory:
        context = MavenContext(repo_cache=Path(directory), timeout=60)
        sets = {key: _resolve(context, *program) for key, program in PROGRAMS.items()}
    LOCK_FILE.write_text(render(sets, of="the readers", by="tests.compat.artifact_lock"))
    return 0


def _resolve(
    context: MavenContext, title: str, name: str, coordinates: Sequence[str], left_out: set[str]
) -> ArtifactSet:
    """Resolve each by itself: together, one root would decide over the versions of another's dependencies."""
    found: dict[tuple[str, str], MavenArtifact] = {}
    for coordinate in coordinates:
        root = context.create_dependency(coordinate.removesuffix(_ALONE))
        roots, dependencies = ([root], []) if coordinate.endswith(_ALONE) else context.resolver.resolve([root])
        needed = [each for each in dependencies if each.scope in {"compile", "runtime"}]
        for artifact in (each.artifact for each in [*roots, *needed]):
            if artifact.artifactId not in left_out:
                found.setdefault((artifact.groupId, artifact.artifactId), artifact)
    return pin(title, name, list(found.values()))


if __name__ == "__main__":
    sys.exit(main())
