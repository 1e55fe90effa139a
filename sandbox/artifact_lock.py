"""Write `artifacts.toml`: resolve the versions below in Maven Central and pin every file.

Run after changing a version::

    python -m sandbox.artifact_lock

Resolving is left to `jgo`, a Maven resolver in pure Python; its environments are not used. They would fetch a second
Java to classify jars, they keep what an interrupted download left behind, and a root added to a resolution acts
as a bill of materials for the others: log4j's, added beside Kafka, turns kafka-clients 4.3.1 into 3.9.1.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jgo.maven import Artifact as MavenArtifact, MavenContext

from sandbox.artifacts import LOCK_FILE, Artifact, ArtifactSet


__all__ = ["main", "pin", "render"]

KAFKA_VERSION = "4.3.1"
REGISTRY_VERSION = "3.3.3"

_CONNECTIONS = 6

_HEADER = """\
# The Java programs of {of}, file by file. Written by `python -m {by}`; do not edit.
"""


def main() -> int:
    """Resolve, download and pin; returns the exit status."""
    with tempfile.TemporaryDirectory() as directory:
        context = MavenContext(repo_cache=Path(directory), timeout=60)
        kafka = _with_dependencies(context, f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}")
        # Kafka logs through slf4j and brings log4j; the bridge between them is only in its own distribution.
        log4j = next(artifact for artifact in kafka if artifact.artifactId == "log4j-core")
        bridge = f"org.apache.logging.log4j:log4j-slf4j-impl:{log4j.version}"
        kafka.append(context.create_dependency(bridge).artifact)
        registry = (
            context.project("io.apicurio", "apicurio-registry-app")
            .at_version(REGISTRY_VERSION)
            .artifact(classifier="all", packaging="tar.gz")
        )
        sets = {
            "kafka": pin(f"Apache Kafka {KAFKA_VERSION}", f"kafka-{KAFKA_VERSION}", kafka),
            "registry": pin(
                f"Apicurio Registry {REGISTRY_VERSION}", f"apicurio-registry-{REGISTRY_VERSION}", [registry]
            ),
        }
    LOCK_FILE.write_text(render(sets))
    return 0


def render(sets: dict[str, ArtifactSet], *, of: str = "the sandbox", by: str = "sandbox.artifact_lock") -> str:
    """Write the sets as TOML, a line per file."""
    lines = [_HEADER.format(of=of, by=by)]
    for key, pinned in sets.items():
        lines += [f"[{key}]", f'title = "{pinned.title}"', f'name = "{pinned.name}"', "files = ["]
        lines += [
            f'  {{ path = "{file.path}", bytes = {file.bytes}, sha256 = "{file.sha256}" }},' for file in pinned.files
        ]
        lines += ["]", ""]
    return "\n".join(lines)


def _with_dependencies(context: MavenContext, coordinate: str) -> list[MavenArtifact]:
    roots, dependencies = context.resolver.resolve([context.create_dependency(coordinate)])
    needed = [dependency for dependency in dependencies if dependency.scope in {"compile", "runtime"}]
    return [dependency.artifact for dependency in [*roots, *needed]]


def pin(title: str, name: str, artifacts: list[MavenArtifact]) -> ArtifactSet:
    """Download the artifacts, and return them with sizes and hashes."""
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        files = pool.map(_pin_one, artifacts)
        return ArtifactSet(title=title, name=name, files=tuple(sorted(files, key=lambda file: file.path)))


def _pin_one(artifact: MavenArtifact) -> Artifact:
    content = artifact.resolve().read_bytes()
    path = (artifact.component.path_prefix / artifact.filename).as_posix()
    return Artifact(path=path, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


if __name__ == "__main__":
    sys.exit(main())
