"""What an image holds of others: the packages of requirements-services.lock and the libraries of the page."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from supply.licences import licence_of


__all__ = ["LOCK", "ROOT", "VENDORED", "InventoryError", "Package", "Vendored", "packages", "pins_of", "vendored"]

ROOT: Final = Path(__file__).parent.parent
LOCK: Final = ROOT / "requirements-services.lock"
VENDORED: Final = ROOT / "dashboard" / "page" / "vendor"
"""Its README names each library, its version, its licence and its files."""
_ENVIRONMENT: Final = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.2",
    "python_version": "3.11",
    "sys_platform": "linux",
    "extra": "",
}
"""Of the image, wherever this runs: what is written must be the same everywhere."""
_PIN: Final = re.compile(r"^([A-Za-z0-9][\w.-]*==[^\\\n]+?) *\\?$", re.MULTILINE)
_ROW: Final = re.compile(r"^\| `([^`|]+)` \| ([^|]+) \| ([^|]+), `([^`|]+)` \| ([^|]+) \|$", re.MULTILINE)


class InventoryError(Exception):
    """What is delivered cannot be told."""


class Package(msgspec.Struct, frozen=True):
    """A package of the lock."""

    name: str
    version: str
    licence: str
    """As an SPDX expression."""
    requires: tuple[str, ...]
    """Other packages of the lock that it needs."""
    about: str


class Vendored(msgspec.Struct, frozen=True):
    """A library whose files are in the repository."""

    name: str
    """On npm."""
    version: str
    licence: str
    """As an SPDX expression."""
    licence_file: str
    files: tuple[tuple[str, str], ...]
    """Names, and the SHA-256 of each."""


def pins_of(lock: str) -> dict[str, str]:
    """Return the packages that a lock puts into an image, with their versions."""
    pins: dict[str, str] = {}
    for text in _PIN.findall(lock):
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate(_ENVIRONMENT):
            (specifier,) = requirement.specifier
            pins[canonicalize_name(requirement.name)] = specifier.version
    return pins


def packages(lock: str) -> list[Package]:
    """Return the packages of a lock, by name, as the metadata of what is installed here describes them.

    Raises:
        InventoryError: one is not installed here in its version, or its licence is unknown.
    """
    pins = pins_of(lock)
    return [_package(name, version, pins.keys()) for name, version in sorted(pins.items())]


def _package(name: str, version: str, all_names: Iterable[str]) -> Package:
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        msg = f'package "{name}": not installed here: make setup'
        raise InventoryError(msg) from None
    if found.version != version:
        msg = f'package "{name}": {found.version} is installed, {version} is locked: make setup'
        raise InventoryError(msg)
    licence = licence_of(name, found.metadata)
    if licence is None:
        msg = f'package "{name}": its licence is unknown: look, and name it in supply/licences.py'
        raise InventoryError(msg)
    requires = {canonicalize_name(one.name) for one in _requirements(found)}
    return Package(name, version, licence, tuple(sorted(requires & set(all_names))), found.metadata["Summary"] or "")


def _requirements(of: metadata.Distribution) -> Iterator[Requirement]:
    for text in of.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        # Extras count too: those that are not wanted are not in the lock.
        if marker is None or "extra" in str(marker) or marker.evaluate(_ENVIRONMENT):
            yield requirement


def vendored(directory: Path) -> list[Vendored]:
    """Return the libraries that a directory's README names; none where there is no directory.

    Raises:
        InventoryError: a file that is named is not there, or one that is there is not named.
    """
    if not directory.exists():
        return []
    found = [_vendored(directory, row) for row in _ROW.findall((directory / "README.md").read_text(encoding="utf-8"))]
    named = {name for one in found for name, _ in one.files} | {one.licence_file for one in found} | {"README.md"}
    there = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}
    if strangers := sorted(there ^ named):
        msg = f"{directory / 'README.md'} and the files beside it differ: {', '.join(strangers)}"
        raise InventoryError(msg)
    return sorted(found, key=lambda one: one.name)


def _vendored(directory: Path, row: tuple[str, ...]) -> Vendored:
    name, version, licence, licence_file, files = row
    names = re.findall(r"`([^`]+)`", files)
    hashes = tuple((file, _sha256(directory / file)) for file in sorted(names))
    return Vendored(name, version.strip(), licence.strip(), licence_file, hashes)


def _sha256(path: Path) -> str:
    if not path.exists():
        msg = f"{path}: the README beside it names it, but it is not there"
        raise InventoryError(msg)
    return hashlib.sha256(path.read_bytes()).hexdigest()
