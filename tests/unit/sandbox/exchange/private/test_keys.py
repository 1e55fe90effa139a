"""Keys of three kinds, and the files in which a client finds its half."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sandbox.exchange.private.keys import FreshKey, KeyKind, write_key


PAYLOAD = b"symbol=BTCUSDT&timestamp=1"


def signature_by(key: FreshKey, payload: bytes) -> str:
    private = load_pem_private_key(key.secret.encode(), password=None)
    if isinstance(private, Ed25519PrivateKey):
        return b64encode(private.sign(payload)).decode()
    assert isinstance(private, RSAPrivateKey)
    return b64encode(private.sign(payload, PKCS1v15(), SHA256())).decode()


@pytest.mark.parametrize("kind", [KeyKind.ED25519, KeyKind.RSA])
def test_what_a_private_key_signs_its_public_half_knows(kind: KeyKind) -> None:
    fresh = FreshKey.made(kind)
    key = fresh.public_half()
    signature = signature_by(fresh, PAYLOAD)

    assert (key.kind, key.name) == (kind, fresh.name)
    assert key.verify(PAYLOAD, signature)
    assert not key.verify(PAYLOAD + b"0", signature)


@pytest.mark.parametrize("kind", list(KeyKind))
@pytest.mark.parametrize("nonsense", ["", "!", "aGVsbG8=", "é", "0" * 64, "AAAA AAAA"])
def test_nonsense_is_no_signature(kind: KeyKind, nonsense: str) -> None:
    assert not FreshKey.made(kind).public_half().verify(PAYLOAD, nonsense)


def test_no_two_keys_are_alike() -> None:
    first, second = FreshKey.made(KeyKind.HMAC), FreshKey.made(KeyKind.HMAC)

    assert len({first.name, second.name, first.secret, second.secret}) == 4
    assert {len(first.name), len(first.secret)} == {64}


def test_a_key_shows_itself_to_nobody_who_prints_it() -> None:
    fresh = FreshKey.made(KeyKind.HMAC)

    assert fresh.secret not in repr(fresh) + repr(fresh.public_half())
    assert fresh.name not in repr(fresh) + repr(fresh.public_half())


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    fresh = FreshKey.made(KeyKind.HMAC)
    write_key(tmp_path, "main", fresh)

    files = {path.name: path.read_text() for path in (tmp_path / "main").iterdir()}
    assert files == {"api-key": f"{fresh.name}\n", "secret": f"{fresh.secret}\n", "environment": "sandbox\n"}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "main").iterdir()} == {0o600}
    assert (tmp_path / "main").stat().st_mode & 0o777 == 0o700


def test_a_key_of_another_kind_replaces_the_files_of_the_old_one(tmp_path: Path) -> None:
    write_key(tmp_path, "main", FreshKey.made(KeyKind.HMAC))
    fresh = FreshKey.made(KeyKind.ED25519)
    write_key(tmp_path, "main", fresh)

    files = {path.name: path.read_text() for path in (tmp_path / "main").iterdir()}
    assert files == {"api-key": f"{fresh.name}\n", "private-key.pem": fresh.secret, "environment": "sandbox\n"}
