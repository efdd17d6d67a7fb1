"""Gradient norm by layer on a log scale, one line an arm: where the signal dies or grows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from trainlab.pictures._canvas import choose_line, find_finite, group_arms, make_figure, say_empty, shorten_name, use_style
from trainlab.report import Report, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW_LAYERS = 14  # above it, layers are numbered instead of named


def draw(report: Report) -> Figure:
    """The norm of every weight's gradient from input to output; over several seeds the median and the whole range."""
    with use_style():
        figure, [[axes]] = make_figure(report)
        arms = {name: _collect(runs) for name, runs in group_arms(report).items()}
        positive = [norm for layers in arms.values() for norms in layers for norm in norms if norm > 0]
        if not positive:
            say_empty(axes, "no gradient is above zero")
            return figure
        floor = min(positive) / 10
        for position, (name, layers) in enumerate(arms.items()):
            _draw_arm(axes, name, layers, position, floor)
        axes.set_yscale("log")
        axes.set_ylabel("gradient norm")
        _name_layers(axes, report.runs[0])
        axes.legend(loc="best")
    return figure


def _collect(runs: Sequence[Run]) -> list[list[float]]:
    """Finite gradient norms of each weight, one a seed. Biases and scales are left out: they have no depth of their own."""
    columns = zip(*(_find_weights(run) for run in runs), strict=False)
    return [find_finite([layer.get("grad_norm") for layer in column]) for column in columns]


def _find_weights(run: Run) -> list[dict[str, object]]:
    return [dict(layer) for layer in run.layers if len(layer["shape"]) >= 2]


def _draw_arm(axes: Axes, name: str, layers: Sequence[Sequence[float]], position: int, floor: float) -> None:
    style = choose_line(position)
    depths = range(1, len(layers) + 1)
    middles = [median(norms) if norms else math.nan for norms in layers]
    line = [middle if middle > 0 else math.nan for middle in middles]
    marker = "o" if len(layers) <= FEW_LAYERS else None
    axes.plot(depths, line, label=shorten_name(name), marker=marker, **style)
    if any(len(norms) > 1 for norms in layers):
        lows = [max(min(norms), floor) if norms and middle > 0 else math.nan for norms, middle in zip(layers, middles, strict=True)]
        highs = [max(norms) if norms and middle > 0 else math.nan for norms, middle in zip(layers, middles, strict=True)]
        axes.fill_between(depths, lows, highs, color=style["color"], alpha=0.15, linewidth=0)
    # A log scale has no zero: it stands below everything else, and says what it is.
    zeros = [depth for depth, middle in zip(depths, middles, strict=True) if middle == 0]
    if zeros:
        axes.plot(zeros, [floor] * len(zeros), "v", color=style["color"], markerfacecolor="white", clip_on=False)
        axes.annotate("exactly 0", (zeros[-1], floor), xytext=(8, 6), textcoords="offset points", color=style["color"], fontsize=12)


def _name_layers(axes: Axes, base: Run) -> None:
    from matplotlib.ticker import MaxNLocator

    names = [str(layer["name"]) for layer in _find_weights(base)]
    axes.set_xlim(0.5, len(names) + 0.5)
    if len(names) <= FEW_LAYERS:
        axes.set_xticks(range(1, len(names) + 1), [shorten_name(name, 24) for name in names], rotation=30, ha="right")
        axes.set_xlabel("input → output")
        return
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(f"weight, from {shorten_name(names[0])} to {shorten_name(names[-1])}")
