"""The axes of plots as SVG: round ticks from zero, a grid, and the words at them. Nothing is loaded from elsewhere."""

from collections.abc import Callable
from html import escape
from math import floor, log10
from typing import NamedTuple

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 80, 20, 40, 55
TICKS = 5
LEAST_RANGE = 1e-9
"""What is smaller is drawn as nothing: a tenth of the smallest of floats is none."""
STEPS = (1, 2, 2.5, 5, 10)
INK, GRID = "#222", "#ddd"


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


class Axes(NamedTuple):
    """Both from zero to their last tick."""

    x_ticks: list[float]
    y_ticks: list[float]

    @classmethod
    def to(cls, x_most: float, y_most: float) -> "Axes":
        return cls(ticks_to(x_most), ticks_to(y_most))

    def across(self, x: float) -> float:
        return LEFT + x / self.x_ticks[-1] * (WIDTH - LEFT - RIGHT)

    def down(self, y: float) -> float:
        return HEIGHT - BOTTOM - y / self.y_ticks[-1] * (HEIGHT - TOP - BOTTOM)

    def frame(self, title: str, x_words: str, y_words: str, y_label: Callable[[float], str] = short) -> list[str]:
        """The opening of the picture: close it with </svg>."""
        return [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
            f' font-family="sans-serif" font-size="12" fill="{INK}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            text(WIDTH / 2, 22, title, size=14),
            *self._grid(y_label),
            text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_words),
            f'<g transform="rotate(-90 16 {HEIGHT / 2})">{text(16, HEIGHT / 2, y_words)}</g>',
        ]

    def _grid(self, y_label: Callable[[float], str]) -> list[str]:
        bottom = HEIGHT - BOTTOM
        lines = []
        for each in self.x_ticks:
            x = self.across(each)
            lines.append(line(x, TOP, x, bottom, GRID) + text(x, bottom + 18, short(each)))
        for each in self.y_ticks:
            y = self.down(each)
            lines.append(line(LEFT, y, WIDTH - RIGHT, y, GRID) + text(LEFT - 8, y + 4, y_label(each), anchor="end"))
        return lines


def line(x1: float, y1: float, x2: float, y2: float, ink: str, *, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="6 4"' if dashed else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{ink}"{dash}/>'


def text(x: float, y: float, words: str, *, anchor: str = "middle", size: int = 12, ink: str = INK) -> str:
    style = f'text-anchor="{anchor}" font-size="{size}" fill="{ink}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'
