"""Child processes become ready, end when told, and never outlive their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.errors import ProcessDiedError, ProcessNotReadyError
from sandbox.processes import ManagedProcess


IMMORTAL = "trap '' TERM; echo up; while :; do sleep 0.05; done"
"""A program that ignores SIGTERM, once it has said `up`."""


@contextmanager
def running(script: str, directory: Path) -> Iterator[ManagedProcess]:
    process = ManagedProcess("child", ["/bin/sh", "-c", script], log_file=directory / "child.log")
    process.start()
    try:
        yield process
    finally:
        process.kill()


def says(process: ManagedProcess, text: str) -> Callable[[], bool]:
    return lambda: text in process.log_tail()


def never() -> bool:
    return False


def comes_true(condition: Callable[[], bool], within_s: float = 10) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_process_that_was_never_started_has_no_pid_and_no_status(tmp_path: Path) -> None:
    process = ManagedProcess("child", ["true"], log_file=tmp_path / "child.log")

    assert (process.pid, process.returncode, process.running) == (None, None, False)
    assert (process.stop(), process.kill(), process.wait()) == (None, None, None)
    assert process.log_tail() == ""


def test_the_program_is_the_child_itself_and_reads_no_input(tmp_path: Path) -> None:
    with running("echo $$; cat; echo end", tmp_path) as process:
        assert process.wait(10) == 0
        assert process.log_tail() == f"{process.pid}\nend"


def test_arguments_reach_the_program_as_they_are(tmp_path: Path) -> None:
    arguments = ["", "two words", "$HOME `id` \"'", "*", "\\", "é"]
    program = [sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))", *arguments]
    with ManagedProcess("child", program, log_file=tmp_path / "child.log") as process:
        process.wait(10)

    assert process.log_tail() == ascii(arguments)


def test_a_given_environment_is_the_whole_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "1")
    program = [sys.executable, "-c", "import os; print(os.environ.get('OURS'), os.environ['THEIRS'])"]
    with ManagedProcess("child", program, log_file=tmp_path / "child.log", env={"THEIRS": "2"}) as process:
        process.wait(10)

    assert process.log_tail() == "None 2"


def test_waiting_returns_once_the_probe_says_yes(tmp_path: Path) -> None:
    with running("sleep 0.1; echo ready; exec sleep 60", tmp_path) as process:
        process.wait_ready(says(process, "ready"), timeout_s=10)

        assert process.running


def test_a_refused_connection_is_not_ready_yet(tmp_path: Path) -> None:
    asked = iter([ConnectionRefusedError(), TimeoutError(), None])

    def probe() -> bool:
        if error := next(asked):
            raise error
        return True

    with running("exec sleep 60", tmp_path) as process:
        process.wait_ready(probe, timeout_s=10)


def test_a_death_at_start_is_told_with_the_last_words(tmp_path: Path) -> None:
    script = "echo starting; echo 'no such broker' >&2; exit 3"
    with running(script, tmp_path) as process, pytest.raises(ProcessDiedError) as death:
        process.wait_ready(never, timeout_s=10)

    assert death.value.returncode == 3
    assert str(death.value) == (
        f"child ended with exit status 3; the last lines of {process.log_file}:\n  | starting\n  | no such broker"
    )


def test_a_missing_program_is_told(tmp_path: Path) -> None:
    process = ManagedProcess("child", ["no-such-program"], log_file=tmp_path / "child.log")
    with process, pytest.raises(ProcessDiedError, match=r"(?s)exit status 127.*no-such-program.*not found"):
        process.wait_ready(never, timeout_s=10)


def test_an_answer_from_somebody_else_does_not_hide_a_death(tmp_path: Path) -> None:
    with running("exit 1", tmp_path) as process:
        process.wait(10)
        with pytest.raises(ProcessDiedError):
            process.wait_ready(lambda: True)


def test_silence_beyond_the_limit_is_told_and_the_process_left_to_its_owner(tmp_path: Path) -> None:
    with running("echo thinking; exec sleep 60", tmp_path) as process:
        process.wait_ready(says(process, "thinking"))
        with pytest.raises(ProcessNotReadyError, match=r"(?s)did not answer within 0.05 s.*thinking"):
            process.wait_ready(never, timeout_s=0.05)

        assert process.running


def test_an_error_quotes_the_current_run_only(tmp_path: Path) -> None:
    with running("echo run of $$", tmp_path) as process:
        process.wait(10)
        first = process.log_tail()
        process.restart()
        process.wait(10)

        assert process.log_tail() == f"run of {process.pid}" != first
        assert process.log_file.read_text() == f"{first}\n{process.log_tail()}\n"


def test_stop_lets_a_process_end_in_good_order(tmp_path: Path) -> None:
    with running("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done", tmp_path) as process:
        process.wait_ready(says(process, "up"))

        assert process.stop() == 0
        assert process.log_tail() == "up\nbye"


def test_stop_kills_what_does_not_end(tmp_path: Path) -> None:
    with running(IMMORTAL, tmp_path) as process:
        process.wait_ready(says(process, "up"))

        assert process.stop(timeout_s=0.2) == -signal.SIGKILL


def test_kill_takes_what_the_process_started_too(tmp_path: Path) -> None:
    with running("sleep 60 & echo $!; wait", tmp_path) as process:
        process.wait_ready(lambda: process.log_tail().isdigit())
        grandchild = int(process.log_tail())

        assert process.kill() == -signal.SIGKILL
        assert comes_true(lambda: not alive(grandchild))


def test_what_a_dead_process_left_behind_goes_when_it_is_stopped(tmp_path: Path) -> None:
    with running("sleep 60 & echo $!", tmp_path) as process:
        process.wait(10)
        orphan = int(process.log_tail())
        assert alive(orphan)

        assert process.stop() == 0
        assert comes_true(lambda: not alive(orphan))


def test_starting_what_runs_changes_nothing(tmp_path: Path) -> None:
    with running("exec sleep 60", tmp_path) as process:
        pid = process.pid
        process.start()

        assert (process.pid, process.running) == (pid, True)


def test_an_interrupt_of_the_terminal_does_not_reach_the_child(tmp_path: Path) -> None:
    """The parent stops its children in its own order, so they are in no process group of the terminal's."""
    with running("exec sleep 60", tmp_path) as process:
        assert process.pid is not None
        assert os.getsid(process.pid) == process.pid != os.getsid(0)


def test_a_child_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    with running("exit 0", tmp_path) as process:
        process.wait(10)
        process.argv = ["/bin/sleep", "60"]
        thread = threading.Thread(target=process.start)
        thread.start()
        thread.join()

        assert process.wait(0.3) is None


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads process states from /proc")
def test_no_child_outlives_its_parent(tmp_path: Path, end: signal.Signals) -> None:
    """Even one that ignores SIGTERM, and its own children."""
    parent = f"""
import time
from pathlib import Path
from sandbox.processes import ManagedProcess
child = ManagedProcess("child", ["/bin/sh", "-c", {f"sleep 60 & echo $!; {IMMORTAL}"!r}], log_file=Path("child.log"))
child.start()
child.wait_ready(lambda: "up" in child.log_tail())
print(child.pid, child.log_tail().split()[0], flush=True)
time.sleep(60)
"""
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", parent], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        family = [int(pid) for pid in process.stdout.readline().split()]
        assert [alive(pid) for pid in family] == [True, True]
        process.send_signal(end)
        assert process.wait(10) == -end

    assert comes_true(lambda: not any(alive(pid) for pid in family))
