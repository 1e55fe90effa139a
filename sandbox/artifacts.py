"""The Java programs of the sandbox: pinned files of Maven Central, downloaded once and verified.

`artifacts.toml` names every file with its size and SHA-256; `python -m sandbox.artifact_lock` writes it. So nothing
is resolved on a user's machine, what runs there is what was tried, and a file is trusted for its hash alone, never
for being there under the right name: what an interrupted download left behind is completed, a damaged file is
fetched again. A set of files is in the cache when its directory bears its final name.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import ssl
import tarfile
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from shutil import rmtree

import certifi
import msgspec
import structlog

from sandbox.errors import ArtifactError


__all__ = [
    "LOCK_FILE",
    "Artifact",
    "ArtifactSet",
    "ArtifactStore",
    "Report",
    "log_report",
    "maven_central",
    "read_lock",
]

Report = Callable[[str], None]
"""Receives one line of progress for a human."""

LOCK_FILE = Path(__file__).with_name("artifacts.toml")

_ARCHIVE_SUFFIX = ".tar.gz"
_CHUNK_BYTES = 256 * 1024
_CONNECTIONS = 6
_TIMEOUT_S = 30.0
_REPORT_EVERY_S = 5.0

_NO_ANSWER = (
    "check the connection; behind a proxy set HTTPS_PROXY, behind a mirror of Maven Central set SANDBOX_MAVEN_URL; "
    "then run the command again, it goes on where it stopped"
)
_BAD_ANSWER = "the repository answers, but not with the file: try again later, or name another in SANDBOX_MAVEN_URL"


def maven_central() -> str:
    """Return the address of Maven Central, as jgo knows it."""
    # Who downloads nothing needs no jgo: beside the services, in their image, it is not installed.
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415

    return MAVEN_CENTRAL_URL


def log_report(line: str) -> None:
    """Report progress to the log; the default."""
    structlog.get_logger("sandbox").info(line)


class Artifact(msgspec.Struct, frozen=True):
    """One file of a Maven repository."""

    path: str
    """Below the repository's address."""
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.path).name


class ArtifactSet(msgspec.Struct, frozen=True):
    """The files of one program: jars, and archives to be unpacked beside them."""

    title: str
    """As messages call it: `Apache Kafka 4.3.1`."""
    name: str
    """As its directory is called: `kafka-4.3.1`."""
    files: tuple[Artifact, ...]

    @property
    def megabytes(self) -> int:
        """What a download takes, in MB, rounded."""
        return round(sum(file.bytes for file in self.files) / 1e6)

    @property
    def directory_name(self) -> str:
        """Its directory in the cache: the name and a digest of the content, so that another list is another place."""
        digest = hashlib.sha256(msgspec.json.encode(self.files)).hexdigest()
        return f"{self.name}-{digest[:8]}"


def read_lock(file: Path = LOCK_FILE) -> dict[str, ArtifactSet]:
    """Read the pinned sets, by key."""
    with file.open("rb") as source:
        return msgspec.convert(tomllib.load(source), dict[str, ArtifactSet])


class ArtifactStore:
    """A cache directory filled from a Maven repository.

    Several processes may use one store at once: one downloads, the others wait for it.

    Args:
        directory: the cache; made when needed.
        maven_url: address of a mirror; None: Maven Central.
    """

    def __init__(self, directory: Path, maven_url: str | None = None) -> None:
        maven_url = maven_url or maven_central()
        if not maven_url.startswith(("https://", "http://")):
            msg = f"Maven repository must be an http or https address, was {maven_url!r}"
            raise ValueError(msg)
        self.directory = directory
        self.maven_url = maven_url.rstrip("/")

    @classmethod
    def from_environment(cls) -> ArtifactStore:
        """Make the user's store.

        `SANDBOX_CACHE_DIR` names the directory (default: `binance-kafka` in the user's cache directory),
        `SANDBOX_MAVEN_URL` a mirror of Maven Central.
        """
        named = os.environ.get("SANDBOX_CACHE_DIR")
        caches = os.environ.get("XDG_CACHE_HOME")
        default = (Path(caches) if caches else Path.home() / ".cache") / "binance-kafka"
        return cls(Path(named) if named else default, os.environ.get("SANDBOX_MAVEN_URL"))

    def fetch(self, wanted: ArtifactSet, report: Report = log_report) -> Path:
        """Return the directory with the set's files, downloading what the cache lacks.

        Raises:
            ArtifactError: a file could not be had; what was downloaded so far is kept for the next attempt.
        """
        complete = self.directory / wanted.directory_name
        if _is_complete(complete, wanted):
            return complete
        try:
            with self._lock(wanted, report):
                # Whoever held the lock before may have done the work.
                if not _is_complete(complete, wanted):
                    self._build(wanted, complete, report)
        except (OSError, tarfile.TarError) as error:
            advice = f"make {self.directory} writable, with room for it, or name another SANDBOX_CACHE_DIR"
            raise ArtifactError(wanted.title, str(self.directory), str(error), advice) from error
        return complete

    @contextmanager
    def _lock(self, wanted: ArtifactSet, report: Report) -> Iterator[None]:
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / f"{wanted.directory_name}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                report(f"waiting for another process that downloads {wanted.title}")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _build(self, wanted: ArtifactSet, complete: Path, report: Report) -> None:
        rmtree(complete, ignore_errors=True)  # of the final name, yet incomplete: somebody deleted files in it
        partial = complete.with_name(f"{complete.name}.partial")
        partial.mkdir(exist_ok=True)
        missing = [file for file in wanted.files if not _is_intact(partial / file.name, file)]
        if missing:
            _Download(self.maven_url, wanted, missing, partial, report).run()
        for file in wanted.files:
            if file.name.endswith(_ARCHIVE_SUFFIX):
                report(f"unpacking {wanted.title}")
                _unpack(partial / file.name)
        partial.rename(complete)


