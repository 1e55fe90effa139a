"""``python -m k8s.check``: is what kustomize rendered what the cluster and the services can work with?"""

from __future__ import annotations

import sys
from typing import Annotated, TextIO

import typer

from k8s.checks import CHECKS, Manifests, check


__all__ = ["main"]


def main(
    files: Annotated[
        list[typer.FileText] | None, typer.Argument(help="Rendered manifests; none: standard input.")
    ] = None,
) -> None:
    """Check rendered manifests for what no schema sees. Exit status 0 if nothing was found, 1 if something was.

    **Example**: `kustomize build k8s/overlays/prod | python -m k8s.check`
    """
    given: list[TextIO] = [*files] if files else [sys.stdin]
    manifests = Manifests.parse("\n---\n".join(file.read() for file in given))
    if not manifests.objects:
        typer.echo("nothing to check: no manifest was given", err=True)
        raise typer.Exit(1)
    found = check(manifests)
    for name, finding in found:
        typer.echo(f"{name:12} {finding}")
    typer.echo(f"{len(manifests.objects)} objects, {len(CHECKS)} checks, {len(found)} findings")
    raise typer.Exit(1 if found else 0)


if __name__ == "__main__":
    typer.run(main)
