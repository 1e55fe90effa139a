"""What the robots sign is what the exchange takes, whatever the kind of key."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from sandbox.exchange.private.keys import FreshKey, KeyKind, write_key
from sandbox.soak.accounts.signing import ClientKey


@pytest.mark.parametrize("kind", KeyKind)
def test_the_exchange_takes_the_signature(kind: KeyKind, tmp_path: Path) -> None:
    fresh = FreshKey.made(kind)
    write_key(tmp_path, "main", fresh)

    key = ClientKey.read(tmp_path, "main")
    payload, _, signature = key.query({"symbol": "BTCUSDT", "price": "1 / 3"}).partition("&signature=")

    assert key.name == fresh.name
    assert fresh.public_half().verify(payload.encode(), dict(parse_qsl(f"s={signature}"))["s"])
    assert dict(parse_qsl(payload)) == {"symbol": "BTCUSDT", "price": "1 / 3"}


def test_a_key_shows_nothing_of_itself(tmp_path: Path) -> None:
    fresh = FreshKey.made(KeyKind.HMAC)
    write_key(tmp_path, "main", fresh)

    assert repr(ClientKey.read(tmp_path, "main")) == "ClientKey()"
