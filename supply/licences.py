"""The licence of a package as an SPDX expression, from its metadata, and whether it may be delivered with ours."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageMetadata
from typing import Any, Final

from boolean import AND, OR
from license_expression import ExpressionError, get_spdx_licensing


__all__ = ["ALLOWED", "KNOWN_EXCEPTIONS", "is_allowed", "licence_of"]

_READ: Final[Mapping[str, str]] = {
    "confluent-kafka": "Apache-2.0",
    "faust-streaming": "BSD-3-Clause",
    "mode-streaming": "BSD-3-Clause",
    "uvloop": "MIT OR Apache-2.0",
    "venusian": "LicenseRef-Repoze",
}
"""Read in the licence files that these bring: their metadata says it in words, not all of it, or not at all."""
_WORDS: Final[Mapping[str, str]] = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "isc license": "ISC",
    "mit license": "MIT",
}
_CLASSIFIERS: Final[Mapping[str, str]] = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""Those that leave no doubt: "BSD License" may be any of them."""
ALLOWED: Final = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "LicenseRef-Repoze",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
    }
)
"""May be delivered with a program of another licence, unchanged and with their notices."""
KNOWN_EXCEPTIONS: Final[Mapping[str, str]] = {}
"""Packages of other licences, each with the reason why it may be in an image."""
_SPDX: Final = get_spdx_licensing()


def licence_of(name: str, metadata: PackageMetadata) -> str | None:
    """Return the licence of a package as an SPDX expression; None: nobody knows."""
    if name in _READ:
        return _READ[name]
    for told in (*(metadata.get_all("License-Expression") or ()), *(metadata.get_all("License") or ())):
        if expression := _spdx(told):
            return expression
    classified = {_CLASSIFIERS[one] for one in metadata.get_all("Classifier") or () if one in _CLASSIFIERS}
    return classified.pop() if len(classified) == 1 else None


def is_allowed(expression: str) -> bool:
    """Return whether all that an expression demands is allowed, one of the alternatives where it gives a choice."""
    return _allowed(_SPDX.parse(expression))


def _allowed(node: Any) -> bool:
    match node:
        case OR():
            return any(_allowed(one) for one in node.args)
        case AND():
            return all(_allowed(one) for one in node.args)
        case _:
            # An exception such as "WITH Classpath-exception-2.0" only ever gives more.
            return getattr(node, "license_symbol", node).key in ALLOWED


def _spdx(told: str) -> str | None:
    """Return what metadata tells, if it can be understood, as an expression."""
    text = _WORDS.get(told.strip().lower(), told.strip())
    try:
        return str(_SPDX.parse(text, validate=True, strict=True))
    except ExpressionError:
        return None
