import copy
import json
import pickle
from base64 import b64decode
from collections.abc import Callable
from random import Random
from urllib.parse import parse_qsl, unquote

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given, strategies as st

from ingest.core.secrecy import HIDDEN, Redactor, Secret
from ingest.core.signing import KeyKind, Signer, UnusableKeyError, query_of, signed_params, signed_query, ws_payload


# The venue's published examples: spot REST API, "SIGNED endpoint examples"; USD-M futures, "General Info".
SPOT = Secret("NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j")
SPOT_KEY = Secret("vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A")
FUTURES = Secret("2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9")
ORDER = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 1, "price": "0.1", "recvWindow": 5000}
DIGITS = "１２３４５６"  # noqa: RUF001 - wide digits: a symbol beyond ASCII


def pem(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Secret:
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    ("secret", "params", "signature"),
    [
        (
            SPOT,
            {"symbol": "LTCBTC", **ORDER, "timestamp": 1499827319559},
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        ),
        (
            SPOT,
            {"symbol": DIGITS, **ORDER, "timestamp": 1499827319559},
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
        (
            FUTURES,
            {
                "symbol": "BTCUSDT",
                "side": "BUY",
                "type": "LIMIT",
                "quantity": 1,
                "price": 9000,
                "timeInForce": "GTC",
                "recvWindow": 5000,
                "timestamp": 1591702613943,
            },
            "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9",
        ),
    ],
)
def test_rest_signs_the_bytes_that_travel(secret: Secret, params: dict[str, str | int], signature: str) -> None:
    query = signed_query(params, Signer.with_secret(secret))

    assert query == f"{query_of(params)}&signature={signature}"


@pytest.mark.parametrize(
    ("params", "signature"),
    [
        (
            {
                "symbol": "BTCUSDT",
                "side": "SELL",
                "type": "LIMIT",
                "timeInForce": "GTC",
                "quantity": "0.01000000",
                "price": "52000.00",
                "recvWindow": 100,
                "timestamp": 1645423376532,
            },
            "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
        ),
        (
            {
                "symbol": DIGITS,
                "side": "BUY",
                "type": "LIMIT",
                "timeInForce": "GTC",
                "quantity": "1.00000000",
                "price": "0.10000000",
                "recvWindow": 5000,
                "timestamp": 1645423376532,
            },
            "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
        ),
    ],
)
def test_the_websocket_api_signs_sorted_parameters_unencoded(params: dict[str, str | int], signature: str) -> None:
    signed = signed_params(params, SPOT_KEY, Signer.with_secret(SPOT))

    assert signed == {**params, "apiKey": SPOT_KEY.reveal(), "signature": signature}


def test_ed25519_signs_in_base64_what_its_public_key_bears_out() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    signer = Signer.with_private_key(pem(key))

    assert signer.kind is KeyKind.ED25519
    key.public_key().verify(b64decode(signer.sign(b"symbol=LTCBTC")), b"symbol=LTCBTC")


def test_rsa_signs_by_pkcs1_over_sha256_in_base64(rsa_key: rsa.RSAPrivateKey) -> None:
    signer = Signer.with_private_key(pem(rsa_key))
    params = signed_params({"timestamp": 1}, SPOT_KEY, signer)

    assert signer.kind is KeyKind.RSA
    payload = f"apiKey={SPOT_KEY.reveal()}&timestamp=1".encode()
    rsa_key.public_key().verify(b64decode(str(params["signature"])), payload, padding.PKCS1v15(), SHA256())


def test_a_base64_signature_is_percent_encoded_in_an_address(rsa_key: rsa.RSAPrivateKey) -> None:
    query = signed_query({"timestamp": 1}, Signer.with_private_key(pem(rsa_key)))

    payload, _, signature = query.partition("&signature=")
    assert "+" not in signature
    assert "/" not in signature
    assert "=" not in signature
    rsa_key.public_key().verify(b64decode(unquote(signature)), payload.encode(), padding.PKCS1v15(), SHA256())


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers(), max_size=6))
def test_what_was_asked_can_be_read_from_the_query(params: dict[str, str | int]) -> None:
    decoded = dict(parse_qsl(query_of(params), keep_blank_values=True, strict_parsing=bool(params)))

    assert decoded == {name: str(value) for name, value in params.items()}


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers(), max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_parameters_does_not_change_what_the_websocket_api_signs(
    params: dict[str, str | int], random: Random
) -> None:
    items = list(params.items())
    random.shuffle(items)

    assert ws_payload(dict(items)) == ws_payload(params)


def _encrypted() -> Secret:
    key = ed25519.Ed25519PrivateKey.generate()
    protected = BestAvailableEncryption(b"password")
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protected).decode())


def _damaged() -> Secret:
    whole = pem(ed25519.Ed25519PrivateKey.generate()).reveal()
    return Secret(whole.replace("MC4", "XYZ"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Secret("a secret in place of a key"), "no PEM"),
        (_encrypted, "password"),
        (_damaged, "cannot|can be read"),
        (lambda: pem(ec.generate_private_key(ec.SECP256R1())), "neither an Ed25519 nor an RSA key"),
        (lambda: Secret("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----"), "public key"),
    ],
)
def test_what_is_no_key_is_named_without_its_content(make: Callable[[], Secret], words: str) -> None:
    content = make()

    with pytest.raises(UnusableKeyError, match=words) as caught:
        Signer.with_private_key(content)

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert content.reveal() not in str(caught.value)


def test_an_empty_secret_is_no_key() -> None:
    with pytest.raises(UnusableKeyError):
        Signer.with_secret(Secret(""))


def test_a_secret_shows_itself_in_no_form_but_the_one_asked_for() -> None:
    secret = Secret("canary")

    shown = [repr(secret), str(secret), f"{secret}", repr([secret]), repr({"key": secret})]
    shown += [json.dumps({"key": secret}, default=str), repr(copy.deepcopy(secret))]
    assert not any("canary" in text for text in shown)
    assert HIDDEN in str(secret)
    assert secret.reveal() == "canary"


def test_a_secret_and_a_signer_are_written_nowhere() -> None:
    for one in (Secret("canary"), Signer.with_secret(Secret("canary"))):
        with pytest.raises(TypeError):
            pickle.dumps(one)
        with pytest.raises(TypeError):
            json.dumps(one)
        with pytest.raises(TypeError):
            msgspec.json.encode(one)
        assert not hasattr(one, "__dict__")
        assert "canary" not in repr(one)


def test_what_repeats_a_secret_is_cleaned_in_every_form() -> None:
    redactor = Redactor([Secret("can/ary"), Secret("")])

    assert redactor.text("GET /ws/can/ary, can%2Fary: refused") == f"GET /ws/{HIDDEN}, {HIDDEN}: refused"
    assert redactor.content(b'{"listenKey":"can/ary"}') == f'{{"listenKey":"{HIDDEN}"}}'.encode()
    assert redactor.repeats(b"..can/ary..")
    assert not redactor.repeats(b"..can..")
