from __future__ import annotations

import re
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given, strategies as st

from bench.plot import Panel, nice_steps, svg


SPACE = "{http://www.w3.org/2000/svg}"
PANEL = Panel("a < b", "symbols", "µs & more", {"books": [(2_000, 0.5), (50, 90.2)], "trades": [(50, 18.0)]})


def drawn(*panels: Panel) -> Element:
    return fromstring(svg(panels))  # noqa: S314 - made by us


@given(st.floats(1e-3, 1e9))
def test_the_marks_of_an_axis_reach_just_beyond_the_largest_value(largest: float) -> None:
    marks = nice_steps(largest)

    assert marks[0] == 0
    assert marks[-2] < largest
    assert marks[-1] >= largest or marks[-1] == pytest.approx(largest)
    assert 2 <= len(marks) <= 7


def test_every_point_is_in_its_panel() -> None:
    tree = drawn(PANEL, PANEL, PANEL)

    _, _, width, height = map(float, tree.attrib["viewBox"].split())
    assert (width, height) == (840, 540)
    assert len(tree.findall(f"{SPACE}g")) == 3
    for group in tree.findall(f"{SPACE}g"):
        places = [
            (float(circle.attrib["cx"]), float(circle.attrib["cy"])) for circle in group.findall(f"{SPACE}circle")
        ]
        assert len(places) == 3
        assert all(0 < x < 420 and 0 < y < 270 for x, y in places)


def test_lines_go_from_the_least_abscissa_to_the_largest_and_up_is_more() -> None:
    line = drawn(PANEL).find(f"{SPACE}g/{SPACE}polyline")

    assert line is not None
    (x1, y1), (x2, y2) = re.findall(r"([\d.]+),([\d.]+)", line.attrib["points"])
    assert float(x1) < float(x2)
    assert float(y1) < float(y2)  # from 90.2 down to 0.5: down is more in SVG


def test_texts_are_told_as_they_are() -> None:
    texts = {text.text for text in drawn(PANEL).iter(f"{SPACE}text")}

    assert {"a < b", "symbols", "µs & more", "books", "trades"} <= texts


def test_texts_are_readable_on_light_and_on_dark_paper() -> None:
    style = svg([PANEL])

    assert "prefers-color-scheme: light" in style
    assert "prefers-color-scheme: dark" in style


def test_a_panel_without_points_has_axes_all_the_same() -> None:
    assert drawn(Panel("nothing", "x", "y", {"none": []})).find(f"{SPACE}g/{SPACE}line") is not None