def _is_complete(directory: Path, wanted: ArtifactSet) -> bool:
    """Only a finished build bears this name; what may be missing is what somebody has deleted since."""
    return directory.is_dir() and all(
        file.name.endswith(_ARCHIVE_SUFFIX) or (directory / file.name).is_file() for file in wanted.files
    )


def _is_intact(file: Path, wanted: Artifact) -> bool:
    try:
        with file.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest() == wanted.sha256
    except FileNotFoundError:
        return False


def _unpack(archive: Path) -> None:
    with tarfile.open(archive) as source:
        source.extractall(archive.parent, filter="data")
    archive.unlink()


class _Cancelled(Exception):  # noqa: N818 - no error: another file failed first
    """The download was called off."""


class _Download:
    """One run of downloads into a directory, over several connections."""

    def __init__(
        self, maven_url: str, wanted: ArtifactSet, missing: list[Artifact], directory: Path, report: Report
    ) -> None:
        self.maven_url = maven_url
        self.wanted = wanted
        self.missing = missing
        self.directory = directory
        self.report = report
        self._bytes_total = sum(file.bytes for file in missing)
        self._bytes_done = 0
        self._counting = threading.Lock()
        self._cancelled = threading.Event()
        self._tls = _tls_context()

    def run(self) -> None:
        """Download every missing file, or raise `ArtifactError` for the first that fails."""
        began = time.monotonic()
        self.report(
            f"downloading {self.wanted.title} from {self.maven_url}, "
            f"about {max(1, round(self._bytes_total / 1e6))} MB, once"
        )
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            try:
                running = {pool.submit(self._fetch, file) for file in self.missing}
                while running:
                    done, running = wait(running, _REPORT_EVERY_S, FIRST_EXCEPTION)
                    for future in done:
                        future.result()
                    if running:
                        self._report_progress()
            finally:
                # After a failure or Ctrl-C the connections end at their next chunk instead of at their last.
                self._cancelled.set()
                pool.shutdown(wait=False, cancel_futures=True)
        self.report(f"downloaded {self.wanted.title} in {time.monotonic() - began:.0f} s")

    def _report_progress(self) -> None:
        done, total = self._bytes_done / 1e6, self._bytes_total / 1e6
        self.report(f"downloading {self.wanted.title}: {done:.0f} of {total:.0f} MB")

    def _fetch(self, file: Artifact) -> None:
        url = f"{self.maven_url}/{file.path}"
        part = self.directory / f"{file.name}.part"
        digest = hashlib.sha256()
        try:
            request = urllib.request.Request(url, headers={"User-Agent": "binance-kafka"})  # noqa: S310 - http(s)
            with (
                urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=self._tls) as answer,  # noqa: S310
                part.open("wb") as out,
            ):
                while chunk := answer.read1(_CHUNK_BYTES):
                    if self._cancelled.is_set():
                        raise _Cancelled
                    out.write(chunk)
                    digest.update(chunk)
                    with self._counting:
                        self._bytes_done += len(chunk)
        except urllib.error.HTTPError as error:
            with error:  # it is the answer too, and holds the connection
                reason = f"HTTP status {error.code} {error.reason}"
            raise ArtifactError(self.wanted.title, url, reason, _BAD_ANSWER) from error
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError, ssl.SSLError) as error:
            raise ArtifactError(self.wanted.title, url, _reason(error), _NO_ANSWER) from error
        got = part.stat().st_size
        if got < file.bytes:
            reason = f"the connection broke off after {got} of {file.bytes} bytes"
            raise ArtifactError(self.wanted.title, url, reason, _NO_ANSWER)
        if digest.hexdigest() != file.sha256:
            raise ArtifactError(self.wanted.title, url, "the content is not what is pinned by SHA-256", _BAD_ANSWER)
        part.replace(self.directory / file.name)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return f"the connection broke off ({str(error) or type(error).__name__})"


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath):
        # Python from python.org on macOS knows no certificates of its own.
        context.load_verify_locations(certifi.where())
    return context
