"""Charts of several runs as SVG: told apart by colour and by dashes, so that they can be printed in grey."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.ops.plot_axes import HEIGHT, LEFT, Axes, line, short, text
from app.routing.series import Points

INKS = ("#1b5e9b", "#b3261e", "#2e7d32", "#6a3d9a")
DASHES = ("", "7 4", "2 3", "9 3 2 3")
LEGEND_TOP, LEGEND_STEP = 56, 16
LETTER_WIDTH = 7


@dataclass(frozen=True, slots=True)
class Chart:
    """`steps`: a value holds until the next point. `y_most`: the axis goes so far at least."""

    title: str
    x: str
    y: str
    series: Sequence[tuple[str, Points]]
    steps: bool = False
    y_most: float = 0.0
    y_label: Callable[[float], str] = short


def percent(share: float) -> str:
    return f"{share:.0%}"


def draw(chart: Chart) -> str:
    """With nothing to draw, the empty axes."""
    everything = [point for _, points in chart.series for point in points]
    most = max((y for _, y in everything), default=0.0)
    axes = Axes.to(max((x for x, _ in everything), default=0.0), max(most, chart.y_most))
    parts = axes.frame(chart.title, chart.x, chart.y, chart.y_label)
    for number, (_, points) in enumerate(chart.series):
        parts.append(_path(axes, points, number, steps=chart.steps))
    legend = [_legend(number, name) for number, (name, _) in enumerate(chart.series)]
    return "\n".join([*parts, *legend, "</svg>"])


def _path(axes: Axes, points: Points, number: int, *, steps: bool) -> str:
    if not points:
        return ""
    placed = [(axes.across(x), axes.down(y)) for x, y in points]
    path = f"M{placed[0][0]:.1f} {placed[0][1]:.1f}"
    for x, y in placed[1:]:
        path += f"H{x:.1f}V{y:.1f}" if steps else f"L{x:.1f} {y:.1f}"
    return f'<path d="{path}" fill="none" stroke="{_ink(number)}" stroke-width="2"{_dash(number)}/>'


def _legend(number: int, name: str) -> str:
    y = LEGEND_TOP + LEGEND_STEP * number
    stroke = line(LEFT + 8, y - 4, LEFT + 38, y - 4, _ink(number)).replace("/>", f' stroke-width="2"{_dash(number)}/>')
    assert y < HEIGHT
    # Lines may pass behind it.
    width = 52 + LETTER_WIDTH * len(name)
    paper = f'<rect x="{LEFT + 4}" y="{y - 12}" width="{width:.0f}" height="{LEGEND_STEP}" fill="#fff" opacity="0.8"/>'
    return paper + stroke + text(LEFT + 44, y, name, anchor="start")


def _ink(number: int) -> str:
    return INKS[number % len(INKS)]


def _dash(number: int) -> str:
    dash = DASHES[number % len(DASHES)]
    return f' stroke-dasharray="{dash}"' if dash else ""
