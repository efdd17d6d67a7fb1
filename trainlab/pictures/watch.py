"""The loss of a script that was watched, and the gradient norm below it, over the same updates."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trainlab.pictures._canvas import choose_line, group_arms, make_figure, say_empty, shorten_name, use_style
from trainlab.report import Report, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW_POINTS = 60  # up to which each has its dot


def draw(report: Report) -> Figure:
    """One line a model; where gradients were clipped, the thin line is what they were before. A cross: not finite from there on."""
    with use_style():
        figure, [[losses], [norms]] = make_figure(report, rows=2, height=7.0, sharex=True)
        models = {name: runs[0].series for name, runs in group_arms(report).items()}
        for place, (name, series) in enumerate(models.items()):
            style = choose_line(place)
            _draw_course(losses, series.get("loss"), label=shorten_name(name), **style)
            label = shorten_name(name) if len(models) > 1 else "used"
            _draw_course(norms, _join(series.get("gradient-norm")), label=label, **style)
            if "used-norm" in series:
                _draw_course(norms, series.get("total-norm"), label="before clipping", linewidth=1, **style)
        _finish(losses, "loss")
        _finish(norms, "gradient norm")
        norms.set_xlabel("update")
    return figure


def _join(series: Series | None) -> Series | None:
    """The norm of all gradients together, from those by parameter."""
    if series is None or not series.values.size:
        return None
    return replace(series, values=np.hypot.reduce(series.values.reshape(len(series.at), -1), axis=1))


def _draw_course(axes: Axes, series: Series | None, **style: Any) -> None:
    if series is None or not np.isfinite(series.values).any():
        return
    finite = np.isfinite(series.values)
    axes.plot(series.at, np.where(finite, series.values, np.nan), marker="." if len(finite) <= FEW_POINTS else None, **style)
    if not finite.all():
        top = float(series.values[finite].max())
        axes.plot(series.at[~finite][0], top, "X", color=style["color"], markersize=11, label="no longer finite")


def _finish(axes: Axes, what: str) -> None:
    if not axes.lines:
        say_empty(axes, f"no {what} was seen that is finite")
        return
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    if np.nanmin(values) > 0:
        axes.set_yscale("log")
    axes.set_ylabel(what)
    if len(axes.lines) > 1:
        axes.legend()
