"""What each change reaches in both parts, next to the base: what gets further stands to the right of the line."""

from __future__ import annotations

from statistics import mean
from typing import TYPE_CHECKING

from trainlab.pictures._canvas import COLORS, find_finite, group_arms, make_figure, say_empty, use_style, wrap_name
from trainlab.report import Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PARTS = (("train", "o", COLORS[1]), ("test", "s", COLORS[2]))


def draw(report: Report) -> Figure:
    """One row a run, its mean over the seeds; the line is the training part of the base."""
    with use_style():
        arms = group_arms(report)
        figure, [[axes]] = make_figure(report, columns=1, height=max(4.5, 2.0 + 0.45 * len(arms)))
        measured = {name for runs in arms.values() for run in runs for name, value in run.metrics.items() if value is not None}
        kind = next((kind for kind in ("accuracy", "r2") if f"train_{kind}" in measured), None)
        if kind is None:
            say_empty(axes, "nothing was measured at the end")
            return figure
        for part, marker, color in PARTS:
            means = [find_finite([run.metrics.get(f"{part}_{kind}") for run in runs]) for runs in arms.values()]
            drawn = [(mean(values), place) for place, values in enumerate(means) if values]
            if drawn:
                axes.plot(*zip(*drawn, strict=True), marker, color=color, markersize=9, label=part)
            if part == "train" and means[0]:
                axes.axvline(mean(means[0]), color="gray", linewidth=1)
        if not axes.lines:
            say_empty(axes, f"the {kind} left the finite numbers")
            return figure
        axes.set_yticks(range(len(arms)), [wrap_name(name) for name in arms])
        axes.set_ylim(len(arms) - 0.5, -0.7)  # the base on top
        axes.margins(x=0.1)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel({"r2": "R2"}.get(kind, kind))
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure
