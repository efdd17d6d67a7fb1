"""Train against test, arm by arm, and what each arm changes; the learning curve; how sure dropout leaves the network."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
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
from trainlab.report import Comparison, Report, Run, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAIN, TEST = COLORS[1], COLORS[2]
VERDICTS = {"helps": COLORS[3], "no-difference": QUIET, "harms": COLORS[2]}
BELOW = ("learning-curve", "uncertainty")
LOWER = 4.0  # inches
PREFERRED = ("accuracy_gap", "test_accuracy", "test_loss")


def draw(report: Report) -> Figure:
    """Left: train and test in every arm, joined by the gap. Right, if arms were compared: the difference with its interval.

    Where remedies were tried, the arms are those of their table, in its order. Below, where they were measured: what the network
    reaches with less data, and what many passes with dropout say of right and of wrong answers.
    """
    with use_style():
        arms = _choose_arms(report)
        compared = _choose_comparisons(report.comparisons)
        below = {table.name: table for table in report.tables if table.name in BELOW and table.rows}
        height = max(3.6, 2.2 + 0.55 * len(arms))
        columns = 2 if compared or below else 1
        heights = [height, LOWER][: 2 if below else 1]
        figure, rows = make_figure(
            report,
            rows=len(heights),
            columns=columns,
            height=sum(heights),
            width_ratios=[3, 2][:columns],
            height_ratios=heights,
        )
        kind = "accuracy" if any(run.metrics.get("test_accuracy") is not None for run in report.runs) else "loss"
        _draw_levels(rows[0][0], {label: runs for label, (_, runs) in arms.items()}, kind)
        if compared:
            _draw_differences(rows[0][1], [name for name, _ in arms.values()], compared)
            rows[0][1].set_ylim(rows[0][0].get_ylim())
            rows[0][1].tick_params(labelleft=False)
        if below:
            _draw_curve(rows[1][0], below.get("learning-curve"))
            _draw_doubts(rows[1][1], below.get("uncertainty"))
    return figure


def _choose_arms(report: Report) -> dict[str, tuple[str, list[Run]]]:
    """Label, name and runs of each arm to draw."""
    table = next((table for table in report.tables if table.name == "remedies"), None)
    if table is None:
        return {name: (name, runs) for name, runs in group_arms(report).items()}
    place = [column.name for column in table.columns].index("run")
    found = {row[0]: (row[place], [run for run in report.runs if run.name == row[place]]) for row in table.rows}
    return {label: (name, runs) for label, (name, runs) in found.items() if runs}


def _read(table: Table) -> dict[str, list[float]]:
    """The numbers of each column; NaN where there is none."""
    columns = zip(*table.rows, strict=True)
    return {
        column.name: [float(value) if isinstance(value, int | float) else nan for value in values]
        for column, values in zip(table.columns, columns, strict=True)
    }


def _draw_curve(axes: Axes, table: Table | None) -> None:
    if table is None:
        say_empty(axes, "no learning curve was asked for")
        return
    numbers = _read(table)
    for name, color, marker in (("train", TRAIN, "o"), ("test", TEST, "s")):
        axes.plot(numbers["samples"], numbers[name], f"-{marker}", color=color, markersize=8, label=name)
    axes.set_xlabel("training samples")
    axes.set_title("learning curve", fontsize=12)
    axes.legend()


def _draw_doubts(axes: Axes, table: Table | None) -> None:
    """Of right and of wrong answers: how sure at rest, and how sure over the passes, with their spread."""
    numbers = {} if table is None else _read(table)
    if table is None or "sure in one pass" not in numbers:
        say_empty(axes, "no dropout, or no classes, to be sure of")
        return
    words = [str(row[0]) for row in table.rows]
    places = range(len(words))
    axes.plot(places, numbers["sure in one pass"], "o", color=TRAIN, markersize=10, label="without dropout")
    axes.errorbar(
        places,
        numbers["sure over all"],
        yerr=numbers["spread"],
        fmt="s",
        color=TEST,
        markersize=9,
        label="mean and spread of passes",
    )
    axes.set_xticks(places, words)
    axes.margins(x=0.2)
    axes.set_ylabel("share of the answer")
    axes.set_title("how sure, with dropout left on", fontsize=12)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.08))


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
