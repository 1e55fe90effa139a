"""Checks of the services' settings as a pod would find them: names, values, and what must agree with the manifest."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import yaml
from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsError

from dashboard.config import Settings as DashboardSettings
from ingest.config import Settings as IngestSettings
from k8s.checks.manifests import Container, Finding, Manifests
from processors.config import Settings as ProcessorsSettings
from processors.flows import Family
from processors.worker import DEFAULT_PORTS


__all__ = ["commands", "environment_of", "membership", "ours", "settings", "times"]

_OURS: Final[Mapping[str, tuple[str, type[BaseSettings]]]] = {
    "binance-ingest": ("INGEST_", IngestSettings),
    "binance-processors": ("PROCESSORS_", ProcessorsSettings),
    "binance-dashboard": ("DASHBOARD_", DashboardSettings),
}
_COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "binance-ingest": ("run", "repair", "setup", "check"),
    "binance-processors": ("worker",),
    "binance-dashboard": ("serve",),
    "binance-sandbox": ("exchange",),
}
_OTHERS: Final = ("PYTHON", "OTEL_", "SSL_CERT_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "TZ", "MALLOC_", "UVLOOP_")
"""What variables may begin with that are no settings of ours."""
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_LAST_CALL_S: Final = 9.5
"""After so long ingest ends whatever hangs."""
_SPARE_S: Final = 2.0


class _Found(msgspec.Struct, frozen=True):
    """What a container of ours would find: its program, and its settings."""

    container: Container
    program: str
    read: Any
    """The settings; None: they cannot be read."""
    problems: tuple[str, ...] = ()

    @property
    def health(self) -> tuple[str, int] | None:
        """Address and port of its health; None: it serves none."""
        match self.read:
            case IngestSettings() if self.command in {"run", "repair"}:
                return (self.read.http.host, self.read.http.port)
            case ProcessorsSettings():
                family = Family(self.container.spec["command"][2])
                return (self.read.metrics_host, self.read.metrics_port or DEFAULT_PORTS[family])
            case DashboardSettings():
                return (self.read.host, self.read.port)
            case _:
                return None

    @property
    def command(self) -> str:
        """What the program is told to do."""
        return str([*self.container.spec["command"], ""][1])


def commands(manifests: Manifests) -> Iterator[Finding]:
    """What is run exists: the image has no entry point of its own."""
    for container in manifests.containers():
        command: list[str] = container.spec.get("command") or []
        image = str(container.spec.get("image", "")).rpartition("/")[2].partition(":")[0].partition("@")[0]
        if image == "binance-kafka" and not command:
            yield container.find("command", "is missing: the image has no entry point")
        elif image == "binance-kafka":
            known = _COMMANDS.get(command[0])
            if known is None:
                yield container.find("command", f'"{command[0]}" is none of {", ".join(_COMMANDS)}')
            elif len(command) < 2 or command[1] not in known:
                yield container.find("command", f"{command[0]} is to be told one of {', '.join(known)}")
            elif command[1] == "worker" and (len(command) < 3 or command[2] not in set(Family)):
                yield container.find("command", f"there are the families {', '.join(Family)}")


def settings(manifests: Manifests) -> Iterator[Finding]:
    """Every variable is a setting that exists, with a value that is taken; health can be asked from outside."""
    for found in _all(manifests):
        container = found.container
        yield from (container.find("settings", problem) for problem in found.problems)
        if (health := found.health) is not None:
            host, port = health
            if host in _LOOPBACK:
                yield container.find("settings", f"health is served on {host}, where nobody outside of the pod gets it")
            if not any(one["containerPort"] == port for one in container.ports):
                yield container.find("settings", f"health is served on port {port}, which is not declared")


def membership(manifests: Manifests) -> Iterator[Finding]:
    """Workers have a name of their own that outlives the pod; nobody else has a name that two could have."""
    for container in manifests.containers():
        sources = {one["name"]: one for one in container.env}
        worker = [*(container.spec.get("command") or ()), "", ""][:2] == ["binance-processors", "worker"]
        if worker and not _is_pod_name(sources.get("PROCESSORS_INSTANCE_ID")):
            yield container.find("env PROCESSORS_INSTANCE_ID", "is to be the pod's name: fieldRef metadata.name")
        if worker and container.pods.kind != "StatefulSet":
            yield container.find("env PROCESSORS_INSTANCE_ID", "only pods of a StatefulSet have their names again")
        if "INGEST_INGEST_ID" in sources:
            yield container.find("env INGEST_INGEST_ID", "a second process would have the same: leave it unset")
        static = "INGEST_REPAIR__GROUP_INSTANCE_ID"
        if static in sources and not _is_pod_name(sources[static]):
            yield container.find(f"env {static}", "two pods would have the same: fieldRef metadata.name, or unset")


def times(manifests: Manifests) -> Iterator[Finding]:
    """Pods get the time that the services take to start and to stop."""
    for found in _all(manifests):
        container = found.container
        starts_s, stops_s = _needed_s(found)
        hooks = container.spec.get("lifecycle") or {}
        stops_s += ((hooks.get("preStop") or {}).get("sleep") or {}).get("seconds", 0)
        grace_s = container.pods.spec.get("terminationGracePeriodSeconds", 30)
        if grace_s < stops_s + _SPARE_S:
            problem = f"is {grace_s} s; stopping may take {stops_s:g} s, and it is to have {_SPARE_S:g} s to spare"
            yield container.find("terminationGracePeriodSeconds", problem)
        if (probe := container.spec.get("startupProbe")) is not None:
            given_s = probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
            if given_s < starts_s:
                yield container.find("startupProbe", f"gives up after {given_s} s; starting may take {starts_s:g} s")


def _needed_s(found: _Found) -> tuple[float, float]:
    """Return how long a service may take until it answers at all, and until it has ended."""
    match found.read:
        case IngestSettings() if found.command != "setup":
            return 2 * found.read.wait_limit_s, _LAST_CALL_S  # Kafka, then the registry; health is served after that
        case ProcessorsSettings() | DashboardSettings():
            return 0.0, found.read.stop_timeout_s
        case _:
            return 0.0, 0.0


def ours(manifests: Manifests) -> Iterator[Container]:
    """Yield each container that runs a service of ours, or sets up for them, and is told what the program knows."""
    for container in manifests.containers():
        program = str([*(container.spec.get("command") or ()), ""][0])
        if program in _OURS and not list(commands(_only(container))):
            yield container


def _all(manifests: Manifests) -> Iterator[_Found]:
    for container in ours(manifests):
        yield _read(manifests, container, container.spec["command"][0])


def _only(container: Container) -> Manifests:
    workload = container.pods.workload
    template = {**container.pods.template, "spec": {**container.pods.spec, "containers": [container.spec]}}
    return Manifests([{**workload, "spec": {**workload["spec"], "template": template}}])


def _read(manifests: Manifests, container: Container, program: str) -> _Found:
    env, file = environment_of(manifests, container), _settings_file(manifests, container)
    prefix, kind = _OURS[program]
    problems = [problem for name in sorted(env) if (problem := _unknown(name))]
    try:
        read = _with_environment(kind, env)(**file)
    except (ValidationError, SettingsError) as error:
        problems += _told(prefix, error)
        return _Found(container, program, None, tuple(problems))
    return _Found(container, program, read, tuple(problems))


def _told(prefix: str, error: ValidationError | SettingsError) -> list[str]:
    if isinstance(error, SettingsError):
        return [str(error)]
    return [f"{_variable(prefix, one['loc'])}: {one['msg']}" for one in error.errors()]


def _variable(prefix: str, place: tuple[int | str, ...]) -> str:
    name = "__".join(map(str, place)).upper()
    return name if name in _names() else f"{prefix}{name}" if name else "together"


def environment_of(manifests: Manifests, container: Container) -> dict[str, str]:
    """Return a container's variables; what only a running pod knows is told by its place."""
    env: dict[str, str] = {}
    for source in container.spec.get("envFrom") or ():
        name = (source.get("configMapRef") or {}).get("name")
        env |= (manifests.named("ConfigMap", str(name)) or {}).get("data") or {}
    for one in container.env:
        of = (one.get("valueFrom") or {}).get("configMapKeyRef")
        data = (manifests.named("ConfigMap", of["name"]) or {}).get("data") or {} if of else {}
        env[one["name"]] = data.get(of["key"], "") if of else str(one.get("value", "told-by-the-pod"))
    return env


