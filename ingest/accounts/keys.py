"""The keys of accounts: from mounted files or the environment, by label; told to nobody.

``<keys_dir>/<label>/`` holds ``api-key``; beside it ``secret`` (HMAC) or ``private-key.pem`` (Ed25519 or RSA); and
``environment``, which marks a key of the sandbox by the word ``sandbox``. In place of the files, the environment:
``INGEST_KEYS__<LABEL>__API_KEY``, ``…__SECRET``, ``…__PRIVATE_KEY``, ``…__ENVIRONMENT``, the label in upper case and
with ``_`` for ``-``.

No error, log line or repr of this module shows what a file or a variable holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, final

from msgspec import Struct

from ingest.core.endpoints import Environment, is_plain, is_venue
from ingest.core.secrecy import Secret
from ingest.core.signing import Signer, UnusableKeyError
from ingest.errors import ConfigError
from ingest.sections import KeySettings


__all__ = ["AccountKey", "KeyRing", "KeyWatch"]

_MOST_BYTES: Final = 64 * 1024
_PROBE: Final = b"the same key signs this the same way"


@final
class AccountKey(Struct, frozen=True):
    """One account's key to the venue."""

    label: str
    api_key: Secret
    """Names the key to the venue; alone it opens nothing but listen keys, and is kept secret all the same."""
    signer: Signer
    environment: Environment | None
    """The exchange that it is marked for; None: it bears no mark, so it is taken for a real one."""

    def same_as(self, other: AccountKey) -> bool:
        """Return whether both are one key: all three kinds sign the same payload the same way each time."""
        return (
            self.api_key == other.api_key
            and self.environment is other.environment
            and self.signer.sign(_PROBE) == other.signer.sign(_PROBE)
        )


class KeyRing:
    """Where the keys of accounts are.

    Args:
        keys_dir: holds a directory per label; None: there is none.
        given: what the environment holds, by label as the environment spells it.
        environment: the exchange that the settings name.
    """

    def __init__(self, keys_dir: Path | None, given: Mapping[str, KeySettings], environment: Environment) -> None:
        self._keys_dir = keys_dir
        self._given = given
        self._environment = environment

    def load(self, label: str, addresses: Mapping[str, str]) -> AccountKey:
        """Return an account's key.

        Args:
            label: the account.
            addresses: where it would be sent, by what they are for.

        Raises:
            ConfigError: there is none, it cannot be used, or it may not be sent there; names the file or variable.
        """
        given = self._given.get(_spelt(label))
        files = None if self._keys_dir is None else self._keys_dir / label
        has_files = files is not None and files.is_dir()
        if given is not None and has_files:
            raise _fault(_variable(label), f'and the files in "{files}" both hold its key: leave one of them')
        if given is not None:
            key = _from_environment(label, given)
        elif files is not None and has_files:
            key = _from_files(label, files)
        else:
            place = f'"{files}"' if files else "a directory of its label in keys_dir, which is not set,"
            raise _fault(_setting(label), f"has no key: neither {place} nor {_variable(label, 'API_KEY')} is there")
        self._check_place(key, addresses)
        return key

    def _check_place(self, key: AccountKey, addresses: Mapping[str, str]) -> None:
        mark, path = key.environment, _setting(key.label)
        for what, url in addresses.items():
            if mark is Environment.SANDBOX and is_venue(url):
                raise _fault(path, f'a key of the sandbox is nothing for Binance: {what} is "{url}"')
            if mark is not Environment.SANDBOX and (is_plain(url) or self._environment is Environment.SANDBOX):
                raise _fault(
                    path,
                    f'{what} is "{url}", of a sandbox or not encrypted: only a key marked for the sandbox is sent'
                    ' there, by a file "environment" beside it that holds the word sandbox',
                )
        if mark is not None and mark is not self._environment and mark is not Environment.SANDBOX:
            raise _fault(path, f"its key is marked for {mark}, and the setting endpoint is {self._environment}")


