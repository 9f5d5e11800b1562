"""A small chart of how time grows with size, both on logarithmic axes, written as SVG by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 190, 44, 48
COLOURS = ("#1b6ca8", "#d98e04", "#0f9d76", "#c8553d", "#7a6f9b", "#8a8d91")

Points = Sequence[tuple[float, float]]


def growth_plot(title: str, series: Mapping[str, Points], x_label: str, y_label: str) -> str:
    """An SVG document; each series is named at its last point. A dashed line shows what growing in step would be."""
    every = [point for points in series.values() for point in points]
    xs, ys = _Axis([x for x, _ in every], LEFT, WIDTH - RIGHT), _Axis([y for _, y in every], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12" '
        f'role="img" aria-label="{escape(title)}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="15" font-weight="bold" fill="#222222">{escape(title)}</text>',
        *_grid(xs, ys, x_label, y_label),
        *_in_step(next(iter(series.values())), xs, ys),
    ]
    labels = _spread([(ys.at(points[-1][1]), name) for name, points in series.items()])
    for colour, (name, points) in zip(COLOURS[: len(series)], series.items(), strict=True):
        parts += _line(points, xs, ys, colour)
        parts.append(
            f'<text x="{xs.at(points[-1][0]) + 10:.1f}" y="{labels[name] + 4:.1f}" fill="{colour}">{escape(name)}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


class _Axis:
    """Values on a logarithmic axis between two places of the picture, widened to whole powers of ten."""

    def __init__(self, values: Iterable[float], start: float, end: float) -> None:
        logs = [math.log10(value) for value in values]
        self.low, self.high = math.floor(min(logs)), math.ceil(max(logs))
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        share = (math.log10(value) - self.low) / max(self.high - self.low, 1)
        return self._start + share * (self._end - self._start)

    @property
    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self.low, self.high + 1)]


def _grid(xs: _Axis, ys: _Axis, x_label: str, y_label: str) -> Iterable[str]:
    for tick in xs.ticks:
        x = xs.at(tick)
        yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#e3e3e3"/>'
        yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="#555555">{tick:,.0f}</text>'
    for tick in ys.ticks:
        y = ys.at(tick)
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#e3e3e3"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#555555">{tick:g}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle:.1f}" y="{HEIGHT - 10}" text-anchor="middle" fill="#333333">{escape(x_label)}</text>'
    yield f'<text x="16" y="{TOP - 8}" fill="#333333">{escape(y_label)}</text>'


def _in_step(points: Points, xs: _Axis, ys: _Axis) -> Iterable[str]:
    """From a series' last point back, as if time were in proportion to size."""
    (size, time), first = points[-1], points[0][0]
    start = max(time * first / size, 10.0**ys.low)
    at = first if start > 10.0**ys.low else size * start / time
    yield (
        f'<line x1="{xs.at(at):.1f}" y1="{ys.at(start):.1f}" x2="{xs.at(size):.1f}" y2="{ys.at(time):.1f}" '
        'stroke="#bbbbbb" stroke-dasharray="4 4"/>'
    )


def _line(points: Points, xs: _Axis, ys: _Axis, colour: str) -> Iterable[str]:
    places = [(xs.at(x), ys.at(y)) for x, y in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'


def _spread(labels: Sequence[tuple[float, str]], apart: float = 15) -> dict[str, float]:
    """Where to write each name so that none covers another, the highest first."""
    placed: dict[str, float] = {}
    lowest = -math.inf
    for y, name in sorted(labels):
        lowest = max(y, lowest + apart)
        placed[name] = lowest
    return placed
