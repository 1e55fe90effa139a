"""Line charts as one SVG file, written by hand: readable on light and on dark paper, and the same bytes each time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

from msgspec import Struct


__all__ = ["Panel", "nice_steps", "svg"]

Points = Sequence[tuple[float, float]]

_COLUMNS: Final = 2
_WIDTH, _HEIGHT = 420, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 20, 44, 46
_STEPS: Final = 5
_ROOM: Final = 22
"""Below a line, for its name."""
# Greys and colours of middle brightness stand out from white and from black alike.
_STYLE: Final = """
text { font: 12px sans-serif; fill: #767676 }
text.title { font-weight: bold; font-size: 13px }
line { stroke: #8884; stroke-width: 1 }
polyline { fill: none; stroke-width: 2 }
.c0 { stroke: #2f81f7; color: #2f81f7 } .c1 { stroke: #d9730d; color: #d9730d } .c2 { stroke: #8b5cf6; color: #8b5cf6 }
circle { fill: currentColor; stroke: none }
text.name { fill: currentColor; stroke: none }
@media (prefers-color-scheme: light) { text { fill: #24292f } }
@media (prefers-color-scheme: dark) { text { fill: #d0d7de } }
"""


class Panel(Struct, frozen=True):
    """One chart: lines over a common abscissa. Both axes begin at zero."""

    title: str
    x: str
    y: str
    lines: Mapping[str, Points]
    """Points by the line's name."""


def svg(panels: Sequence[Panel]) -> str:
    """Return the charts, two in a row."""
    rows = -(-len(panels) // _COLUMNS)
    width, height = _COLUMNS * _WIDTH, rows * _HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{_STYLE}</style>",
    ]
    for number, panel in enumerate(panels):
        row, column = divmod(number, _COLUMNS)
        parts += [f'<g transform="translate({column * _WIDTH} {row * _HEIGHT})">', *_panel(panel), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def nice_steps(largest: float) -> list[float]:
    """Return marks for an axis from zero: round numbers, the last not below the largest value."""
    if largest <= 0:
        return [0.0, 1.0]
    size = 10.0
    while size >= largest / _STEPS:
        size /= 10
    while size * 10 < largest / _STEPS:
        size *= 10
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor * _STEPS >= largest)
    count = 1
    while round(step * count, 9) < largest:
        count += 1
    return [round(step * number, 9) for number in range(count + 1)]


def _panel(panel: Panel) -> Iterator[str]:
    points = [point for line in panel.lines.values() for point in line]
    x_marks, y_marks = (nice_steps(max((point[axis] for point in points), default=0)) for axis in (0, 1))
    across, down = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(x: float, y: float) -> tuple[str, str]:
        return f"{_LEFT + across * x / x_marks[-1]:.1f}", f"{_HEIGHT - _BOTTOM - down * y / y_marks[-1]:.1f}"

    yield f'<text class="title" x="{_LEFT}" y="18">{escape(panel.title)}</text>'
    yield f'<text x="{_LEFT + across / 2:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(panel.x)}</text>'
    yield f'<text x="{_LEFT}" y="34">{escape(panel.y)}</text>'
    for mark in y_marks:
        _, y = place(0, mark)
        yield f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y}" dy="4" text-anchor="end">{mark:,g}</text>'
    for mark in x_marks:
        x, y = place(mark, 0)
        yield f'<text x="{x}" y="{y}" dy="16" text-anchor="middle">{mark:,g}</text>'
    for number, (name, line) in enumerate(panel.lines.items()):
        places = [place(*point) for point in sorted(line)]
        colour = f"c{number % 3}"
        yield f'<polyline class="{colour}" points="{" ".join(f"{x},{y}" for x, y in places)}"/>'
        for x, y in places:
            yield f'<circle class="{colour}" cx="{x}" cy="{y}" r="3"/>'
        if places:
            x, y = places[-1]
            below = number % 2 and float(y) < _HEIGHT - _BOTTOM - _ROOM
            at = f'x="{x}" y="{y}" dy="{17 if below else -8}" text-anchor="end"'
            yield f'<text class="name {colour}" {at}>{escape(name)}</text>'
