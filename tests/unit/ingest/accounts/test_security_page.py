from __future__ import annotations

import re
import subprocess
from itertools import pairwise

from schemas.topics import TopicTable
from tests.support.project import ROOT


PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
PRIVATE = {topic.name: topic for topic in TopicTable() if topic.private}


def granted() -> list[list[str]]:
    """Return the rights that the page's commands give, as arguments of kafka-acls."""
    (commands,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    script = f'BROKER=broker:9093\nkafka-acls() {{ printf "%s " "$@"; echo; }}\n{commands}'
    done = subprocess.run(  # noqa: S603 - the page's own commands, and none of them real
        ["/bin/bash", "-euc", script], capture_output=True, text=True, check=True
    )
    return [line.split() for line in done.stdout.splitlines()]


def rights(arguments: list[str]) -> tuple[str, set[str], str]:
    """Return who may do what with which topic; empty: another kind of resource."""
    options = list(pairwise(arguments))
    topic = next((value for option, value in options if option == "--topic"), "")
    (who,) = [value for option, value in options if option == "--allow-principal"]
    return who, {value for option, value in options if option == "--operation"}, topic


def test_the_page_names_every_private_topic() -> None:
    for topic in PRIVATE.values():
        assert f"{topic.type}" in PAGE


def test_the_commands_are_about_every_private_topic_and_no_other() -> None:
    topics = {topic for _, _, topic in map(rights, granted()) if topic}

    assert topics == set(PRIVATE)


def test_who_trades_reads_the_tables_and_writes_nothing() -> None:
    trading = [rights(line) for line in granted() if "User:trading" in line]

    assert {operation for _, operations, _ in trading for operation in operations} == {"Read"}
    assert {PRIVATE[topic].type for _, _, topic in trading if topic} == {"order", "balance", "position"}
