import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from ingest.accounts.keys import KeyRing, KeyWatch
from ingest.accounts.sections import KeySettings
from ingest.core.endpoints import Environment
from ingest.core.signing import KeyKind
from ingest.errors import ConfigError


SANDBOX = {"REST": "http://127.0.0.1:9443/api/v3"}
BINANCE = {"REST": "https://api.binance.com/api/v3"}
API_KEY = "canary-api-key"
SIGNING = "canary-secret"
WITH_SECRET = {"api-key": API_KEY, "secret": SIGNING}
FOR_SANDBOX = {**WITH_SECRET, "environment": "sandbox"}


def private_key() -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def write(directory: Path, parts: dict[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in parts.items():
        (directory / name).write_text(f"{content}\n")


def ring_of(keys_dir: Path | None, environment: Environment = Environment.SANDBOX, **given: KeySettings) -> KeyRing:
    return KeyRing(keys_dir, given, environment)


def test_a_key_is_read_from_the_files_of_its_label(tmp_path: Path) -> None:
    write(tmp_path / "main", FOR_SANDBOX)

    key = ring_of(tmp_path).load("main", SANDBOX)

    assert key.label == "main"
    assert key.api_key.reveal() == API_KEY
    assert key.signer.kind is KeyKind.HMAC
    assert key.environment is Environment.SANDBOX


def test_a_private_key_is_read_by_what_is_in_it(tmp_path: Path) -> None:
    write(tmp_path / "main", {"api-key": API_KEY, "private-key.pem": private_key(), "environment": "sandbox"})

    assert ring_of(tmp_path).load("main", SANDBOX).signer.kind is KeyKind.ED25519


def test_a_key_is_read_from_the_environment(tmp_path: Path) -> None:
    given = KeySettings(api_key=SecretStr(API_KEY), secret=SecretStr(SIGNING), environment="sandbox")
    write(tmp_path / "other", FOR_SANDBOX)
    ring = ring_of(tmp_path, sub_a=given)

    assert ring.load("sub-a", SANDBOX).api_key.reveal() == API_KEY


def test_a_key_that_is_in_both_places_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "main", FOR_SANDBOX)
    given = KeySettings(api_key=SecretStr(API_KEY), secret=SecretStr(SIGNING))

    with pytest.raises(ConfigError, match="INGEST_KEYS__MAIN__") as caught:
        ring_of(tmp_path, main=given).load("main", SANDBOX)

    assert str(tmp_path / "main") in str(caught.value)


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({"secret": SIGNING}, "api-key"),
        ({"api-key": "", "secret": SIGNING}, "api-key"),
        ({"api-key": "canary key", "secret": SIGNING}, "api-key"),
        ({"api-key": API_KEY}, "secret"),
        ({"api-key": API_KEY, "secret": ""}, "secret"),
        ({"api-key": API_KEY, "private-key.pem": "canary"}, "private-key.pem"),
        ({**WITH_SECRET, "private-key.pem": "canary"}, "private-key.pem"),
        ({**WITH_SECRET, "environment": "canary"}, "environment"),
        ({"api-key": API_KEY, "secret": "canary" * 20_000}, "secret"),
    ],
)
def test_an_error_names_the_file_and_never_its_content(tmp_path: Path, parts: dict[str, str], named: str) -> None:
    write(tmp_path / "main", parts)

    with pytest.raises(ConfigError) as caught:
        ring_of(tmp_path).load("main", SANDBOX)

    assert str(tmp_path / "main" / named) in str(caught.value)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_bytes_that_are_no_text_are_not_repeated(tmp_path: Path) -> None:
    write(tmp_path / "main", WITH_SECRET)
    (tmp_path / "main" / "secret").write_bytes(b"canary\xff\xfe")

    with pytest.raises(ConfigError, match="is no text") as caught:
        ring_of(tmp_path).load("main", SANDBOX)

    assert caught.value.__cause__ is None


def test_an_error_names_the_variable(tmp_path: Path) -> None:
    given = KeySettings(api_key=SecretStr(API_KEY), private_key=SecretStr("canary"))

    with pytest.raises(ConfigError, match="INGEST_KEYS__SUB_A__PRIVATE_KEY") as caught:
        ring_of(None, sub_a=given).load("sub-a", SANDBOX)

    assert "canary" not in str(caught.value)


def test_an_account_without_a_key_is_told_where_one_would_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="INGEST_KEYS__MAIN__API_KEY") as caught:
        ring_of(tmp_path).load("main", SANDBOX)

    assert str(tmp_path / "main") in str(caught.value)