def _settings_file(manifests: Manifests, container: Container) -> Mapping[str, Any]:
    """Return what the file says that INGEST_CONFIG names, if that is of a ConfigMap."""
    path = environment_of(manifests, container).get("INGEST_CONFIG", "")
    folder, _, file = path.rpartition("/")
    volumes = {volume["name"]: volume for volume in container.pods.volumes}
    for mount in container.spec.get("volumeMounts") or ():
        if mount["mountPath"] == folder and (of := volumes.get(mount["name"], {}).get("configMap")):
            data = (manifests.named("ConfigMap", of["name"]) or {}).get("data") or {}
            content: Mapping[str, Any] = yaml.safe_load(data.get(file, "")) or {}
            return content
    return {}


def _unknown(name: str) -> str | None:
    """Return what is wrong with the name of a variable."""
    known = _names()
    if name.partition("__")[0] in known or name.startswith(_OTHERS):
        return None
    alike = difflib.get_close_matches(name, known, n=1)
    return f'"{name}" is a setting of no service' + (f"; did you mean {alike[0]}?" if alike else "")


def _names() -> list[str]:
    """Return the variables of all services: what all share, and ``INGEST_…`` up to the first ``__``."""
    names = {"INGEST_CONFIG"}
    for prefix, kind in _OURS.values():
        for field, info in kind.model_fields.items():
            names.add(f"{prefix}{field}".upper() if info.validation_alias is None else field.upper())
    return sorted(names)


def _with_environment(kind: type[BaseSettings], env: Mapping[str, str]) -> type[BaseSettings]:
    """Return settings that read this environment in place of the process's."""

    class Environment(EnvSettingsSource):
        def _load_env_vars(self) -> Mapping[str, str | None]:
            return {name.lower(): value for name, value in env.items()}

    def sources(
        cls: type[BaseSettings],
        /,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        **_: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del cls
        return (Environment(settings_cls), init_settings)

    return type(
        kind.__name__, (kind,), {"settings_customise_sources": classmethod(sources), "__module__": kind.__module__}
    )


def _is_pod_name(variable: Mapping[str, Any] | None) -> bool:
    source = ((variable or {}).get("valueFrom") or {}).get("fieldRef") or {}
    return bool(source.get("fieldPath") == "metadata.name")
