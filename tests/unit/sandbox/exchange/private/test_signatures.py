"""Which bytes a signature is of."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st

from sandbox.exchange.private.keys import ApiKey
from sandbox.exchange.private.signatures import Signed, api_request, rest_request
from sandbox.exchange.source import RestReply
from tests.unit.sandbox.exchange.private.vectors import API_VECTORS, REST_VECTORS, SPOT_SECRET, RestVector


SECRET = "s3cret"  # noqa: S105 - nobody's
KEY = ApiKey.of_secret("k", SECRET)


def signature_of(payload: str) -> str:
    return hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()


def signed(query: str, body: str = "", *, may_sign_decoded: bool = False) -> Signed:
    request = rest_request(query, body, may_sign_decoded=may_sign_decoded)
    assert isinstance(request, Signed), request
    return request


def refused(query: str, body: str = "") -> bytes:
    request = rest_request(query, body, may_sign_decoded=False)
    assert isinstance(request, RestReply)
    return request.body


@pytest.mark.parametrize("vector", REST_VECTORS, ids=[vector.name for vector in REST_VECTORS])
def test_binance_published_vectors_of_rest_are_good(vector: RestVector) -> None:
    key = ApiKey.of_secret("k", vector.secret)
    last = f"&signature={vector.signature}"
    in_body = signed(vector.query, vector.body + last if vector.body else f"signature={vector.signature}")
    in_query = signed(vector.query + last if vector.query else f"signature={vector.signature}", vector.body)

    assert in_body.is_signed_by(key)
    assert in_query.is_signed_by(key)


@pytest.mark.parametrize(("params", "signature"), API_VECTORS, ids=["ascii", "not ascii"])
def test_binance_published_vectors_of_the_websocket_api_are_good(params: dict[str, str], signature: str) -> None:
    key = ApiKey.of_secret("k", SPOT_SECRET)

    assert api_request(params | {"signature": signature}).is_signed_by(key)
    assert api_request(dict(reversed(params.items())) | {"signature": signature.upper()}).is_signed_by(key)
    assert not api_request(params | {"signature": signature, "price": "1"}).is_signed_by(key)


def test_spot_takes_a_signature_of_the_bytes_that_travel_alone() -> None:
    """Since 2026-01-15: whoever signs first and encodes then is refused."""
    travelled, meant = "symbol=%EF%BC%91&newClientOrderId=a%2Fb", "symbol=\uff11&newClientOrderId=a/b"

    assert signed(f"{travelled}&signature={signature_of(travelled)}").is_signed_by(KEY)
    assert not signed(f"{travelled}&signature={signature_of(meant)}").is_signed_by(KEY)


def test_futures_take_a_signature_of_what_values_mean_too() -> None:
    travelled, meant = "newClientOrderId=a%2Fb", "newClientOrderId=a/b"

    assert signed(f"{travelled}&signature={signature_of(meant)}", may_sign_decoded=True).is_signed_by(KEY)


def test_hex_of_either_case_is_good() -> None:
    assert signed(f"a=1&signature={signature_of('a=1').upper()}").is_signed_by(KEY)


def test_a_signature_that_is_not_last_is_of_other_bytes() -> None:
    assert not signed(f"signature={signature_of('a=1')}&a=1").is_signed_by(KEY)


def test_without_a_signature_nothing_is_signed() -> None:
    assert signed("a=1").signature == ""
    assert not signed("a=1").is_signed_by(KEY)


def test_the_query_wins_over_the_body() -> None:
    assert signed("symbol=A&side=BUY", "symbol=B&price=1").params == {"symbol": "A", "side": "BUY", "price": "1"}


def test_a_parameter_said_twice_is_refused() -> None:
    assert b"-1101" in refused("symbol=A&symbol=B")
    assert b"-1101" in refused("", "price=1&price=1")


def test_bytes_that_are_no_text_are_refused() -> None:
    assert b"-1100" in refused("symbol=%FF")


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(min_size=1), max_size=5))
def test_whatever_is_encoded_and_then_signed_is_good_and_read_as_meant(params: dict[str, str]) -> None:
    params.pop("signature", None)
    query = "&".join(f"{name}={quote(value, safe='', errors='replace')}" for name, value in params.items())
    request = signed(f"{query}&signature={signature_of(query)}" if query else f"signature={signature_of('')}")

    assert request.is_signed_by(KEY)
    assert {name: value for name, value in request.params.items() if name != "signature"} == {
        name: value.encode(errors="replace").decode() for name, value in params.items()
    }
