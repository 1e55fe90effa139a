"""The documents as tests read them: headings, links, blocks of code, the commands in them.

A block of shell commands that a test is to run has a comment before it, ``<!-- tested: offline -->``; in place of
`offline` (nothing but this project is needed) `broker` (a broker and a registry are there) or `broker, and refused`
(likewise, and it is to fail). It runs in an empty directory that holds the page's YAML blocks whose first line is a
comment with a file's name, ``# ingest.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from tests.support.project import ROOT


__all__ = ["PAGES", "Block", "Page", "blocks_that_need", "commands", "files_of", "page"]

_FENCE = re.compile(
    r"^(?:<!-- tested: (?P<tested>[\w, ]+) -->\n)?"
    r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>[\w-]*)[^\n`]*\n(?P<text>.*?)^(?P=indent)(?P=fence)[ ]*$",
    re.MULTILINE | re.DOTALL,
)
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")
_PHRASE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_SHELLS = frozenset({"", "sh", "bash", "console", "shell"})
_FILE = re.compile(r"^# ([\w-]+\.ya?ml)\b")


class Block(Struct, frozen=True):
    """One fenced block of code."""

    page: str
    line: int
    language: str
    text: str
    tested: str | None
    """What the test that runs it needs; None: none runs it."""


class Page(Struct, frozen=True):
    """One document."""

    name: str
    """From the project's root: ``docs/gaps.md``."""
    text: str

    @property
    def path(self) -> Path:
        """Where it is."""
        return ROOT / self.name

    @property
    def prose(self) -> str:
        """The text without blocks of code; lines keep their numbers."""
        return _FENCE.sub(lambda found: "\n" * found[0].count("\n"), self.text)

    @property
    def anchors(self) -> list[str]:
        """What a link can point to, as GitHub makes it of the headings."""
        return [_slug(heading) for heading in _HEADING.findall(self.prose)]

    @property
    def links(self) -> list[str]:
        """Targets of links and images, in their order; those in code are none."""
        return _LINK.findall(_PHRASE.sub("", self.prose))

    @property
    def blocks(self) -> list[Block]:
        """All blocks of code."""
        return [
            Block(
                self.name,
                self.text.count("\n", 0, found.start()) + 1,
                found["language"],
                re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE),
                found["tested"],
            )
            for found in _FENCE.finditer(self.text)
        ]

    @property
    def code(self) -> Iterator[str]:
        """Every line that a reader may type: of shell blocks, continued lines as one, and phrases in code."""
        for block in self.blocks:
            if block.language in _SHELLS:
                yield from block.text.replace("\\\n", " ").splitlines()
        yield from _PHRASE.findall(self.prose)


def _slug(heading: str) -> str:
    """Return the anchor of a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")


def _all() -> Iterator[Page]:
    for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/**/*.md"))]:
        yield Page(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))


PAGES = {page.name: page for page in _all()}


def page(name: str) -> Page:
    """Return the document of a name, ``docs/gaps.md``."""
    return PAGES[name]


def files_of(name: str) -> dict[str, str]:
    """Return the files that a page shows, by their names."""
    shown = [(_FILE.match(block.text), block.text) for block in page(name).blocks if block.language == "yaml"]
    return {found[1]: text for found, text in reversed(shown) if found}


def blocks_that_need(needs: str) -> list[Block]:
    """Return the blocks that a test is to run."""
    return [block for one in PAGES.values() for block in one.blocks if block.tested == needs]


def commands(line: str, programs: str) -> Iterator[str]:
    """Yield each call of a program in a line, from its name to its end.

    Args:
        line: of a shell, or a phrase.
        programs: a regular expression.
    """
    for part in re.split(r"&&|\|\|?|;| & |[<>]|\$\(|\)|, then ", re.sub(r"\s#\s.*", "", line)):
        found = re.search(rf"(?:^|[\s/`\"])({programs})(?=\s|$)(.*)", part)
        if found:
            yield (found[1] + found[2]).strip()
