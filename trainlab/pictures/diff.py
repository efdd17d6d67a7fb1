"""What every metric was and is: a line from the old dot to the new one, coloured where it is worse or better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trainlab.pictures._canvas import COLORS, MOST_ARMS, QUIET, make_figure, say_empty, shorten_name, use_style
from trainlab.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = {"loss": "loss", "accuracy": "accuracy", "r2": "R2"}
LOOKS = {"worse": (COLORS[2], "X"), "better": (COLORS[3], "o"), "same": (QUIET, "o")}
"""Colour, and shape of the new dot, for eyes and printers that know no colours."""
BAR: Mapping[str, Any] = {"color": "#D0D0D0", "linewidth": 9, "solid_capstyle": "butt"}


def draw(report: Report) -> Figure:
    """One row a metric of a run, those that are worse or better first; a panel each for losses, accuracies and R2.

    The old one is a ring, and the bar around it as far as it may move without being worse or better.
    """
    with use_style():
        rows = _read(report)
        panels = {kind: [row for row in rows if row["metric"].endswith(f" {kind}")] for kind in KINDS}
        panels = {kind: found for kind, found in panels.items() if found}
        heights = [len(found) + 1 for found in panels.values()]
        height = max(3.5, 2.2 + 0.42 * sum(heights))
        figure, grid = make_figure(report, rows=max(len(panels), 1), height=height, height_ratios=heights or None)
        if not panels:
            say_empty(grid[0][0], "no metric stands in both reports")
        for [axes], (kind, found) in zip(grid, panels.items(), strict=False):
            _draw_panel(axes, kind, found, named=len({row["run"] for row in rows}) > 1)
        if panels:
            _explain(figure, [row["verdict"] for found in panels.values() for row in found])
    return figure


def _read(report: Report) -> list[dict[str, Any]]:
    """The rows that can be drawn, no more than can be read."""
    table = next((each for each in report.tables if each.name == "metrics"), None)
    if table is None:
        return []
    rows = [dict(zip([column.name for column in table.columns], row, strict=True)) for row in table.rows]
    rows = [row for row in rows if all(math.isfinite(row[name]) for name in ("old", "new", "limit"))]
    return sorted(rows, key=lambda row: list(LOOKS).index(row["verdict"]))[:MOST_ARMS]


def _draw_panel(axes: Axes, kind: str, rows: Sequence[Mapping[str, Any]], *, named: bool) -> None:
    for place, row in enumerate(rows):
        color, marker = LOOKS[row["verdict"]]
        axes.plot([row["old"] - row["limit"], row["old"] + row["limit"]], [place] * 2, **BAR)
        axes.plot([row["old"], row["new"]], [place] * 2, color=color)
        axes.plot(row["old"], place, "o", color=color, markerfacecolor="white", markersize=9)
        axes.plot(row["new"], place, marker, color=color, markersize=10)
    names = [f"{shorten_name(row['run'])}: {row['metric']}" if named else row["metric"] for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.5, -0.6)  # the first on top
    axes.margins(x=0.08)
    axes.grid(visible=False, axis="y")
    if kind == "loss" and all(row["old"] - row["limit"] > 0 and row["new"] > 0 for row in rows):
        axes.set_xscale("log")
    axes.set_xlabel(KINDS[kind])


def _explain(figure: Figure, verdicts: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    signs = [Line2D([], [], color=QUIET, marker="o", markerfacecolor="white", markersize=9, linestyle="", label="old")]
    for verdict, (color, marker) in LOOKS.items():
        if verdict in verdicts:
            signs.append(Line2D([], [], color=color, marker=marker, markersize=10, linestyle="", label=f"new, {verdict}"))
    signs.append(Line2D([], [], **BAR, label="tolerance"))
    figure.legend(handles=signs, loc="outside right center")
