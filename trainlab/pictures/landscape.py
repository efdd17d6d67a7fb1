"""The surface around the place where the base stopped, with the way it took."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from trainlab.pictures._canvas import COLORS, make_figure, say_empty, shorten_name, use_style
from trainlab.report import Report, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS = 24


def draw(report: Report) -> Figure:
    """Contours of the loss on the plane, the way, and the point; beside it how the curvatures are spread."""
    with use_style():
        figure, [[surface, spectrum]] = make_figure(report, columns=2, height=6.0, width_ratios=(3, 2))
        tables = {table.name: table for table in report.tables}
        if "surface" in tables:
            _draw_surface(surface, tables["surface"], report)
        else:
            say_empty(surface, "no plane to draw")
        if "spectrum" in tables:
            _draw_spectrum(spectrum, tables["spectrum"])
        else:
            say_empty(spectrum, "no curvatures were measured")
    return figure


def _draw_surface(axes: Axes, table: Table, report: Report) -> None:
    rows: list[tuple[Any, ...]] = [row for row in table.rows if row[1]]
    width = len(rows[0][1])
    plane = report.answer.values["plane"]
    left, right = plane["from"], plane["to"]
    across = [left + (right - left) * place / (width - 1) for place in range(width)]
    down = [row[0] for row in rows]
    values = [[value if value is not None and math.isfinite(value) else math.nan for value in row[1]] for row in rows]
    finite = sorted(value for row in values for value in row if not math.isnan(value))
    if not finite or finite[0] == finite[-1]:
        say_empty(axes, "the surface is flat")
        return
    # By rank, not by size: near the edges the loss may be thousands of times what it is in the middle
    levels = sorted({finite[round(place * (len(finite) - 1) / LEVELS)] for place in range(LEVELS + 1)})
    filled = axes.contourf(across, down, values, levels=levels, cmap="viridis") if len(levels) > 1 else None
    if filled is not None:
        from matplotlib.colors import BoundaryNorm

        filled.set_norm(BoundaryNorm(levels, ncolors=256))
        bar = axes.figure.colorbar(filled, ax=axes, format="%.3g")
        bar.ax.set_title("loss", fontsize=12)
    way = report.runs[0].series if report.runs else {}
    if "path-across" in way:
        places = ([*way[name].values, 0.0] for name in ("path-across", "path-down"))
        axes.plot(*places, color="white", marker=".", linewidth=1.4, label="way")
    axes.plot([0], [0], marker="X", markersize=13, color=COLORS[2], markeredgecolor="white", linestyle="", label="stopped")
    axes.set_xlim(across[0], across[-1])
    axes.set_ylim(min(down), max(down))
    axes.set_xlabel(f"{shorten_name(plane['across'])}, from there")
    axes.set_ylabel(f"{shorten_name(plane['down'])}, from there")
    axes.legend(loc="upper right", labelcolor="black", frameon=True)


def _draw_spectrum(axes: Axes, table: Table) -> None:
    rows = table.rows[::-1]
    axes.barh(range(len(rows)), [row[2] for row in rows], color=COLORS[1])
    axes.set_yticks(range(len(rows)), [str(row[0]) for row in rows])
    axes.set_xlabel("share of the directions")
    axes.set_ylabel("curvature")