@pytest.mark.parametrize("mark", [{}, {"environment": "production"}, {"environment": "testnet"}])
def test_a_key_that_is_not_marked_for_the_sandbox_is_not_sent_in_plain_text(
    tmp_path: Path, mark: dict[str, str]
) -> None:
    write(tmp_path / "main", WITH_SECRET | mark)

    for environment in Environment:
        with pytest.raises(ConfigError, match="only a key marked for the sandbox"):
            ring_of(tmp_path, environment).load("main", SANDBOX)


def test_a_key_that_is_not_marked_is_not_sent_to_an_encrypted_sandbox_either(tmp_path: Path) -> None:
    write(tmp_path / "main", WITH_SECRET)

    with pytest.raises(ConfigError, match="only a key marked for the sandbox"):
        ring_of(tmp_path).load("main", {"REST": "https://sandbox.example/api/v3"})


def test_a_key_of_the_sandbox_is_not_sent_to_binance(tmp_path: Path) -> None:
    write(tmp_path / "main", FOR_SANDBOX)

    with pytest.raises(ConfigError, match="nothing for Binance"):
        ring_of(tmp_path, Environment.PRODUCTION).load("main", BINANCE)


def test_a_key_of_one_network_is_not_sent_to_the_other(tmp_path: Path) -> None:
    write(tmp_path / "main", WITH_SECRET | {"environment": "testnet"})

    with pytest.raises(ConfigError, match="marked for testnet"):
        ring_of(tmp_path, Environment.PRODUCTION).load("main", BINANCE)


def test_a_key_without_a_mark_is_sent_to_binance(tmp_path: Path) -> None:
    write(tmp_path / "main", WITH_SECRET)

    assert ring_of(tmp_path, Environment.PRODUCTION).load("main", BINANCE).environment is None


def test_a_key_shows_nothing_of_itself(tmp_path: Path) -> None:
    write(tmp_path / "main", FOR_SANDBOX)
    key = ring_of(tmp_path).load("main", SANDBOX)

    assert "canary" not in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)


def replace_files(directory: Path, parts: dict[str, str]) -> None:
    write(directory, parts)


def swap_link(directory: Path, parts: dict[str, str]) -> None:
    """Replace the directory's content as Kubernetes does with a mounted secret: a link is moved to new files."""
    fresh = directory.parent / ".fresh"
    write(fresh, parts)
    for name in parts:
        (directory / name).unlink()
        (directory / name).symlink_to(fresh / name)


@pytest.mark.parametrize("replace", [replace_files, swap_link])
def test_a_replaced_key_is_noticed_once_when_it_stands_still(
    tmp_path: Path, replace: Callable[[Path, dict[str, str]], None]
) -> None:
    write(tmp_path / "main", FOR_SANDBOX)
    watch = KeyWatch(ring_of(tmp_path), "main", SANDBOX)
    assert watch.look() is None

    replace(tmp_path / "main", {**FOR_SANDBOX, "api-key": "another"})

    assert watch.look() is None
    found = watch.look()
    assert found is not None
    assert found.api_key.reveal() == "another"
    assert [watch.look(), watch.look()] == [None, None]


def test_a_key_that_is_half_written_is_waited_for(tmp_path: Path) -> None:
    write(tmp_path / "main", FOR_SANDBOX)
    watch = KeyWatch(ring_of(tmp_path), "main", SANDBOX)

    write(tmp_path / "main", {"api-key": "another"})
    assert watch.look() is None
    write(tmp_path / "main", {"secret": "another-secret"})
    assert watch.look() is None
    assert watch.look() is not None


def test_a_new_signing_key_alone_is_another_key(tmp_path: Path) -> None:
    write(tmp_path / "main", {"api-key": API_KEY, "private-key.pem": private_key(), "environment": "sandbox"})
    watch = KeyWatch(ring_of(tmp_path), "main", SANDBOX)

    write(tmp_path / "main", {"private-key.pem": private_key()})

    assert [watch.look() is None, watch.look() is None] == [True, False]


def test_a_key_that_went_bad_leaves_the_old_one_in_use_and_says_why(tmp_path: Path) -> None:
    write(tmp_path / "main", FOR_SANDBOX)
    watch = KeyWatch(ring_of(tmp_path), "main", SANDBOX)

    (tmp_path / "main" / "secret").unlink()
    assert [watch.look(), watch.look()] == [None, None]
    assert "secret" in watch.fault
    write(tmp_path / "main", FOR_SANDBOX)
    assert watch.look() is None
    assert watch.fault == ""
