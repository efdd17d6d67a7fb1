"""How far the gradient of several ranks is from that of one process, at each update, in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainlab.pictures._canvas import choose_line, group_arms, make_figure, say_empty, shorten_name, use_style
from trainlab.report import Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SERIES = "gradient-error-float64"
LEAST = 1e-18  # drawn in place of 0


def draw(report: Report) -> Figure:
    """One line an arm of the report's first table, on a log scale; what lies at the bottom is rounding."""
    with use_style():
        figure, [[axes]] = make_figure(report)
        told = {row[0] for table in report.tables if table.name == "arms" for row in table.rows}
        arms = {name: runs for name, runs in group_arms(report).items() if name in told and SERIES in runs[0].series}
        worst = {name: np.max([run.series[SERIES].values for run in runs], axis=0) for name, runs in arms.items()}
        if not any(np.isfinite(each).any() for each in worst.values()):
            say_empty(axes, "nothing was measured")
            return figure
        for place, (name, runs) in enumerate(arms.items()):
            at = runs[0].series[SERIES].at
            axes.plot(
                range(1, len(at) + 1), np.maximum(worst[name], LEAST), marker="o", label=shorten_name(name), **choose_line(place)
            )
        longest = max((runs[0].series[SERIES].at for runs in arms.values()), key=len)
        axes.set_xticks(range(1, len(longest) + 1), [str(number) for number in longest])
        axes.set_yscale("log")
        axes.set_xlabel("update")
        axes.set_ylabel("gradient off by, as a share of its length")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
