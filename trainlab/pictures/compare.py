"""Every cell with its seeds and what separates it from the best; the losses; two factors together; the signals by depth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from trainlab.pictures._canvas import (
    COLORS,
    QUIET,
    choose_line,
    find_finite,
    group_arms,
    make_figure,
    say_empty,
    shorten_name,
    use_style,
    wrap_name,
)
from trainlab.report import Report, Run, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 10  # courses of the loss that can be followed
LOWER = 4.6  # inches
SHORT = 8  # letters of a value that has room below its column


def draw(report: Report) -> Figure:
    """Left: each cell's seeds and their mean, the best on top. Right: next to the best, with the corrected interval.

    Below: the course of the training loss, and, where two factors were crossed, the grid as a heat map. At the foot, where they
    were measured, the signals by depth: what the layers put out, and the gradient there.
    """
    with use_style():
        table = next((table for table in report.tables if table.name == "cells"), None)
        arms = group_arms(report)
        labels = {name: name for name in arms} if table is None else _read_labels(table, arms)
        metric = _find_metric(report)
        height = max(3.2, 1.8 + 0.42 * len(labels))
        depth = next((table for table in report.tables if table.name == "depth"), None)
        heights = [height, LOWER, *([LOWER] if depth is not None else [])]
        figure, rows = make_figure(report, rows=len(heights), columns=2, height=sum(heights), height_ratios=heights)
        _draw_cells(rows[0][0], {label: arms[name] for name, label in labels.items()}, metric)
        _draw_differences(rows[0][1], labels, report)
        _draw_losses(rows[1][0], {label: arms[name] for name, label in labels.items()})
        crossed = next((table for table in report.tables if table.name == "grid"), None)
        if crossed is None:
            rows[1][1].remove()
            grid = rows[1][0].get_gridspec()
            assert grid is not None
            rows[1][0].set_subplotspec(grid[1, :])
        else:
            _draw_grid(rows[1][1], crossed)
        if depth is not None:
            _draw_depth(rows[2][0], depth, "input to output", "mean square of the outputs")
            _draw_depth(rows[2][1], depth, "input to output again", "mean square of the gradient there")
    return figure


def _read_labels(table: Table, arms: dict[str, list[Run]]) -> dict[str, str]:
    """Label of each cell by the name of its runs, in the order of the table."""
    names = [column.name for column in table.columns]
    place = names.index("run") if "run" in names[1:] else names.index("name")
    words = next(at for at, column in enumerate(table.columns) if column.kind != "text")
    return {row[place]: " / ".join(map(str, row[:words])) for row in table.rows if row[place] in arms}


def _find_metric(report: Report) -> str:
    """The measure that decided, where every run has it as a number; else the training loss."""
    compared = next((each.metric.removeprefix("log_") for each in report.comparisons), "train_loss")
    return compared if any(run.metrics.get(compared) is not None for run in report.runs) else "train_loss"


def _draw_cells(axes: Axes, cells: dict[str, list[Run]], metric: str) -> None:
    drawn = False
    for place, runs in enumerate(cells.values()):
        values = find_finite([run.metrics.get(metric) for run in runs])
        if values:
            axes.plot(values, [place] * len(values), "o", color=COLORS[1], alpha=0.4, markersize=6, markeredgewidth=0)
            axes.plot(sum(values) / len(values), place, "|", color=COLORS[0], markersize=16, markeredgewidth=2.4)
            drawn = True
    if not drawn:
        say_empty(axes, "nothing was measured in every cell")
        return
    if metric.endswith("loss") and all(value > 0 for value in axes.get_xlim()):
        axes.set_xscale("log")
    axes.set_yticks(range(len(cells)), [wrap_name(label) for label in cells])
    axes.set_ylim(len(cells) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"{metric.replace('_', ' ')}, a dot a seed")


def _draw_differences(axes: Axes, labels: dict[str, str], report: Report) -> None:
    names = list(labels)
    shown = [each for each in report.comparisons if each.run in names and each.against in names]
    shown = [each for each in shown if each.metric == shown[0].metric and each.against == shown[0].against]
    shown = [each for each in shown if len(find_finite([each.difference, *each.corrected])) == 3]
    if not shown:
        say_empty(axes, "one seed has no interval")
        return
    is_log = shown[0].metric.startswith("log_")
    axes.axvline(1 if is_log else 0, color=QUIET, linewidth=1.2)
    for each in shown:
        middle, low, high = (
            (math.exp(max(-60.0, min(60.0, value))) if is_log else value) for value in (each.difference, *each.corrected)
        )
        place = names.index(each.run)
        color = QUIET if each.verdict == "no-difference" else COLORS[2]
        axes.plot([low, high], [place, place], color=color)
        axes.plot(middle, place, "o", color="white", markeredgecolor=color, markersize=9, markeredgewidth=2.2)
    if is_log:
        axes.set_xscale("log")
    axes.set_yticks(range(len(names)), [""] * len(names))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    word = "times" if is_log else "minus"
    axes.set_xlabel(f"{word} that of {shorten_name(labels[shown[0].against], 28)}, 95 %")


def _draw_losses(axes: Axes, cells: dict[str, list[Run]]) -> None:
    drawn = 0
    for label, runs in list(cells.items())[:MOST_LINES]:
        for seed, run in enumerate(runs):
            series = run.series.get("loss")
            if series is None or not any(0 < value < math.inf for value in series.values):
                continue
            epochs = len(series.values)
            at = [run.metrics.get("updates") or epochs] * epochs
            at = [updates * (place + 1) / epochs for place, updates in enumerate(at)]
            name = shorten_name(label, 24) if seed == 0 else None
            axes.plot(
                at, series.values, **choose_line(drawn), alpha=1 if seed == 0 else 0.3, linewidth=2 if seed == 0 else 1, label=name
            )
        drawn += 1
    if not axes.lines:
        say_empty(axes, "no loss above 0 to draw")
        return
    axes.set_yscale("log")
    axes.set_xlabel("update")
    axes.set_ylabel("training loss")
    axes.legend(fontsize=10)


def _draw_depth(axes: Axes, table: Table, column: str, title: str) -> None:
    """One line a cell through its layers, as far as they are above 0."""
    from matplotlib.ticker import MaxNLocator

    names = [each.name for each in table.columns]
    place, words, drawn = names.index(column), names.index("forward a layer"), False
    for position, row in enumerate(table.rows[:MOST_LINES]):
        values = [value if value is not None and math.isfinite(value) and value > 0 else math.nan for value in row[place]]
        drawn |= not all(map(math.isnan, values))
        label = shorten_name(" / ".join(map(str, row[:words])), 24)
        axes.plot(range(1, len(values) + 1), values, label=label, **choose_line(position))
    if not drawn:
        say_empty(axes, "nothing above 0 was measured")
        return
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("layer, input → output")
    axes.set_title(title, fontsize=12)


def _draw_grid(axes: Axes, table: Table) -> None:
    across = [column.name for column in table.columns[1:]]
    values: list[list[Any]] = [[math.nan if value is None else value for value in row[1:]] for row in table.rows]
    is_share = table.columns[1].kind == "percent"
    image = axes.imshow(values, cmap="cividis", aspect="auto")
    known = find_finite([value for row in values for value in row])
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            if math.isfinite(value):
                dark = value < (min(known) + max(known)) / 2
                text = f"{100 * value:.1f}" if is_share else f"{value:.3g}"
                axes.text(column, row, text, ha="center", va="center", color="white" if dark else "black", fontsize=12)
    labels = [shorten_name(name, 14) for name in across]
    tilt: dict[str, Any] = {"rotation": 20, "ha": "right"} if max(map(len, labels)) > SHORT else {}
    axes.set_xticks(range(len(labels)), labels, **tilt)
    axes.set_yticks(range(len(values)), [shorten_name(str(row[0]), 18) for row in table.rows])
    axes.grid(visible=False)
    axes.set_ylabel(table.columns[0].name)
    axes.set_title(table.title.partition(":")[0], fontsize=12)
    axes.figure.colorbar(image, ax=axes)
