"""The training loss of every run over its epochs, and what was reached in both parts."""

from __future__ import annotations

from statistics import mean
from typing import TYPE_CHECKING

import numpy as np

from trainlab.pictures._canvas import COLORS, choose_line, find_finite, group_arms, make_figure, say_empty, use_style, wrap_name
from trainlab.report import Report, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAIN, TEST = COLORS[1], COLORS[2]
DROPPED = " (tried)"  # runs of one seed, by which remedies are chosen


def draw(report: Report) -> Figure:
    """Left: the loss of each seed. Right: train and test of each run, one dot a seed. Of the remedies, what was measured last."""
    with use_style():
        arms = {name: runs for name, runs in group_arms(report).items() if not name.endswith(DROPPED)}
        figure, [[left, right]] = make_figure(report, columns=2, height=max(4.5, 2.5 + 0.5 * len(arms)), width_ratios=[3, 2])
        _draw_losses(left, arms)
        _draw_levels(right, arms)
    return figure


def _draw_losses(axes: Axes, arms: dict[str, list[Run]]) -> None:
    drawn = False
    for place, (name, runs) in enumerate(arms.items()):
        for seed, run in enumerate(runs):
            series = run.series.get("loss")
            if series is None or not np.isfinite(series.values).any():
                continue
            values = np.where(np.isfinite(series.values), series.values, np.nan)
            label = wrap_name(name) if seed == 0 else None
            axes.plot(series.at, values, **choose_line(place), alpha=1.0 if seed == 0 else 0.4, label=label)
            drawn = True
    if not drawn:
        say_empty(axes, "no loss was measured")
        return
    lines = [value for line in axes.lines for value in np.asarray(line.get_ydata(), dtype=float) if np.isfinite(value)]
    if min(lines) > 0:
        axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel("training loss")
    if len(arms) > 1:
        axes.legend()


def _draw_levels(axes: Axes, arms: dict[str, list[Run]]) -> None:
    measured = {name for runs in arms.values() for run in runs for name, value in run.metrics.items() if value is not None}
    kind = next((kind for kind in ("accuracy", "r2", "loss") if f"train_{kind}" in measured), None)
    if kind is None:
        say_empty(axes, "nothing was measured at the end")
        return
    for part, marker, color in (("train", "o", TRAIN), ("test", "s", TEST)):
        label: str | None = part
        for place, runs in enumerate(arms.values()):
            values = find_finite([run.metrics.get(f"{part}_{kind}") for run in runs])
            if values:
                axes.plot(values, [place] * len(values), marker, color=color, alpha=0.35, markersize=5, markeredgewidth=0)
                axes.plot(mean(values), place, marker, color=color, markersize=10, label=label)
                label = None
    if not axes.lines:
        say_empty(axes, f"the {kind} left the finite numbers")
        return
    axes.set_yticks(range(len(arms)), [wrap_name(name) for name in arms])
    axes.set_ylim(len(arms) - 0.5, -0.7)  # the base on top
    axes.margins(x=0.1)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel({"r2": "R2"}.get(kind, kind))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
