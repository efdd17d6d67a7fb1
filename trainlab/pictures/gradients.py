"""Gradient norm by layer, by update and by time step: where the signal dies or grows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from trainlab.pictures._canvas import choose_line, find_finite, group_arms, make_figure, say_empty, shorten_name, use_style
from trainlab.report import Report, Run, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW_LAYERS = 14  # above it, layers are numbered instead of named


def draw(report: Report) -> Figure:
    """The norm of every weight's gradient from input to output; over several seeds the median and the whole range.

    Beside it, where there is one, its course over the updates, and how much of it gets back to each step of a sequence.
    """
    course = _find_course(report.runs[0]) if report.runs else None
    steps = next((table for table in report.tables if table.name == "steps"), None)
    beside = [each for each in ("course" if course is not None else None, "steps" if steps is not None else None) if each]
    with use_style():
        figure, [[axes, *others]] = make_figure(report, columns=1 + len(beside))
        _draw_layers(axes, report)
        panels = dict(zip(beside, others, strict=True))
        if course is not None:
            _draw_course(panels["course"], report.runs[0], course)
        if steps is not None:
            _draw_steps(panels["steps"], steps)
    return figure


def _draw_layers(axes: Axes, report: Report) -> None:
    arms = {name: _collect(runs) for name, runs in group_arms(report).items()}
    positive = [norm for layers in arms.values() for norms in layers for norm in norms if norm > 0]
    if not positive:
        say_empty(axes, "no gradient is above zero")
        return
    floor = min(positive) / 10
    for position, (name, layers) in enumerate(arms.items()):
        _draw_arm(axes, name, layers, position, floor)
    axes.set_yscale("log")
    axes.set_ylabel("gradient norm")
    _name_layers(axes, report.runs[0], max(map(len, arms.values())))
    axes.legend(loc="best")


def _find_course(run: Run) -> np.ndarray | None:
    """Gradient norm of each weight over the updates, `[weight, update]`; None where there was one update, or one weight."""
    series = run.series.get("gradient-norm")
    chosen = _place_weights(run)
    if series is None or len(series.at) < 2 or len(chosen) < 2:
        return None
    return np.asarray(series.values)[:, chosen].T


def _draw_course(axes: Axes, run: Run, course: np.ndarray) -> None:
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import MaxNLocator

    shown = np.ma.masked_where(~(np.isfinite(course) & (course > 0)), course)
    if shown.count() == 0:
        say_empty(axes, "no gradient is above zero")
        return
    at = run.series["gradient-norm"].at
    edges = np.concatenate([at[:1], (at[1:] + at[:-1]) / 2, at[-1:]])
    heat = axes.pcolormesh(edges, np.arange(len(course) + 1) + 0.5, shown, norm=LogNorm(), cmap="cividis", rasterized=True)
    axes.figure.colorbar(heat, ax=axes, label="gradient norm")
    axes.grid(visible=False)
    axes.set_xlabel("update")
    axes.set_ylabel("weight, input at the bottom")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(f"{shorten_name(run.name)} over the updates")


def _draw_steps(axes: Axes, table: Table) -> None:
    names = [column.name for column in table.columns]
    drawn = False
    for position, row in enumerate(table.rows):
        cells = dict(zip(names, row, strict=True))
        norms = [norm if norm is not None and math.isfinite(norm) and norm > 0 else math.nan for norm in cells["first to last"]]
        drawn |= not all(map(math.isnan, norms))
        axes.plot(range(1, len(norms) + 1), norms, label=shorten_name(cells["run"]), **choose_line(position))
    if not drawn:
        say_empty(axes, "no gradient gets back to any step")
        return
    axes.set_yscale("log")
    axes.set_xlabel("step of the sequence")
    axes.set_title("gradient at what enters at each step")


def _collect(runs: Sequence[Run]) -> list[list[float]]:
    """Finite gradient norms of each weight, one a seed. Biases and scales are left out: they have no depth of their own."""
    columns = zip(*(_find_weights(run) for run in runs), strict=False)
    return [find_finite([layer.get("grad_norm") for layer in column]) for column in columns]


def _find_weights(run: Run) -> list[dict[str, object]]:
    return [dict(run.layers[place]) for place in _place_weights(run)]


def _place_weights(run: Run) -> list[int]:
    return [place for place, layer in enumerate(run.layers) if len(layer["shape"]) >= 2]


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


def _name_layers(axes: Axes, base: Run, most: int) -> None:
    """Names where they are few and those of every arm, `most` being the weights of the deepest; else numbers."""
    from matplotlib.ticker import MaxNLocator

    names = [str(layer["name"]) for layer in _find_weights(base)]
    axes.set_xlim(0.5, most + 0.5)
    if most <= FEW_LAYERS and most == len(names):
        axes.set_xticks(range(1, len(names) + 1), [shorten_name(name, 24) for name in names], rotation=30, ha="right")
        axes.set_xlabel("input → output")
        return
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    same = most == len(names)
    axes.set_xlabel(f"weight, from {shorten_name(names[0])} to {shorten_name(names[-1])}" if same else "weight, input → output")
