"""Asks the database of known vulnerabilities about what an image holds: ``make audit``.

pip-audit does it, in an environment of its own; what it finds is printed as it prints it. That the database cannot be
reached is no finding, and is told in a line instead of a traceback.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from supply.inventory import LOCK, ROOT


__all__ = ["CLEAN", "FOUND", "UNKNOWN", "audit"]

CLEAN: Final = 0
FOUND: Final = 1
"""There are vulnerabilities, or the audit itself failed."""
UNKNOWN: Final = 3
"""The database did not answer: nothing is known."""
_DATABASE: Final = "https://api.osv.dev"
_OUT_OF_REACH: Final = re.compile(r"(ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError)\b.*", re.DOTALL)
_PROGRAM: Final = ROOT / ".make" / "audit" / "bin" / "pip-audit"
_OPTIONS: Final = ("--vulnerability-service", "osv", "--disable-pip", "--require-hashes", "--progress-spinner", "off")


def audit(program: str, arguments: Sequence[str]) -> int:
    """Run the audit of requirements-services.lock; return its exit status.

    Args:
        program: pip-audit.
        arguments: more of its arguments.
    """
    command = [program, *_OPTIONS, "--requirement", str(LOCK), *arguments]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603 - ours
    if done.returncode != 0 and (failure := _OUT_OF_REACH.search(done.stderr)):
        sys.stderr.write(
            f"error: {_DATABASE} cannot be reached from here, so nothing is known: {_last_line(failure[0])}\n"
            "make audit needs the way to it (HTTPS_PROXY is heeded); the bill of materials, make sbom, can be audited "
            "elsewhere\n"
        )
        return UNKNOWN
    sys.stderr.write(done.stderr)
    return FOUND if done.returncode else CLEAN


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


if __name__ == "__main__":
    sys.exit(audit(str(_PROGRAM), sys.argv[1:]))
