"""Secrets that tell themselves to nobody who does not ask by name, and texts from which they are taken out."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn, final
from urllib.parse import quote


__all__ = ["HIDDEN", "Redactor", "Secret"]

HIDDEN: Final = "**********"
"""Stands where a secret would."""


@final
class Secret:
    """A text that no repr, format, pickle, copy of the object's fields or encoder shows.

    Args:
        text: the secret.
    """

    __slots__ = ("_ask",)
    _ask: Callable[[], str]

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_ask", lambda: text)

    def reveal(self) -> str:
        """Return the secret itself; keep it out of everything that lasts."""
        return self._ask()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        msg = "a secret does not change"
        raise AttributeError(msg)

    def __repr__(self) -> str:
        return f"Secret('{HIDDEN}')"

    def __str__(self) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self._ask())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._ask().encode(), other.reveal().encode())

    def __hash__(self) -> int:
        return hash(self._ask())

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "a secret is not written anywhere"
        raise TypeError(msg)


@final
class Redactor:
    """Takes secrets out of what others said: an error of the venue, of a proxy, of a library may repeat what it got.

    Args:
        secrets: what must not be repeated.
    """

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._secrets = tuple(one for one in secrets if one)

    def text(self, text: str) -> str:
        """Return the text without them."""
        for secret in self._secrets:
            for form in _forms(secret):
                text = text.replace(form, HIDDEN)
        return text

    def content(self, content: bytes) -> bytes:
        """Return the bytes without them."""
        for secret in self._secrets:
            for form in _forms(secret):
                content = content.replace(form.encode(), HIDDEN.encode())
        return content

    def repeats(self, content: bytes) -> bool:
        """Return whether one of them is in it."""
        return any(form.encode() in content for secret in self._secrets for form in _forms(secret))


def _forms(secret: Secret) -> tuple[str, ...]:
    """Return how it may be written: as it is, and as it stands in an address."""
    text = secret.reveal()
    return tuple(dict.fromkeys((text, quote(text, safe=""))))
