"""What each learning rate does to the loss: its course on the left, its end on the right; or the loss while the rate grows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from trainlab.pictures._canvas import COLORS, QUIET, find_finite, make_figure, say_empty, use_style
from trainlab.report import Report, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEADROOM = 3.0  # curves that rise further than this above their start are cut: they would flatten all the others
LOG_FROM = 20.0  # a loss that falls this many times is drawn on a log scale
DIVERGED = COLORS[2]
BESIDE: dict[str, Any] = {"xytext": (-9, 0), "textcoords": "offset points", "ha": "right"}


def draw(report: Report) -> Figure:
    """Loss by epoch, one curve a rate; and the loss at the end against the rate, one dot a seed, the band shaded.

    Of a range test: the loss of each update against its rate, one curve a run.
    """
    if any("batch-loss" in run.series for run in report.runs):
        return _draw_ramps(report)
    with use_style():
        figure, [[course, end]] = make_figure(report, columns=2)
        rates = _group_by_rate(report.runs)
        if not rates:
            say_empty(course, "no run has a learning rate")
            say_empty(end, "")
            return figure
        _draw_courses(course, rates, report.answer.values)
        _draw_ends(end, rates, report.answer.values)
    return figure


def _group_by_rate(runs: Sequence[Run]) -> dict[float, list[Run]]:
    """The runs of the base and of other rates of it, by rate; an arm that differs in more would need a picture of its own."""
    rates: dict[float, list[Run]] = {}
    for run in runs:
        rate = run.config.get("optimizer", {}).get("lr")
        if isinstance(rate, int | float) and rate > 0 and set(run.patch) <= {"optimizer.lr"}:
            rates.setdefault(float(rate), []).append(run)
    return dict(sorted(rates.items()))


def _draw_courses(axes: Axes, rates: Mapping[float, Sequence[Run]], values: Mapping[str, Any]) -> None:
    """One curve a rate; those of rates beyond the band are faint: they swing across all the others."""
    curves = {rate: runs[0].series["loss"] for rate, runs in rates.items() if "loss" in runs[0].series}
    if not curves:
        say_empty(axes, "no loss was recorded")
        return
    colors = _choose_colors(list(rates))
    starts = find_finite([curve.values[0] for curve in curves.values() if len(curve.values)])
    seen = find_finite([value for curve in curves.values() for value in curve.values.tolist()])
    top = (median(starts) if starts else 1.0) * HEADROOM
    unstable = ((values.get("band") or {}).get("first_unstable") or {}).get("rate") or math.inf
    for rate, curve in curves.items():
        faint: dict[str, Any] = {"linewidth": 0.8, "alpha": 0.35, "zorder": 1} if rate >= unstable else {}
        axes.plot(curve.at, curve.values, color=colors[rate], label=f"{rate:.3g}", **faint)
    _scale(axes, [value for value in seen if value <= top or top <= 0])
    for rate, curve in curves.items():
        _mark_end(axes, curve.at.tolist(), curve.values.tolist(), colors[rate])
    axes.set_xlabel(next(iter(curves.values())).per)
    axes.set_ylabel("training loss")
    _explain_colors(axes, len(rates))


def _scale(axes: Axes, shown: Sequence[float]) -> None:
    """A scale and limits for what is shown, whatever else was plotted."""
    if not shown:
        return
    low, high = min(shown), max(shown)
    if low > 0 and high / low > LOG_FROM:
        axes.set_yscale("log")
        margin = (high / low) ** 0.06
        axes.set_ylim(low / margin, high * margin)
    else:
        margin = 0.06 * (high - low) or abs(high) or 1.0
        axes.set_ylim(low - margin, high + margin)


def _mark_end(axes: Axes, at: Sequence[int], values: Sequence[float], color: Any) -> None:
    """A cross where a curve leaves the finite numbers; at the upper edge if it has left the picture before."""
    broken = next((place for place, value in enumerate(values) if not math.isfinite(value)), None)
    if not broken:
        return
    outside = values[broken - 1] > axes.get_ylim()[1]
    height, transform = (0.97, axes.get_xaxis_transform()) if outside else (values[broken - 1], axes.transData)
    axes.plot(at[broken - 1], height, "x", transform=transform, color=color, markersize=9, markeredgewidth=2.2)


def _choose_colors(rates: Sequence[float]) -> dict[float, Any]:
    """Dark to light with growing rate: an order that colour-blind eyes see too. The lightest part is left out."""
    import matplotlib

    shades = matplotlib.colormaps["viridis"]
    return {rate: shades(0.88 * place / max(len(rates) - 1, 1)) for place, rate in enumerate(rates)}


def _explain_colors(axes: Axes, tried: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    few = len(handles) <= 8
    if not few:
        chosen = sorted({round(step * (len(handles) - 1) / 6) for step in range(7)})
        handles, labels = [handles[place] for place in chosen], [labels[place] for place in chosen]
    axes.legend(handles, labels, title="rate" if few else f"rate\n({tried} tried)", loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _draw_ends(axes: Axes, rates: Mapping[float, Sequence[Run]], values: Mapping[str, Any]) -> None:
    ends = {rate: find_finite([run.metrics.get("train_loss") for run in runs]) for rate, runs in rates.items()}
    survived = {
        rate: values
        for rate, values in ends.items()
        if len(values) == len(rates[rate]) and all(run.metrics.get("diverged_at") is None for run in rates[rate])
    }
    everything = [value for values in survived.values() for value in values]
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss at the end")
    for rate, losses in survived.items():
        axes.plot([rate] * len(losses), losses, "o", color=COLORS[1], alpha=0.6, markeredgewidth=0)
    axes.plot(list(survived), [median(values) for values in survived.values()], color=COLORS[1])
    _scale(axes, everything)
    _mark_dead(axes, [rate for rate in rates if rate not in survived])
    band = values.get("band") or {}
    useful, stable = band.get("lowest_useful"), band.get("highest_stable")
    if useful and stable:
        axes.axvspan(useful["rate"], stable["low"], color=COLORS[3], alpha=0.15, linewidth=0)
    best = min(survived, key=lambda rate: median(survived[rate]), default=None)
    recommended = values.get("recommended") if band else None
    marked, word = (recommended, "recommended") if recommended else (best, "lowest at")
    if marked is not None:
        axes.axvline(marked, color=QUIET, linewidth=1.2, linestyle=":")
        axes.set_title(f"{word} {marked:.3g}" + (", the band shaded" if useful and stable else ""), fontsize=12, color=QUIET)


def _mark_dead(axes: Axes, rates: Sequence[float]) -> None:
    """Crosses at the top for rates that did not survive in every seed: they have no place on the scale."""
    if not rates:
        return
    across = axes.get_xaxis_transform()
    axes.plot(rates, [0.97] * len(rates), "x", transform=across, color=DIVERGED, markersize=9, markeredgewidth=2.2, clip_on=False)
    axes.annotate("diverged", (rates[0], 0.97), xycoords=across, **BESIDE, color=DIVERGED, va="center")


def _draw_ramps(report: Report) -> Figure:
    with use_style():
        figure, [[axes]] = make_figure(report)
        names = list(dict.fromkeys(run.name for run in report.runs))
        starts: list[float] = []
        for run in report.runs:
            loss = run.series["batch-loss"].values
            schedule = run.config["schedule"]
            rates = [run.config["optimizer"]["lr"] * schedule["gamma"] ** (step / schedule["scale"]) for step in range(len(loss))]
            first = run is next(each for each in report.runs if each.name == run.name)
            color = COLORS[names.index(run.name) % len(COLORS)]
            axes.plot(rates, loss, color=color, alpha=0.7, label=run.name if first else None)
            starts += find_finite(loss[: max(1, len(loss) // 10)].tolist())
        axes.set_xscale("log")
        if starts:
            seen = [value for run in report.runs for value in find_finite(run.series["batch-loss"].values.tolist())]
            top = max(starts) + (max(starts) - min(seen))
            _scale(axes, [value for value in seen if value <= top])
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss of the update")
        if len(names) > 1:
            axes.legend()
        recommended = report.answer.values.get("recommended")
        if recommended:
            axes.axvline(recommended, color=QUIET, linewidth=1.2, linestyle=":")
            axes.set_title(f"suggested {recommended:.3g}", fontsize=12, color=QUIET)
    return figure
