"""The one reference of everything that can be set, of all services, written from what their code says of itself.

``python -m sandbox.reference > docs/configuration.md``; a test fails while the two differ.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Final

from dashboard.reference import setting_rows as dashboard_rows
from ingest.reference import setting_sections
from processors.reference import setting_rows as processors_rows
from schemas.kafka_access import KafkaSettings


__all__ = ["reference"]

_Row = tuple[str, str, str]
_SHARED: Final = (*(name.upper() for name in KafkaSettings.model_fields), "SCHEMA_REGISTRY_URL", "TOPIC_PREFIX")
_HEAD: Final = """\
# Configuration

<!-- written by `python -m sandbox.reference`; do not edit -->

Every environment variable and every key of all services. None has to be set but the symbols that ingest is to take.

| service | reads | prefix | of a mistake |
| --- | --- | --- | --- |
| `binance-ingest` | a YAML file, overridden by the environment | `INGEST_` | `binance-ingest config check` tells |
| `binance-processors` | the environment | `PROCESSORS_` | it ends with status 2 and names the variable |
| `binance-dashboard` | the environment | `DASHBOARD_` | likewise |

The file is named by `--config`, or by `INGEST_CONFIG`. A key of it becomes a variable by `INGEST_`, upper case, and two
underscores for each dot: `connection.idle_limit_s` is `INGEST_CONNECTION__IDLE_LIMIT_S`. A list is written with commas
or as JSON, a mapping as JSON. A variable that was meant as one of ingest's and is none is an error. Faust's own
variables (`BROKER_URL`, `WEB_PORT`, …) count for nothing. A command's options override both; `--help` tells them."""
_SHARED_HEAD: Final = "Under one name for all services; ingest's file has them in lower case."
_INGEST_HEAD: Final = """\
`<MARKET>` is `SPOT`, `USDM` or `COINM`; a market that is not named is not connected to. `<LABEL>` is an account's:
upper case, and `_` for `-`. Keys of accounts and of REST come from files or the environment alone.
[change-symbols.md](change-symbols.md) says which settings are taken while it runs."""
_TOOLS: Final[tuple[_Row, ...]] = (
    ("PYTHON", "the first suitable", "`make`: the Python 3.11 to 3.13 that `.venv` is built with."),
    ("SOURCE", "none", "`make demo`, `make up`: recordings, or `live`; none: the simulated market."),
    ("ARGS", "none", "`make` verbs: further options of the command that they run."),
    ("PYTEST_ARGS", "none", "`make test`: which tests, and how."),
    (
        "BINANCE_SANDBOX_SOURCE",
        "none",
        "`binance-sandbox up`: `live` or `simulated`; none: Binance where it answers within 2 s.",
    ),
    ("SANDBOX_CACHE_DIR", "`$XDG_CACHE_HOME/binance-kafka`", "Where downloads of broker and registry are kept."),
    ("XDG_CACHE_HOME", "`~/.cache`", "The folder of caches, where `SANDBOX_CACHE_DIR` is not set."),
    ("SANDBOX_MAVEN_URL", "Maven Central", "A mirror that has the jars of broker and registry."),
    ("BINANCE_RECORDINGS", "`../shared/data`", "Tests and benches: the folder of recordings of the real Binance."),
    ("KAFKA_BOOTSTRAP_SERVERS", "an embedded broker", "Tests, demo, replay: a broker that runs already."),
    ("SCHEMA_REGISTRY_URL", "an embedded registry", "Tests, demo, replay: a registry that runs already."),
    ("BINANCE_KAFKA_IMAGE", "`binance-kafka:local`", "`docker-compose.yml`, tests: the image of the services."),
    ("KAFKA_IMAGE", "the public image", "Tests: the image of Kafka, where Docker answers."),
    ("REQUIRE_DOCKER", "none", "Tests: `1` makes a missing Docker a failure, not a reason to use the embedded broker."),
    ("REQUIRE_CLIENTS", "none", "Tests: `1` makes missing clients of others (`make clients`) a failure."),
    ("REQUIRE_RECORDINGS", "none", "Tests: `1` makes missing recordings a failure."),
    ("REQUIRE_KUBE", "none", "Tests: `1` makes missing tools or schemas of Kubernetes a failure."),
    ("REQUIRE_PROMETHEUS", "none", "Tests: `1` makes a missing Prometheus a failure."),
    ("REQUIRE_BROWSER", "none", "Tests: `1` makes a missing Chromium a failure."),
    ("KUBERNETES_SCHEMAS", "`../shared/k8s-schemas`", "Tests: the folder of Kubernetes' schemas."),
    ("CHROMIUM", "the one on the path", "Tests: the browser that pages are tried in."),
    ("KILL_ROUNDS", "`5`", "Tests: how often the workers are killed."),
    ("LAW_EXAMPLES", "`60`", "Tests: random lives of orders that the laws are tried on."),
)


def reference() -> str:
    """Return the reference as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    processors, dashboard = list(processors_rows()), list(dashboard_rows())
    yield _HEAD
    yield from _section("## Shared by all services", _SHARED_HEAD)
    yield from _table(row for row in processors if row[0] in _SHARED)
    yield from _section("## Ingest", _INGEST_HEAD)
    for title, rows in setting_sections():
        yield from _section(f"### Ingest: {title}")
        yield from _table_of_keys(row for row in rows if row[0].upper() not in _SHARED)
    yield from _section("## Workers", "For workers of every family.")
    yield from _table(row for row in processors if row[0] not in _SHARED)
    yield from _section("## Read service and dashboard")
    yield from _table(row for row in dashboard if row[0] not in _SHARED)
    yield from _section("## Make, tests and sandbox", "Nothing of this counts for a service.")
    yield from _table(_TOOLS)


def _section(title: str, text: str = "") -> Iterator[str]:
    yield ""
    yield title
    if text:
        yield ""
        yield text


def _table(rows: Iterable[_Row]) -> Iterator[str]:
    yield ""
    yield "| variable | default | what |"
    yield "| --- | --- | --- |"
    for variable, default, what in rows:
        yield f"| `{variable}` | {default} | {what} |"


def _table_of_keys(rows: Iterable[_Row]) -> Iterator[str]:
    yield ""
    yield "| key in the file | variable | default | what |"
    yield "| --- | --- | --- | --- |"
    for key, default, what in rows:
        yield f"| `{key}` | `INGEST_{key.upper().replace('.', '__')}` | {default} | {what} |"


if __name__ == "__main__":
    sys.stdout.write(reference())
