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
from pydantic import SecretStr

from ingest.accounts.sections import KeySettings
from ingest.core.endpoints import Environment, is_plain, is_venue
from ingest.core.secrecy import Secret
from ingest.core.signing import Signer, UnusableKeyError
from ingest.errors import ConfigError


__all__ = ["AccountKey", "KeyParts", "KeyRing", "KeyWatch"]

_MOST_BYTES: Final = 64 * 1024


@final
class AccountKey(Struct, frozen=True):
    """One account's key to the venue."""

    label: str
    api_key: Secret
    """Names the key to the venue; alone it opens nothing but listen keys, and is kept secret all the same."""
    signer: Signer
    environment: Environment | None
    """The exchange that it is marked for; None: it bears no mark, so it is taken for a real one."""


class KeyParts(Struct, frozen=True):
    """What files or variables hold of a key, as it is."""

    api_key: Secret | None
    secret: Secret | None
    private_key: Secret | None
    environment: Secret | None
    names: Mapping[str, str]
    """Which file or variable each of them comes from."""


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
        return self.key_of(label, self.read(label), addresses)

    def read(self, label: str) -> KeyParts:
        """Return what is there of an account's key.

        Raises:
            ConfigError: there is nothing, or it cannot be read.
        """
        given = self._given.get(_spelt(label))
        files = None if self._keys_dir is None else self._keys_dir / label
        has_files = files is not None and files.is_dir()
        if given is not None and has_files:
            raise _fault(_variable(label), f'and the files in "{files}" both hold its key: leave one of them')
        if given is not None:
            return _from_environment(label, given)
        if files is not None and has_files:
            return _from_files(files)
        place = f'"{files}"' if files else "a directory of its label in keys_dir, which is not set,"
        raise _fault(_setting(label), f"has no key: neither {place} nor {_variable(label, 'API_KEY')} is there")

    def key_of(self, label: str, parts: KeyParts, addresses: Mapping[str, str]) -> AccountKey:
        """Return the key that is made of these parts.

        Raises:
            ConfigError: it cannot be used, or it may not be sent there; names the file or variable.
        """
        key = _key_of(label, parts)
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
    """An account's key, and whether it was replaced.

    A key counts as replaced when two looks in a row find the same other one: files are written one after the other,
    and half of an old key with half of a new one is none.

    Args:
        ring: where the keys are.
        label: the account.
        addresses: where the key is sent, by what they are for.

    Raises:
        ConfigError: there is none, it cannot be used, or it may not be sent there.
    """

    def __init__(self, ring: KeyRing, label: str, addresses: Mapping[str, str]) -> None:
        self._ring = ring
        self._label = label
        self._addresses = addresses
        self._used = ring.read(label)
        self._seen: KeyParts | None = None
        self.key = ring.key_of(label, self._used, addresses)
        """The last that was found good."""
        self.fault = ""
        """Why what is there now cannot be used; empty: it can."""

    def look(self) -> AccountKey | None:
        """Return the key that took the place of the one before, once."""
        try:
            found = self._ring.read(self._label)
            if found == self._used:
                self._seen, self.fault = None, ""
            elif found != self._seen:
                self._seen = found
            else:
                self.key = self._ring.key_of(self._label, found, self._addresses)
                self._used, self._seen, self.fault = found, None, ""
                return self.key
        except ConfigError as error:
            self.fault = str(error)
        return None


def _from_environment(label: str, given: KeySettings) -> KeyParts:
    def secret(value: SecretStr | None) -> Secret | None:
        return None if value is None else Secret(value.get_secret_value().strip())

    return KeyParts(
        api_key=secret(given.api_key),
        secret=secret(given.secret),
        private_key=secret(given.private_key),
        environment=None if given.environment is None else Secret(given.environment),
        names={name: _variable(label, name.upper()) for name in KeySettings.model_fields},
    )


def _from_files(directory: Path) -> KeyParts:
    paths = {
        "api_key": directory / "api-key",
        "secret": directory / "secret",
        "private_key": directory / "private-key.pem",
        "environment": directory / "environment",
    }
    contents = {name: _read(path) for name, path in paths.items()}
    return KeyParts(**contents, names={name: str(path) for name, path in paths.items()})


def _key_of(label: str, parts: KeyParts) -> AccountKey:
    names, api_key = parts.names, parts.api_key
    if not api_key:
        raise _fault(names["api_key"], "is not there or empty: it holds the API key")
    if not all("!" <= character <= "~" for character in api_key.reveal()):
        raise _fault(names["api_key"], "holds no API key: blanks and signs beyond ASCII are in none")
    mark = None if parts.environment is None else parts.environment.reveal()
    if mark is not None and mark not in set(Environment):
        raise _fault(names["environment"], f"must hold one of {', '.join(Environment)}")
    if parts.secret is not None and parts.private_key is not None:
        raise _fault(names["secret"], f"and {names['private_key']} are both there: leave the one that signs")
    return AccountKey(label, api_key, _signer_of(parts), None if mark is None else Environment(mark))


def _signer_of(parts: KeyParts) -> Signer:
    names = parts.names
    try:
        if parts.secret is not None:
            return Signer.with_secret(parts.secret)
        if parts.private_key is not None:
            return Signer.with_private_key(parts.private_key)
    except UnusableKeyError as error:
        raise _fault(names["private_key" if parts.secret is None else "secret"], str(error)) from None
    raise _fault(names["secret"], f"is not there, nor is {names['private_key']}: one of them signs")


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
