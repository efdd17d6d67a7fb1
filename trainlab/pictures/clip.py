"""The norm of the whole gradient before and after clipping: over time, and how often each size occurs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainlab.pictures._canvas import COLORS, QUIET, find_finite, group_arms, make_figure, say_empty, shorten_name, use_style
from trainlab.report import Report, Run, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 6
BINS = 40
RAW, USED, LIMIT = QUIET, COLORS[1], COLORS[2]


def draw(report: Report) -> Figure:
    """One row an arm: left the norms of the first seed by update, right their histogram over all seeds.

    In the row of a run that does not clip, the thresholds that others clip by norm at.
    """
    with use_style():
        arms = list(group_arms(report).items())[:MOST_ROWS]
        figure, rows = make_figure(
            report,
            rows=max(len(arms), 1),
            columns=2,
            height=1.6 + 2.4 * max(len(arms), 1),
            sharey="row",
            width_ratios=[3, 1],
        )
        if not arms:
            say_empty(rows[0][0], "no run was measured")
            say_empty(rows[0][1], "")
        thresholds = sorted(
            {clip["threshold"] for run in report.runs if (clip := run.config.get("clip", {})).get("mode") == "norm"}
        )
        for (time, histogram), (name, runs) in zip(rows, arms, strict=False):
            _draw_arm(time, histogram, name, runs, thresholds)
        if arms:
            rows[-1][0].set_xlabel("update")
            rows[-1][1].set_xlabel("updates")
            longest = max(
                (int(run.series["total-norm"].at[-1]) for run in report.runs if _find_positive(run, "total-norm")), default=1
            )
            for time, _ in rows:
                time.set_xlim(0, longest + 1)
    return figure


def _draw_arm(time: Axes, histogram: Axes, name: str, runs: Sequence[Run], thresholds: Sequence[float]) -> None:
    time.set_title(shorten_name(name, 60), loc="left")
    raw = [value for run in runs for value in _find_positive(run, "total-norm")]
    if not raw:
        say_empty(time, "no gradient norm above zero was recorded")
        say_empty(histogram, "")
        return
    used = [value for run in runs for value in _find_positive(run, "used-norm")]
    time.set_yscale("log")
    time.set_ylabel("gradient norm")
    if used == raw:
        used = []
        _draw_series(time, runs[0].series["total-norm"], color=RAW, label="raw, used as it is")
    else:
        _draw_series(time, runs[0].series["total-norm"], color=RAW, label="raw")
    if used:
        _draw_series(time, runs[0].series["used-norm"], color=USED, label="used")
    _draw_histogram(histogram, raw, used)
    clip = runs[0].config.get("clip", {})
    # A threshold by value bounds each entry, not the norm: it has no place on this axis.
    if clip.get("mode") == "norm" and clip.get("threshold"):
        for axes in (time, histogram):
            axes.axhline(clip["threshold"], color=LIMIT, linestyle="--", linewidth=1.6, label="threshold" if axes is time else None)
    elif clip.get("mode", "none") == "none":
        for place, threshold in enumerate(thresholds):
            histogram.axhline(threshold, color=LIMIT, linestyle=":", linewidth=1.2)
            time.axhline(threshold, color=LIMIT, linestyle=":", linewidth=1.2, label="thresholds tried" if not place else None)
    time.legend(loc="upper right", ncols=3)


def _draw_series(axes: Axes, series: Series, *, color: str, label: str) -> None:
    """The norms by update, with a cross and a word where the first one is not finite."""
    values = series.values.tolist()
    axes.plot(series.at, values, color=color, linewidth=1.4, label=label)
    broken = next((place for place, value in enumerate(values) if not math.isfinite(value)), None)
    if broken is not None:
        across = axes.get_xaxis_transform()
        axes.plot(series.at[broken], 0.5, "x", transform=across, color=LIMIT, markersize=9, markeredgewidth=2.2)
        axes.annotate(
            f"{values[broken]} at update {series.at[broken]}",
            (series.at[broken], 0.5),
            xycoords=across,
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
            color=LIMIT,
        )


def _find_positive(run: Run, name: str) -> list[float]:
    if name not in run.series:
        return []
    return [value for value in find_finite(run.series[name].values.tolist()) if value > 0]


def _draw_histogram(axes: Axes, raw: Sequence[float], used: Sequence[float]) -> None:
    import numpy as np

    low, high = min([*raw, *used]), max([*raw, *used])
    edges = np.geomspace(low * 0.95, high * 1.05, BINS + 1).tolist()
    axes.hist(raw, bins=edges, orientation="horizontal", color=RAW, alpha=0.6)
    if used:
        axes.hist(used, bins=edges, orientation="horizontal", histtype="step", color=USED, linewidth=1.8)