class KeyWatch:
    """Notices when a key is replaced.

    A key counts as replaced when two looks in a row find the same other one: files are written one after the other,
    and half of an old key with half of a new one is none.

    Args:
        ring: where the keys are.
        key: the one in use.
        addresses: where it is sent, by what they are for.
    """

    def __init__(self, ring: KeyRing, key: AccountKey, addresses: Mapping[str, str]) -> None:
        self._ring = ring
        self._key = key
        self._addresses = addresses
        self._seen: AccountKey | None = None
        self.fault = ""
        """Why what is there now cannot be used; empty: it can."""

    def look(self) -> AccountKey | None:
        """Return the key that took the place of the one in use, once; it is the one in use from then on."""
        try:
            found = self._ring.load(self._key.label, self._addresses)
        except ConfigError as error:
            self._seen, self.fault = None, str(error)
            return None
        self.fault = ""
        if found.same_as(self._key):
            self._seen = None
            return None
        if self._seen is None or not found.same_as(self._seen):
            self._seen = found
            return None
        self._key, self._seen = found, None
        return found


def _from_environment(label: str, given: KeySettings) -> AccountKey:
    def secret(name: str) -> Secret | None:
        value = getattr(given, name)
        return None if value is None else Secret(value.get_secret_value().strip())

    named = {name: _variable(label, name.upper()) for name in KeySettings.model_fields}
    return _key_of(
        label,
        api_key=secret("api_key"),
        secret=secret("secret"),
        private_key=secret("private_key"),
        mark=given.environment,
        names=named,
    )


def _from_files(label: str, directory: Path) -> AccountKey:
    paths = {
        "api_key": directory / "api-key",
        "secret": directory / "secret",
        "private_key": directory / "private-key.pem",
        "environment": directory / "environment",
    }
    parts = {name: _read(path) for name, path in paths.items()}
    mark = parts["environment"]
    return _key_of(
        label,
        api_key=parts["api_key"],
        secret=parts["secret"],
        private_key=parts["private_key"],
        mark=None if mark is None else mark.reveal(),
        names={name: str(path) for name, path in paths.items()},
    )


def _key_of(
    label: str,
    *,
    api_key: Secret | None,
    secret: Secret | None,
    private_key: Secret | None,
    mark: str | None,
    names: Mapping[str, str],
) -> AccountKey:
    if not api_key:
        raise _fault(names["api_key"], "is not there or empty: it holds the API key")
    if not all("!" <= character <= "~" for character in api_key.reveal()):
        raise _fault(names["api_key"], "holds no API key: blanks and signs beyond ASCII are in none")
    if mark is not None and mark not in set(Environment):
        raise _fault(names["environment"], f"must hold one of {', '.join(Environment)}")
    if secret is not None and private_key is not None:
        raise _fault(names["secret"], f"and {names['private_key']} are both there: leave the one that signs")
    name, sign = names["secret"], Signer.with_secret
    if secret is None and private_key is not None:
        name, sign = names["private_key"], Signer.with_private_key
    content = secret if secret is not None else private_key
    if content is None:
        raise _fault(names["secret"], f"is not there, nor is {names['private_key']}: one of them signs")
    try:
        signer = sign(content)
    except UnusableKeyError as error:
        raise _fault(name, str(error)) from None
    return AccountKey(label, api_key, signer, None if mark is None else Environment(mark))


def _read(path: Path) -> Secret | None:
    """Return what a file holds; None: there is no such file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _fault(path, f"cannot be read: {error.strerror}") from None
    if len(content) > _MOST_BYTES:
        raise _fault(path, "is too long for a key")
    try:
        return Secret(content.decode().strip())
    except UnicodeDecodeError:
        raise _fault(path, "is no text") from None


def _spelt(label: str) -> str:
    return label.replace("-", "_")


def _variable(label: str, part: str = "…") -> str:
    return f"INGEST_KEYS__{_spelt(label).upper()}__{part}"


def _setting(label: str) -> str:
    return f"accounts.{label}"


def _fault(place: str | Path, problem: str) -> ConfigError:
    return ConfigError([(f'"{place}"' if isinstance(place, Path) else place, problem)], "of keys")
