"""The bill of materials, CycloneDX 1.6: ``python -m supply.sbom --output dist/sbom.cdx.json``.

What is named is what an image holds: the packages that requirements-services.lock pins, what needs what, the libraries
of the page with the sums of their files, and the licence of each. It tells a time only where ``SOURCE_DATE_EPOCH``
does: equal locks give equal bytes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from supply.inventory import LOCK, ROOT, VENDORED, InventoryError, Package, Vendored, packages, vendored


__all__ = ["bill_of_materials", "problems_of"]

_EPOCH: Final = "SOURCE_DATE_EPOCH"
_NAMESPACE: Final = uuid.UUID("6f0f1c1e-5f0b-5d4e-9d0a-3a1b6c1f2e77")
"""Ours: a serial number is made of it and of what the bill names."""
_EXAMPLES: Final = """\
examples:
  python -m supply.sbom --output dist/sbom.cdx.json
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) python -m supply.sbom > sbom.cdx.json
"""


def bill_of_materials(found: Sequence[Package], libraries: Sequence[Vendored], at: datetime | None) -> str:
    """Return the bill as JSON.

    Args:
        found: the packages of an image.
        libraries: those of the page.
        at: when it is made; None: it does not say.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    licences = LicenseFactory()
    root = Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        bom_ref=project["name"],
        description=project["description"],
        licenses=[licences.make_from_string(project["license"])],
        purl=PackageURL("pypi", None, project["name"], project["version"]),
    )
    bom = Bom(metadata=BomMetaData(component=root), serial_number=_serial_number(found, libraries))
    bom.metadata.timestamp = at  # type: ignore[assignment]  # None is left out
    components = {package.name: _of_package(package, licences) for package in found}
    of_page = [_of_library(library, licences) for library in libraries]
    bom.components.update(components.values())
    bom.components.update(of_page)
    direct = {canonicalize_name(Requirement(text).name) for text in _direct(project)}
    bom.register_dependency(root, [*(components[name] for name in sorted(direct & components.keys())), *of_page])
    for package in found:
        bom.register_dependency(components[package.name], [components[name] for name in package.requires])
    return str(JsonV1Dot6(bom).output_as_string(indent=2)) + "\n"


def problems_of(bill: str) -> str | None:
    """Return what is wrong with a bill by the schema of CycloneDX, None where nothing is."""
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill)
    return None if error is None else str(error)


def _direct(project: Mapping[str, Any]) -> list[str]:
    return [*project["dependencies"], *project["optional-dependencies"]["tracing"]]


def _of_package(package: Package, licences: LicenseFactory) -> Component:
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"pypi:{package.name}",
        description=package.about or None,
        licenses=[licences.make_from_string(package.licence)],
        purl=PackageURL("pypi", None, package.name, package.version),
    )


def _of_library(library: Vendored, licences: LicenseFactory) -> Component:
    return Component(
        name=library.name,
        version=library.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"npm:{library.name}",
        licenses=[licences.make_from_string(library.licence)],
        purl=PackageURL("npm", None, library.name, library.version),
        properties=[Property(name="binance-kafka:licence-file", value=library.licence_file)],
        components=[
            Component(
                name=name,
                type=ComponentType.FILE,
                bom_ref=f"npm:{library.name}:{name}",
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
            )
            for name, digest in library.files
        ],
    )


def _serial_number(found: Sequence[Package], libraries: Sequence[Vendored]) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, repr((tuple(found), tuple(libraries))))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the bill; the exit status is 0 where it is valid, 1 where something is amiss."""
    parser = argparse.ArgumentParser(
        prog="python -m supply.sbom",
        description="Write the bill of materials of an image, CycloneDX 1.6, and check it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--output", type=Path, help="where to; by default standard output")
    chosen = parser.parse_args(arguments)
    epoch = os.environ.get(_EPOCH)
    try:
        found, libraries = packages(LOCK.read_text(encoding="utf-8")), vendored(VENDORED)
    except InventoryError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    bill = bill_of_materials(found, libraries, datetime.fromtimestamp(int(epoch), UTC) if epoch else None)
    if (problem := problems_of(bill)) is not None:
        sys.stderr.write(f"error: the bill of materials is not valid: {problem}\n")
        return 1
    if chosen.output is None:
        sys.stdout.write(bill)
        return 0
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(bill, encoding="utf-8")
    sys.stderr.write(f"{chosen.output}: {len(found)} packages and {len(libraries)} libraries of the page, valid\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
