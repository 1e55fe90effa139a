"""Examples in the documents: YAML and JSON are what the settings take, and commands that need nothing run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ingest.config import Settings, load
from tests.support.pages import PAGES, Block, blocks_that_need, files_of


BLOCKS = [block for page in PAGES.values() for block in page.blocks]


def place(block: Block) -> str:
    return f"{block.page}:{block.line}"


def of_ingest(text: str) -> bool:
    """Whether a block is a configuration of ingest."""
    content = yaml.safe_load(text)
    return isinstance(content, dict) and bool(content) and set(content) <= set(Settings.model_fields)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("INGEST_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == "yaml"], ids=place)
def test_yaml_can_be_read_and_is_a_configuration_where_it_looks_like_one(block: Block, tmp_path: Path) -> None:
    assert all(one is not None for one in yaml.safe_load_all(block.text))
    if "---" not in block.text and of_ingest(block.text):
        path = tmp_path / "ingest.yaml"
        path.write_text(block.text, "utf-8")
        load(path)


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == "json"], ids=place)
def test_json_can_be_read(block: Block) -> None:
    json.loads(block.text)


def settings_in(block: Block) -> dict[str, str]:
    """The settings of ingest that a block of shell commands gives values."""
    found = {}
    for name, value in re.findall(r"\b(INGEST_[A-Z0-9_]+)=('[^']*'|\"[^\"]*\"|\S+)", block.text):
        (found[name],) = shlex.split(value)
    return {name: value for name, value in found.items() if "$" not in value}


@pytest.mark.parametrize("block", [one for one in BLOCKS if settings_in(one)], ids=place)
def test_settings_in_commands_are_taken(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings_in(block).items():
        monkeypatch.setenv(name, value)

    load(None)


@pytest.mark.timeout(180)  # several commands, each of which starts an interpreter
@pytest.mark.parametrize("block", blocks_that_need("offline"), ids=place)
def test_commands_that_need_nothing_do_what_the_page_says(block: Block, tmp_path: Path) -> None:
    for name, text in files_of(block.page).items():
        (tmp_path / name).write_text(text, "utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    done = subprocess.run(  # noqa: S603 - what our own pages say
        ["/bin/bash", "-euo", "pipefail", "-c", block.text],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        text=True,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, f"{place(block)}:\n{done.stdout}{done.stderr}"


def test_there_are_commands_to_run() -> None:
    assert len(blocks_that_need("offline")) >= 1
    assert "ingest.yaml" in files_of("docs/quick-start.md")
