"""Artifacts are what the lock pins, however the network, other processes and users behave."""

from __future__ import annotations

import hashlib
import io
import re
import socket
import tarfile
import threading
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from sandbox.artifact_lock import KAFKA_VERSION, REGISTRY_VERSION, render
from sandbox.artifacts import LOCK_FILE, Artifact, ArtifactSet, ArtifactStore, maven_central, read_lock
from sandbox.errors import ArtifactError


class Repository:
    """A Maven repository on the loopback, which can misbehave."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requested: list[str] = []
        self.broken_off: dict[str, int] = {}
        """After how many bytes the connection of a path ends."""
        repository = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                repository.requested.append(self.path)
                content = repository.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: repository.broken_off.get(self.path)])

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def publish(self, path: str, content: bytes) -> Artifact:
        self.files[f"/{path}"] = content
        return Artifact(path=path, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


@pytest.fixture
def repository() -> Iterator[Repository]:
    repository = Repository()
    thread = threading.Thread(target=repository.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield repository
    repository.server.shutdown()
    thread.join()
    repository.server.server_close()


@pytest.fixture
def program(repository: Repository) -> ArtifactSet:
    files = tuple(repository.publish(f"org/{name}/1/{name}-1.jar", name.encode() * 1000) for name in "abc")
    return ArtifactSet(title="Program 1", name="program-1", files=files)


@pytest.fixture
def store(repository: Repository, tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "cache", repository.url)


def silent(_line: str) -> None:
    pass


def names(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.iterdir())


def test_a_set_is_downloaded_once_and_says_so(
    repository: Repository, program: ArtifactSet, store: ArtifactStore
) -> None:
    lines: list[str] = []
    directory = store.fetch(program, lines.append)

    assert names(directory) == ["a-1.jar", "b-1.jar", "c-1.jar"]
    assert (directory / "b-1.jar").read_bytes() == b"b" * 1000
    assert lines == [
        f"downloading Program 1 from {repository.url}, about 1 MB, once",
        "downloaded Program 1 in 0 s",
    ]
    assert store.fetch(program, lines.append) == directory
    assert (len(repository.requested), len(lines)) == (3, 2)


def test_what_a_broken_download_left_is_completed_not_trusted(
    repository: Repository, program: ArtifactSet, store: ArtifactStore
) -> None:
    repository.broken_off["/org/c/1/c-1.jar"] = 500
    with pytest.raises(ArtifactError, match="the connection broke off after 500 of 1000 bytes"):
        store.fetch(program, silent)
    assert not (store.directory / program.directory_name).exists()

    repository.broken_off.clear()
    repository.requested.clear()
    directory = store.fetch(program, silent)

    assert "/org/c/1/c-1.jar" in repository.requested
    assert (directory / "c-1.jar").read_bytes() == b"c" * 1000
    assert names(directory) == ["a-1.jar", "b-1.jar", "c-1.jar"]


def test_a_file_of_the_right_name_and_size_is_fetched_again_if_its_content_is_wrong(
    program: ArtifactSet, store: ArtifactStore
) -> None:
    partial = store.directory / f"{program.directory_name}.partial"
    partial.mkdir(parents=True)
    (partial / "a-1.jar").write_bytes(b"x" * 1000)

    assert (store.fetch(program, silent) / "a-1.jar").read_bytes() == b"a" * 1000


def test_content_other_than_pinned_is_refused(
    repository: Repository, program: ArtifactSet, store: ArtifactStore
) -> None:
    repository.files["/org/a/1/a-1.jar"] = b"y" * 1000
    with pytest.raises(ArtifactError, match="not what is pinned") as error:
        store.fetch(program, silent)

    assert "another in SANDBOX_MAVEN_URL" in str(error.value)
    assert not list(store.directory.glob("*/a-1.jar"))


def test_a_file_that_the_repository_lacks_is_named_with_its_address(
    repository: Repository, program: ArtifactSet, store: ArtifactStore
) -> None:
    del repository.files["/org/b/1/b-1.jar"]
    with pytest.raises(ArtifactError) as error:
        store.fetch(program, silent)

    assert str(error.value).splitlines() == [
        f"cannot fetch Program 1 ({repository.url}/org/b/1/b-1.jar): HTTP status 404 Not Found",
        "the repository answers, but not with the file: try again later, or name another in SANDBOX_MAVEN_URL",
    ]


def test_without_a_network_the_message_says_what_to_check(program: ArtifactSet, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    store = ArtifactStore(tmp_path, f"http://127.0.0.1:{port}")
    with pytest.raises(ArtifactError) as error:
        store.fetch(program, silent)

    first, second = str(error.value).splitlines()
    assert re.fullmatch(rf"cannot fetch Program 1 \(http://127.0.0.1:{port}/org/./1/.-1.jar\): .*refused", first)
    assert "check the connection" in second
    assert "HTTPS_PROXY" in second


def test_a_file_deleted_from_the_cache_comes_back(program: ArtifactSet, store: ArtifactStore) -> None:
    directory = store.fetch(program, silent)
    (directory / "a-1.jar").unlink()

    assert names(store.fetch(program, silent)) == ["a-1.jar", "b-1.jar", "c-1.jar"]


def test_of_several_at_once_one_downloads_and_the_others_wait(
    repository: Repository, program: ArtifactSet, store: ArtifactStore
) -> None:
    with ThreadPoolExecutor(4) as pool:
        directories = set(pool.map(lambda _: store.fetch(program, silent), range(4)))

    assert len(directories) == 1
    assert len(repository.requested) == 3


def test_an_archive_is_unpacked_and_not_kept(repository: Repository, store: ArtifactStore) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("lib/x.jar"))
    file = repository.publish("org/app/1/app-1-all.tar.gz", packed.getvalue())
    program = ArtifactSet(title="App", name="app-1", files=(file,))
    directory = store.fetch(program, silent)

    assert [path.relative_to(directory).as_posix() for path in directory.rglob("*")] == ["lib", "lib/x.jar"]
    assert store.fetch(program, silent) == directory
    assert len(repository.requested) == 1


def test_an_archive_cannot_write_elsewhere(repository: Repository, store: ArtifactStore) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../outside"))
    file = repository.publish("org/app/1/app-1-all.tar.gz", packed.getvalue())
    with pytest.raises(ArtifactError, match="outside"):
        store.fetch(ArtifactSet(title="App", name="app-1", files=(file,)), silent)

    assert not (store.directory / "outside").exists()


def test_a_cache_that_cannot_be_written_is_told(repository: Repository, program: ArtifactSet, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match=r"make .*file/cache writable"):
        ArtifactStore(tmp_path / "file" / "cache", repository.url).fetch(program, silent)


def test_another_list_of_files_is_another_directory(program: ArtifactSet) -> None:
    shorter = msgspec.structs.replace(program, files=program.files[1:])

    assert shorter.directory_name != program.directory_name
    assert program.directory_name.startswith("program-1-")


def test_a_repository_that_is_no_web_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="file:///etc"):
        ArtifactStore(tmp_path, "file:///etc")


@pytest.mark.parametrize(
    ("variables", "directory", "url"),
    [
        ({}, "home/.cache/binance-kafka", maven_central()),
        ({"XDG_CACHE_HOME": "/x"}, "/x/binance-kafka", maven_central()),
        ({"XDG_CACHE_HOME": "/x", "SANDBOX_CACHE_DIR": "/y"}, "/y", maven_central()),
        ({"SANDBOX_MAVEN_URL": "http://mirror/maven/"}, "home/.cache/binance-kafka", "http://mirror/maven"),
    ],
)
def test_the_environment_chooses_cache_and_mirror(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], directory: str, url: str
) -> None:
    for name in ("XDG_CACHE_HOME", "SANDBOX_CACHE_DIR", "SANDBOX_MAVEN_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    store = ArtifactStore.from_environment()

    assert (store.directory, store.maven_url) == (tmp_path / directory, url)


def test_the_lock_pins_the_versions_that_it_is_written_for() -> None:
    pinned = read_lock()

    assert pinned["kafka"].name == f"kafka-{KAFKA_VERSION}"
    assert pinned["registry"].name == f"apicurio-registry-{REGISTRY_VERSION}"
    ours = [file.path for file in pinned["kafka"].files if file.path.startswith("org/apache/kafka/")]
    assert "org/apache/kafka/kafka-clients/" + f"{KAFKA_VERSION}/kafka-clients-{KAFKA_VERSION}.jar" in ours
    assert all(f"/{KAFKA_VERSION}/" in path for path in ours)


def test_every_pinned_file_has_a_name_of_its_own_and_a_whole_hash() -> None:
    for pinned in read_lock().values():
        file_names = [file.name for file in pinned.files]
        assert len(set(file_names)) == len(file_names)
        assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) and file.bytes > 0 for file in pinned.files)


def test_the_lock_is_what_its_writer_writes() -> None:
    text = LOCK_FILE.read_text()

    assert render(read_lock()) == text
    assert msgspec.convert(tomllib.loads(text), dict[str, ArtifactSet]) == read_lock()
