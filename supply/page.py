"""The page of licences: ``python -m supply.page > docs/licences.md``; a test fails while the two differ."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from supply.inventory import LOCK, VENDORED, Package, Vendored, packages, vendored


__all__ = ["licence_page"]

_INSIDE = (
    ("confluent-kafka", "librdkafka", "BSD-2-Clause; with OpenSSL, zlib, zstd, lz4, cyrus-sasl and curl"),
    ("cryptography", "OpenSSL", "Apache-2.0"),
    ("cffi", "libffi", "MIT"),
    ("pyyaml", "libyaml", "MIT"),
    ("uvloop", "libuv", "MIT"),
)
"""Compiled into wheels by those who publish them."""


def licence_page(found: Sequence[Package], libraries: Sequence[Vendored]) -> str:
    """Return the page as Markdown."""
    return "\n".join(_lines(found, libraries)) + "\n"


def _lines(found: Sequence[Package], libraries: Sequence[Vendored]) -> Iterator[str]:
    yield "# Licences"
    yield ""
    yield "<!-- written by `python -m supply.page`; do not edit -->"
    yield ""
    yield (
        "binance-kafka is Apache-2.0. An image holds these works of others besides Python and its base, each unchanged "
        "and with its notices; [supply-chain.md](supply-chain.md) says how they are pinned and what checks this list."
    )
    yield ""
    yield "| package | version | licence | what it is |"
    yield "| --- | --- | --- | --- |"
    for package in found:
        about = " ".join(package.about.split()).replace("|", "\\|")
        yield f"| {package.name} | {package.version} | {package.licence} | {about} |"
    present = {package.name for package in found}
    yield ""
    yield "Some wheels hold compiled libraries of others, as those who publish them say:"
    yield ""
    yield "| in | library | licence |"
    yield "| --- | --- | --- |"
    for package_name, library, licence in _INSIDE:
        if package_name in present:
            yield f"| {package_name} | {library} | {licence} |"
    if libraries:
        yield ""
        yield "The dashboard's page brings, each with its licence beside it in `dashboard/page/vendor/`:"
        yield ""
        yield "| library | version | licence | files |"
        yield "| --- | --- | --- | --- |"
        for library_found in libraries:
            files = ", ".join(f"`{name}`" for name, _ in library_found.files)
            yield f"| {library_found.name} | {library_found.version} | {library_found.licence} | {files} |"


def main() -> None:
    """Print the page."""
    sys.stdout.write(licence_page(packages(LOCK.read_text(encoding="utf-8")), vendored(VENDORED)))


if __name__ == "__main__":
    main()
