import dataclasses

import numpy as np

from trainlab.pictures.compare import draw
from trainlab.report import Column, Table

from .reports import make_compare, make_report, make_run


def test_cells_stand_in_the_order_of_the_table_with_a_dot_a_seed():
    cells, differences, losses, grid, _ = draw(make_compare()).axes
    labels = [label.get_text() for label in cells.get_yticklabels()]
    assert labels[:2] == ["0.05 / 16", "0.05 / 64"]
    assert len(cells.lines[0].get_xdata()) == 3
    assert cells.get_xlabel() == "test accuracy, a dot a seed"
    assert differences.get_xlabel() == "minus that of 0.05 / 16, 95 %"
    assert losses.get_yscale() == "log"
    assert [text.get_text() for text in grid.texts] == ["95.0", "85.0", "75.0", "65.0", "55.0", "45.0"]
    assert grid.get_ylabel() == "lr"


def test_a_run_that_trained_longer_reaches_further_to_the_right():
    losses = draw(make_compare()).axes[2]
    assert {line.get_xdata()[-1] for line in losses.lines} == {100}


def test_ratios_are_drawn_as_ratios():
    report = make_compare()
    logs = tuple(dataclasses.replace(each, metric="log_train_loss") for each in report.comparisons)
    cells, differences, *_ = draw(dataclasses.replace(report, comparisons=logs)).axes
    assert cells.get_xlabel() == "train loss, a dot a seed"
    assert (differences.get_xscale(), differences.get_xlabel()) == ("log", "times that of 0.05 / 16, 95 %")


def test_without_a_grid_the_losses_have_the_whole_width():
    report = make_compare()
    plain = dataclasses.replace(report, tables=report.tables[:1])
    axes = draw(plain).axes
    assert len(axes) == 3
    assert axes[2].get_subplotspec().get_geometry()[2:] == (2, 3)


def test_one_seed_has_no_interval():
    runs = [make_run(name, metrics={"train_loss": 0.1}) for name in ("base", "a=1")]
    assert [text.get_text() for text in draw(make_report("compare", "x", runs)).axes[1].texts] == ["one seed has no interval"]


def test_signals_by_depth_stand_at_the_foot_a_line_a_cell():
    names = ("activation", "forward a layer", "input to output", "backward a layer", "input to output again")
    rows = (("relu", 1.0, [2.0, 2.0, None], 1.0, [0.0, 5.0, 5.0]), ("tanh", 0.5, [4.0, 2.0, 1.0], 0.5, [1.0, 2.0, 4.0]))
    report = make_compare()
    depth = Table(name="depth", title="signals", columns=tuple(Column(name=name) for name in names), rows=rows)
    *_, forward, backward, _ = draw(dataclasses.replace(report, tables=(*report.tables, depth))).axes
    assert [axes.get_title() for axes in (forward, backward)] == ["mean square of the outputs", "mean square of the gradient there"]
    assert [line.get_label() for line in forward.lines] == ["relu", "tanh"]
    assert forward.lines[1].get_ydata().tolist() == [4.0, 2.0, 1.0]
    assert backward.lines[0].get_ydata()[1:].tolist() == [5.0, 5.0]
    assert np.isnan(backward.lines[0].get_ydata()[0])  # a log scale has no zero
    assert backward.get_yscale() == "log"
