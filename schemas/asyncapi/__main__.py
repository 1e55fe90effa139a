"""``python -m schemas.asyncapi``: print the document."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

import yaml

from schemas.asyncapi.document import asyncapi_document


_EXAMPLES = """\
examples:
  python -m schemas.asyncapi > docs/asyncapi.yaml
  python -m schemas.asyncapi --prefix crypto.binance --format json > asyncapi.json
"""


class _Plain(yaml.CSafeDumper):
    """Writes no anchors, and quotes what older readers would take for yes or no: the venue has keys `n` and `y`."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style = "'" if text in {"y", "Y", "n", "N"} else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Plain.add_representer(str, _text)


def as_yaml(document: dict[str, Any]) -> str:
    """Return a document as YAML."""
    return yaml.dump(document, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=118)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the document."""
    parser = argparse.ArgumentParser(
        prog="python -m schemas.asyncapi",
        description="Print the AsyncAPI document of all topics.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--prefix", default="binance", help="first part of the topics' names (default: %(default)s)")
    parser.add_argument("--format", choices=("yaml", "json"), default="yaml", help="default: %(default)s")
    chosen = parser.parse_args(arguments)
    try:
        document = asyncapi_document(chosen.prefix)
    except ValueError as error:
        parser.error(str(error))
    if chosen.format == "json":
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(as_yaml(document))


if __name__ == "__main__":
    main()
