"""Line plots as SVG: few points, two axes, the promised line. Nothing is loaded from elsewhere."""

from collections.abc import Sequence
from html import escape
from math import floor, log10

from benchmarks.prove.records import Curve

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 80, 20, 40, 55
TICKS = 5
LEAST_RANGE = 1e-9
"""What is smaller is drawn as nothing: a tenth of the smallest of floats is none."""
STEPS = (1, 2, 2.5, 5, 10)
INK, LINE, PROMISE, GRID = "#222", "#1b5e9b", "#b3261e", "#ddd"


def plot(curve: Curve) -> str:
    """A white picture with the points joined, from zero on both axes. Raises ValueError without a point."""
    if not curve.points:
        raise ValueError(f"{curve.name} has no points to draw.")
    x_ticks = ticks_to(max(x for x, _ in curve.points))
    y_ticks = ticks_to(max(*(y for _, y in curve.points), curve.line or 0))
    placed = [(_across(x, x_ticks[-1]), _down(y, y_ticks[-1])) for x, y in sorted(curve.points)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' font-family="sans-serif" font-size="12" fill="{INK}">',
        f"<title>{escape(curve.title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(WIDTH / 2, 22, curve.title, size=14),
        *_grid(x_ticks, y_ticks),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, curve.x),
        f'<g transform="rotate(-90 16 {HEIGHT / 2})">{_text(16, HEIGHT / 2, curve.y)}</g>',
        *_promise(curve, y_ticks[-1]),
        f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{LINE}"/>' for x, y in placed),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def ticks_to(most: float) -> list[float]:
    """Round numbers from 0 to the first one at or over `most`, about five of them."""
    if most < LEAST_RANGE:
        return [0.0, 1.0]
    rough = most / TICKS
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * each for each in STEPS if unit * each >= rough * (1 - 1e-9))
    ticks = [0.0]
    while ticks[-1] < most * (1 - 1e-9):
        ticks.append(step * len(ticks))
    return ticks


def short(number: float) -> str:
    """1500000 as 1.5M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:.4g}"


def _grid(x_ticks: Sequence[float], y_ticks: Sequence[float]) -> list[str]:
    bottom = HEIGHT - BOTTOM
    lines = []
    for each in x_ticks:
        x = _across(each, x_ticks[-1])
        lines.append(_line(x, TOP, x, bottom, GRID) + _text(x, bottom + 18, short(each)))
    for each in y_ticks:
        y = _down(each, y_ticks[-1])
        lines.append(_line(LEFT, y, WIDTH - RIGHT, y, GRID) + _text(LEFT - 8, y + 4, short(each), anchor="end"))
    return lines


def _promise(curve: Curve, most: float) -> list[str]:
    if curve.line is None:
        return []
    y = _down(curve.line, most)
    label = _text(WIDTH - RIGHT - 4, y - 5, f"promised {short(curve.line)}", anchor="end", ink=PROMISE)
    return [_line(LEFT, y, WIDTH - RIGHT, y, PROMISE, dashed=True), label]


def _across(x: float, most: float) -> float:
    return LEFT + x / most * (WIDTH - LEFT - RIGHT)


def _down(y: float, most: float) -> float:
    return HEIGHT - BOTTOM - y / most * (HEIGHT - TOP - BOTTOM)


def _line(x1: float, y1: float, x2: float, y2: float, ink: str, *, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="6 4"' if dashed else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{ink}"{dash}/>'


def _text(x: float, y: float, words: str, *, anchor: str = "middle", size: int = 12, ink: str = INK) -> str:
    style = f'text-anchor="{anchor}" font-size="{size}" fill="{ink}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'
