"""Signatures of requests about accounts.

Binance knows three kinds of key. HMAC-SHA256 signs with a shared secret, in hex; RSA (PKCS#1 v1.5 over SHA-256) and
Ed25519 sign with a private key of which Binance has the public half, in base64. What is signed differs by interface:

- REST: the bytes that travel. Values are percent-encoded first and signed so (spot demands it since 2026-01-15), and
  the signature is the last parameter.
- WebSocket API: every parameter but the signature, sorted by name, ``name=value`` joined by ``&``, in UTF-8 and *not*
  percent-encoded.

Source: binance-spot-api-docs, "SIGNED request security" of REST and WebSocket API (2026-07-21).
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NoReturn, Self, final
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ingest.core.secrecy import Secret


__all__ = ["KeyKind", "Param", "Signer", "UnusableKeyError", "query_of", "signed_params", "signed_query", "ws_payload"]

Param = str | int
"""A parameter's value; decimals are text."""

_LEAST_RSA_BITS: Final = 2048


class KeyKind(StrEnum):
    """How a key signs."""

    HMAC = "hmac"
    RSA = "rsa"
    ED25519 = "ed25519"
    """The only kind that can log a WebSocket session on."""


class UnusableKeyError(ValueError):
    """What should be a key is none; says why, never what was in it."""


@final
class Signer:
    """Signs payloads with one key, which it shows to nobody.

    Args:
        kind: how it signs.
        sign: returns the signature of a payload, as text.
    """

    __slots__ = ("_sign", "kind")

    def __init__(self, kind: KeyKind, sign: Callable[[bytes], str]) -> None:
        self.kind = kind
        self._sign = sign

    @classmethod
    def with_secret(cls, secret: Secret) -> Self:
        """Return a signer by HMAC-SHA256.

        Raises:
            UnusableKeyError: the secret is empty.
        """
        if not secret:
            raise UnusableKeyError("holds no secret")
        begun = hmac.new(secret.reveal().encode(), digestmod=hashlib.sha256)

        def sign(payload: bytes) -> str:
            one = begun.copy()
            one.update(payload)
            return one.hexdigest()

        return cls(KeyKind.HMAC, sign)

    @classmethod
    def with_private_key(cls, pem: Secret) -> Self:
        """Return a signer by RSA or Ed25519, whichever the key is.

        Args:
            pem: an unencrypted private key, PKCS#8 in PEM.

        Raises:
            UnusableKeyError: it is none, or one that Binance does not take.
        """
        # What the library says of a broken key is not repeated, and not chained: it is about its content.
        try:
            key = load_pem_private_key(pem.reveal().encode(), password=None)
        except TypeError:
            raise UnusableKeyError("is protected by a password: store it decrypted (PKCS#8, PEM)") from None
        except (ValueError, UnsupportedAlgorithm):
            raise UnusableKeyError(_no_private_key(pem)) from None
        match key:
            case Ed25519PrivateKey():
                return cls(KeyKind.ED25519, lambda payload: b64encode(key.sign(payload)).decode())
            case RSAPrivateKey():
                if key.key_size < _LEAST_RSA_BITS:
                    msg = f"is an RSA key of {key.key_size} bits: Binance takes {_LEAST_RSA_BITS} and 4096"
                    raise UnusableKeyError(msg)
                return cls(KeyKind.RSA, lambda payload: b64encode(key.sign(payload, PKCS1v15(), SHA256())).decode())
            case _:
                raise UnusableKeyError("is neither an Ed25519 nor an RSA key: Binance takes no other")

    def sign(self, payload: bytes) -> str:
        """Return the signature of a payload: hex of HMAC, else base64."""
        return self._sign(payload)

    def __repr__(self) -> str:
        return f"Signer({self.kind})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "a key is not written anywhere"
        raise TypeError(msg)


def query_of(params: Mapping[str, Param]) -> str:
    """Return parameters as a query string, in their order, everything percent-encoded that is not unreserved."""
    return "&".join(f"{quote(name, safe='')}={quote(str(value), safe='')}" for name, value in params.items())


def signed_query(params: Mapping[str, Param], signer: Signer) -> str:
    """Return the query string of a signed REST request, its signature last.

    It must travel as it is: an HTTP client that encodes it again, or otherwise, breaks the signature.

    Args:
        params: with ``timestamp``, in their order.
        signer: of the account's key.
    """
    payload = query_of(params)
    return f"{payload}&signature={quote(signer.sign(payload.encode()), safe='')}"


def ws_payload(params: Mapping[str, Param]) -> bytes:
    """Return what is signed of a request of the WebSocket API."""
    return "&".join(f"{name}={value}" for name, value in sorted(params.items())).encode()


def signed_params(params: Mapping[str, Param], api_key: Secret, signer: Signer) -> dict[str, Param]:
    """Return the parameters of a signed request of the WebSocket API.

    Args:
        params: with ``timestamp``; without key and signature.
        api_key: names the key to the venue.
        signer: of that key.
    """
    whole = {**params, "apiKey": api_key.reveal()}
    return {**whole, "signature": signer.sign(ws_payload(whole))}


def _no_private_key(pem: Secret) -> str:
    text = pem.reveal()
    if "PUBLIC KEY" in text:
        return "holds a public key: the private half is wanted, the public one goes to Binance"
    if "-----BEGIN" not in text:
        return "holds no PEM: it begins with -----BEGIN PRIVATE KEY-----"
    return "holds no private key that can be read: PKCS#8 in PEM is wanted"
