"""What a signed request says, and which bytes its signature is of. Pure.

REST: the query as it travelled, immediately followed by the body as it travelled, without the signature, which is the
last parameter of either. On spot that is the only payload that is taken since 2026-01-15: values are percent-encoded
first and signed so. What the futures do with a client that signs before it encodes is not documented; they took it
always, and do here.

WebSocket API: every parameter but the signature, sorted by name, ``name=value`` joined by ``&``, in UTF-8 and *not*
percent-encoded.

Source: binance-spot-api-docs, "SIGNED request security" of REST and WebSocket API (2026-07-21).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

import msgspec

from sandbox.exchange.private.keys import ApiKey
from sandbox.exchange.source import RestReply, error_reply


__all__ = ["ILLEGAL", "Signed", "api_request", "rest_request"]

ILLEGAL = -1100
_SIGNATURE = "signature="
_REPEATED = error_reply(400, -1101, "Duplicate values for a parameter detected.")
_UNREADABLE = error_reply(400, ILLEGAL, "Illegal characters found in a parameter.")


class Signed(msgspec.Struct, frozen=True):
    """A request as its sender signed it, or should have."""

    params: Mapping[str, str]
    """All parameters, decoded, the signature among them."""
    payloads: tuple[bytes, ...]
    """The bytes that the signature may be of."""

    @property
    def signature(self) -> str:
        """What was sent as signature; "" if nothing was."""
        return self.params.get("signature", "")

    def is_signed_by(self, key: ApiKey) -> bool:
        """Return whether the signature is the key's, of one of the payloads."""
        return any(key.verify(payload, self.signature) for payload in self.payloads)


def rest_request(query: str, body: str, *, may_sign_decoded: bool) -> Signed | RestReply:
    """Return what a REST request says, or the venue's refusal.

    Args:
        query: As it travelled, without ``?``.
        body: As it travelled; a form.
        may_sign_decoded: Whether a signature of what the values mean, not of how they travelled, is taken too.
    """
    asked, sent = _decoded(query), _decoded(body)
    if isinstance(asked, RestReply):
        return asked
    if isinstance(sent, RestReply):
        return sent
    payload = _unsigned(query) + _unsigned(body)
    payloads = (payload, unquote(payload)) if may_sign_decoded else (payload,)
    return Signed({**sent, **asked}, tuple(each.encode() for each in dict.fromkeys(payloads)))


def api_request(params: Mapping[str, str]) -> Signed:
    """Return what a request of the WebSocket API says, its values as text."""
    named = sorted((name, value) for name, value in params.items() if name != "signature")
    return Signed(params, ("&".join(f"{name}={value}" for name, value in named).encode(),))


def _decoded(text: str) -> dict[str, str] | RestReply:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        return _UNREADABLE
    return dict(pairs) if len({name for name, _ in pairs}) == len(pairs) else _REPEATED


def _unsigned(text: str) -> str:
    """Return a query or body without the signature at its end; one elsewhere stays, and makes the payload wrong."""
    rest, _, last = text.rpartition("&")
    return rest if last.startswith(_SIGNATURE) else text
