"""Line plots as SVG: few points, two axes, the promised line. Nothing is loaded from elsewhere."""

from app.ops.plot_axes import LEFT, RIGHT, WIDTH, Axes, line, short, text
from benchmarks.prove.records import Curve

LINE, PROMISE = "#1b5e9b", "#b3261e"


def plot(curve: Curve) -> str:
    """A white picture with the points joined, from zero on both axes. Raises ValueError without a point."""
    if not curve.points:
        raise ValueError(f"{curve.name} has no points to draw.")
    axes = Axes.to(max(x for x, _ in curve.points), max(*(y for _, y in curve.points), curve.line or 0))
    placed = [(axes.across(x), axes.down(y)) for x, y in sorted(curve.points)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    parts = [
        *axes.frame(curve.title, curve.x, curve.y),
        *_promise(curve, axes),
        f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{LINE}"/>' for x, y in placed),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _promise(curve: Curve, axes: Axes) -> list[str]:
    if curve.line is None:
        return []
    y = axes.down(curve.line)
    label = text(WIDTH - RIGHT - 4, y - 5, f"promised {short(curve.line)}", anchor="end", ink=PROMISE)
    return [line(LEFT, y, WIDTH - RIGHT, y, PROMISE, dashed=True), label]
