"""Java programs see what we give them and die with readable words."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.errors import ProcessDiedError
from sandbox.jvm import JvmProcess, class_path, java_binary


def java(directory: Path, *program: str) -> JvmProcess:
    return JvmProcess("java", program, log_file=directory / "java.log", directory=directory, heap_mb=16)


def test_the_runtime_of_the_wheel_runs_without_a_word_of_warning(tmp_path: Path) -> None:
    with java(tmp_path, "-version") as process:
        assert process.wait(20) == 0

    assert process.log_tail().splitlines()[0].startswith('openjdk version "')
    assert "WARNING" not in process.log_tail()
    assert str(java_binary()) in process.argv[0]


def test_settings_of_the_users_environment_do_not_reach_the_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "QUARKUS_HTTP_PORT", "APICURIO_STORAGE_KIND", "CLASSPATH"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("HOME", "/home/somebody")
    process = java(tmp_path)

    assert process.env is not None
    assert process.env["HOME"] == "/home/somebody"
    assert process.env.keys() <= {"PATH", "HOME", "LANG", "LC_ALL", "TZ"}


def test_an_option_that_java_refuses_is_told(tmp_path: Path) -> None:
    process = JvmProcess(
        "Kafka broker", ["Main"], log_file=tmp_path / "log", directory=tmp_path, heap_mb=16, options=["-XX:+Bogus"]
    )
    with process, pytest.raises(ProcessDiedError, match=r"(?s)^Kafka broker ended with exit status 1.*Bogus"):
        process.wait_ready(lambda: False, timeout_s=20)


def test_last_words_leave_stack_frames_out(tmp_path: Path) -> None:
    process = java(tmp_path)
    process.log_file.write_text(
        "ERROR it failed\n"
        "java.lang.IllegalStateException: because\n"
        "\tat kafka.server.Some$.<init>(Some.scala:12)\n"
        "\tat kafka.server.Some.lambda$main$0(Some.scala) ~[kafka.jar:?]\n"
        "Caused by: java.io.IOException: of that, at last\n"
        "\t... 12 more\n"
        "\n"
        "\tindented, but no frame\n"
    )

    assert process.log_tail().splitlines() == [
        "ERROR it failed",
        "java.lang.IllegalStateException: because",
        "Caused by: java.io.IOException: of that, at last",
        "\tindented, but no frame",
    ]
    assert process.log_tail(lines=1) == "\tindented, but no frame"


def test_a_class_path_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert class_path([Path("a.jar"), Path("/b.jar")]) == f"{tmp_path}/a.jar:/b.jar"
