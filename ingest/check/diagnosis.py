"""From what went wrong to what to do: the words for everything that stands between a user and the venue."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from msgspec import Struct
from websockets.exceptions import InvalidMessage, InvalidProxyStatus, InvalidStatus, ProxyError

from ingest.core.outcomes import shortened


__all__ = ["Diagnosis", "of_body", "of_error", "of_status"]

_TITLE: Final = re.compile(rb"<title[^>]*>\s*(.{1,80}?)\s*</title>", re.IGNORECASE | re.DOTALL)


class Diagnosis(Struct, frozen=True):
    """What is wrong, and what to do."""

    detail: str
    advice: str


_PORT: Final = re.compile(r"\('[^']+', (\d+)")
_SILENT_PROXY: Final = Diagnosis("the proxy does not answer", "look at HTTPS_PROXY, or unset it")
_PROTOCOL: Final = "is the port right, and is it https or wss that is spoken there?"
_STATUSES: Final[Mapping[int, Diagnosis]] = {
    451: Diagnosis(
        "blocked for this region (HTTP 451)",
        "Binance serves nobody at this location: run it elsewhere, or name an address that does in markets.*.urls",
    ),
    403: Diagnosis(
        "refused by a firewall before the venue (HTTP 403)",
        "this network or region is blocked, or a proxy says no: try another network, or markets.*.urls",
    ),
    404: Diagnosis(
        "no such path (HTTP 404)",
        "look at the address in markets.*.urls: REST ends in the version (/api/v3), streams in /stream",
    ),
    407: Diagnosis("the proxy wants a password (HTTP 407)", "put user and password into HTTPS_PROXY"),
    418: Diagnosis(
        "this address is banned for asking too much (HTTP 418)",
        "wait for the end of the ban and ask nothing meanwhile: asking makes it longer; then lower rest.share",
    ),
    429: Diagnosis(
        "this address asks too much (HTTP 429)",
        "wait a minute; find out what else asks Binance from this address, or lower rest.share",
    ),
}


def of_status(status: int) -> Diagnosis:
    """Return what an HTTP status means that is not what was hoped for."""
    if status in _STATUSES:
        return _STATUSES[status]
    if status >= 500:
        return Diagnosis(f"the server is in trouble (HTTP {status})", "try again in a minute; see Binance's status")
    return Diagnosis(f"unexpected answer (HTTP {status})", "look at the address in markets.*.urls")


def of_body(body: bytes) -> Diagnosis:
    """Return what a body means that is not the venue's JSON."""
    if b"<html" in body[:2000].lower() or body.lstrip()[:1] == b"<":
        found = _TITLE.search(body[:20_000])
        title = f' "{found[1].decode(errors="replace")}"' if found else ""
        return Diagnosis(
            f"a web page{title} in place of the venue's answer",
            "a proxy or a login page of this network answers: log in, let the host through, or unset HTTPS_PROXY",
        )
    return Diagnosis(
        f'not the venue\'s answer: "{shortened(body[:60].decode(errors="replace"))}"',
        "something else answers at this address: look at markets.*.urls, sandbox_url and HTTPS_PROXY",
    )


def of_error(error: BaseException, url: str, limit_s: float) -> Diagnosis:
    """Return what an exception at connecting or reading means.

    Args:
        error: what was raised.
        url: where to.
        limit_s: how long was waited, for timeouts.
    """
    parts = urlsplit(url)
    host, place = parts.hostname or url, parts.netloc
    causes = list(_causes(error))
    if (found := _of_proxy(causes, url)) is not None:
        return found
    for one in causes:
        if (found := _named(one, host, place, limit_s)) is not None:
            return found
    return Diagnosis(f"no connection to {place}: {shortened(_words(error))}", "look at the address and the network")


def _named(error: BaseException, host: str, place: str, limit_s: float) -> Diagnosis | None:
    if isinstance(error, InvalidStatus):
        return of_status(error.response.status_code)
    return _of_tls(error, place) or _of_network(error, host, place, limit_s)


def _of_proxy(causes: Iterable[BaseException], url: str) -> Diagnosis | None:
    """Return what the proxy of the environment did, if it was that."""
    for error in causes:
        match error:
            case InvalidProxyStatus():
                return _refused_by_proxy(error.response.status_code, url)
            case aiohttp.ClientHttpProxyError():
                return _refused_by_proxy(error.status, url)
            case aiohttp.ClientProxyConnectionError() | ProxyError():
                return _SILENT_PROXY
            # Some say only which port they could not reach; if it is not the address's own, it is the proxy's.
            case ConnectionRefusedError() if (found := _PORT.search(str(error))) and int(found[1]) != _port(url):
                return _SILENT_PROXY
            case _:
                pass
    return None


def _refused_by_proxy(status: int, url: str) -> Diagnosis:
    if status == 407:
        return of_status(status)
    detail = f"the proxy refuses {urlsplit(url).hostname} (HTTP {status})"
    return Diagnosis(detail, "let the host through at the proxy, or unset HTTPS_PROXY")


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme in {"https", "wss"} else 80)


def _of_tls(error: BaseException, place: str) -> Diagnosis | None:
    match error:
        case ssl.SSLCertVerificationError():
            return Diagnosis(
                f"the certificate of {place} is not trusted: {error.verify_message}",
                "a proxy that reads along? then add its certificate: SSL_CERT_FILE; is the clock right?",
            )
        case ssl.SSLError():
            return Diagnosis(f"no TLS with {place}: {shortened(error.reason or _words(error))}", _PROTOCOL)
        case InvalidMessage() | aiohttp.ClientResponseError():
            return Diagnosis(f"{place} does not speak HTTP", _PROTOCOL)
        case _:
            return None


def _of_network(error: BaseException, host: str, place: str, limit_s: float) -> Diagnosis | None:
    match error:
        case socket.gaierror():
            return Diagnosis(
                f'the name "{host}" is not known here', "is there a network? does DNS work? a typing error?"
            )
        case ConnectionRefusedError():
            return Diagnosis(f"nothing listens at {place}", "is the address right, and does the server run?")
        case TimeoutError():
            detail = f"no answer from {place} within {limit_s:.0f} s"
            return Diagnosis(detail, "does a firewall drop it? try another network or HTTPS_PROXY")
        case ConnectionError() | aiohttp.ServerDisconnectedError() | EOFError():
            detail = f"{place} cuts the connection"
            return Diagnosis(detail, "a firewall or proxy in between? try another network or HTTPS_PROXY")
        case OSError() if "unreachable" in _words(error).lower():
            return Diagnosis(f"no way to {place}: {_words(error)}", "is there a network?")
        case _:
            return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield what is behind an exception, the innermost first: that says most."""
    chain: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in chain:
        chain.append(one)
        inner = getattr(one, "os_error", None) or getattr(one, "certificate_error", None)
        one = inner if isinstance(inner, BaseException) else one.__cause__
    yield from reversed(chain)


def _words(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
