"""What all pictures share: size, type, colours, the title, and how the runs of a report become arms."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trainlab.errors import UserError
from trainlab.report import Report, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

# Okabe and Ito's colours, which colour-blind eyes can tell apart (https://jfly.uni-koeln.de/color/); the yellow is left out, for it
# vanishes on white. The base is black.
COLORS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DASHES = ("-", "--", ":", "-.")
QUIET = "#767676"
MOST_ARMS = len(COLORS) * len(DASHES)


@contextmanager
def use_style() -> Iterator[None]:
    """Inside, figures are made and written in our style; the user's own settings are back afterwards.

    Raises:
        UserError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise UserError("a picture needs matplotlib: pip install 'trainlab[plot]'", key="--plot") from error
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rc("font", size=14)
        matplotlib.rc("axes", titlesize=14, labelsize=14, grid=True, axisbelow=True)
        matplotlib.rc("axes.spines", top=False, right=False)
        matplotlib.rc("legend", fontsize=12, frameon=False)
        matplotlib.rc("lines", linewidth=2.2)
        matplotlib.rc("grid", color="#E4E4E4")
        matplotlib.rc("svg", hashsalt="trainlab")  # without it every SVG has ids of its own
        yield


def make_figure(
    report: Report, *, rows: int = 1, columns: int = 1, height: float = 5.6, **grid: Any
) -> tuple[Figure, list[list[Axes]]]:
    """A figure 11 inches wide under the report's answer, and its axes by row and column."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, height), layout="constrained")
    figure.suptitle(shorten(report.answer.text), x=0.01, ha="left", fontsize=16, fontweight="bold")
    return figure, figure.subplots(rows, columns, squeeze=False, **grid).tolist()


def shorten(text: str, *, width: int = 82, lines: int = 2) -> str:
    """At most two lines of a title, cut at a word."""
    return escape("\n".join(textwrap.wrap(text, width, max_lines=lines, placeholder=" …")))


def shorten_name(name: str, most: int = 34) -> str:
    """A name without its middle: what tells names of layers and patches apart stands at their ends."""
    kept = (most - 1) // 2
    return escape(name if len(name) <= most else f"{name[:kept]}…{name[-kept:]}")


def wrap_name(name: str, most: int = 34) -> str:
    """A patch of several keys with each on a line of its own."""
    return ",\n".join(shorten_name(part, most) for part in name.split(","))


def escape(text: str) -> str:
    """Text that matplotlib writes as it is: a dollar is a dollar, not the beginning of a formula."""
    return text.replace("$", r"\$")


def group_arms(report: Report) -> dict[str, list[Run]]:
    """The runs by name, in order: one arm is one name over all its seeds. No more arms than can be told apart."""
    arms: dict[str, list[Run]] = {}
    for run in report.runs:
        arms.setdefault(run.name, []).append(run)
    return dict(list(arms.items())[:MOST_ARMS])


def choose_line(position: int) -> dict[str, Any]:
    """Colour and dash of an arm: first the colours, then the dashes."""
    return {"color": COLORS[position % len(COLORS)], "linestyle": DASHES[position // len(COLORS) % len(DASHES)]}


def find_finite(values: Sequence[float | None]) -> list[float]:
    """The numbers among `values`, without NaN and infinities."""
    return [float(value) for value in values if value is not None and math.isfinite(value)]


def say_empty(axes: Axes, reason: str) -> Text:
    """Words in place of a drawing for which there are no numbers."""
    axes.set_axis_off()
    return axes.text(0.5, 0.5, reason, ha="center", va="center", transform=axes.transAxes, color=QUIET)
