"""The text of requests to the WebSocket API."""

from __future__ import annotations

import msgspec

from ingest.accounts.account_rest import RECV_WINDOW_MS
from ingest.accounts.keys import AccountKey
from ingest.core.account_session import Request
from ingest.core.secrecy import Secret
from ingest.core.signing import Param, signed_params


__all__ = ["request_text"]


def request_text(request: Request, request_id: int, key: AccountKey, time_ms: int) -> Secret:
    """Return a request, signed where it is to be.

    Args:
        request: what is asked for.
        request_id: what the answer will name.
        key: the account's.
        time_ms: the venue's time.
    """
    params: dict[str, Param] = {}
    if request.signed:
        params = signed_params({"timestamp": time_ms, "recvWindow": RECV_WINDOW_MS}, key.api_key, key.signer)
    return Secret(msgspec.json.encode({"id": request_id, "method": request, "params": params}).decode())
