"""Train against test, arm by arm, and how far each arm's gap is from the base's."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import TYPE_CHECKING

from trainlab.pictures._canvas import (
    COLORS,
    QUIET,
    find_finite,
    group_arms,
    make_figure,
    say_empty,
    shorten_name,
    use_style,
    wrap_name,
)
from trainlab.report import Comparison, Report, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAIN, TEST = COLORS[1], COLORS[2]
VERDICTS = {"helps": COLORS[3], "no-difference": QUIET, "harms": COLORS[2]}
PREFERRED = ("accuracy_gap", "test_accuracy", "test_loss")


def draw(report: Report) -> Figure:
    """Left: train and test in every arm, joined by the gap. Right, if arms were compared: the difference with its interval."""
    with use_style():
        arms = group_arms(report)
        compared = _choose_comparisons(report.comparisons)
        height = max(3.6, 2.2 + 0.55 * len(arms))
        columns = 2 if compared else 1
        figure, [row] = make_figure(report, columns=columns, height=height, sharey=True, width_ratios=[3, 2][:columns])
        kind = "accuracy" if any(run.metrics.get("test_accuracy") is not None for run in report.runs) else "loss"
        _draw_levels(row[0], arms, kind)
        if compared:
            _draw_differences(row[1], list(arms), compared)
    return figure


def _choose_comparisons(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Those of the metric that says most about overfitting."""
    present = {comparison.metric for comparison in comparisons}
    metric = next((metric for metric in (*PREFERRED, *sorted(present)) if metric in present), None)
    return [comparison for comparison in comparisons if comparison.metric == metric]


def _draw_levels(axes: Axes, arms: dict[str, list[Run]], kind: str) -> None:
    drawn = False
    for place, runs in enumerate(arms.values()):
        train, test = (find_finite([run.metrics.get(f"{part}_{kind}") for run in runs]) for part in ("train", "test"))
        if not train or not test:
            continue
        axes.plot([mean(train), mean(test)], [place, place], color="#B8B8B8", linewidth=5, solid_capstyle="round", zorder=1)
        # One small dot a seed, one large for their mean.
        axes.plot(train, [place] * len(train), "o", color=TRAIN, alpha=0.35, markersize=5, markeredgewidth=0)
        axes.plot(test, [place] * len(test), "s", color=TEST, alpha=0.35, markersize=5, markeredgewidth=0)
        axes.plot(mean(train), place, "o", color=TRAIN, markersize=10, label=None if drawn else "train")
        axes.plot(mean(test), place, "s", color=TEST, markersize=10, label=None if drawn else "test")
        gap = f"gap {abs(mean(train) - mean(test)):.3f}"
        middle = (mean(train) + mean(test)) / 2
        axes.annotate(gap, (middle, place), xytext=(0, 9), textcoords="offset points", ha="center", fontsize=12, color="#404040")
        drawn = True
    if not drawn:
        say_empty(axes, f"no {kind} was measured on both parts")
        return
    axes.set_yticks(range(len(arms)), [wrap_name(name) for name in arms])
    axes.set_ylim(len(arms) - 0.5, -0.7)  # the base on top
    axes.margins(x=0.08)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(kind)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def _draw_differences(axes: Axes, names: Sequence[str], comparisons: Sequence[Comparison]) -> None:
    axes.axvline(0, color=QUIET, linewidth=1.2)
    for comparison in comparisons:
        if comparison.run not in names or not find_finite([comparison.difference]):
            continue
        place = names.index(comparison.run)
        color = VERDICTS[comparison.verdict]
        if len(find_finite(comparison.corrected)) == 2:
            axes.plot(comparison.corrected, [place, place], color=color, linewidth=2.2)
        if len(find_finite(comparison.interval)) == 2:
            axes.plot(comparison.interval, [place, place], color=color, linewidth=6, solid_capstyle="butt")
        axes.plot(comparison.difference, place, "o", color="white", markeredgecolor=color, markersize=9, markeredgewidth=2.2)
        axes.annotate(
            comparison.verdict.replace("-", " "),
            (comparison.difference, place),
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
            fontsize=12,
            color=color,
        )
    axes.margins(x=0.22)
    axes.grid(visible=False, axis="y")
    metric = comparisons[0].metric.replace("_", " ")
    axes.set_xlabel(f"{metric}, minus {shorten_name(comparisons[0].against, 20)}")
    axes.set_title("95 % interval (thin: corrected)", fontsize=12)
