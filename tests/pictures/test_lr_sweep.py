import math
from dataclasses import replace

import numpy as np
import pytest

from trainlab.pictures._save import save
from trainlab.pictures.lr_sweep import draw
from trainlab.report import Series

from .reports import make_lr_sweep, make_report, make_run


def make_rate(rate, end, *, seed=0, diverged_at=None, values=(9.0, 1.0)):
    series = {"loss": Series(per="epoch", at=np.arange(1, len(values) + 1), values=np.array(values))}
    metrics = {"train_loss": end, "diverged_at": diverged_at}
    return make_run(f"optimizer.lr={rate}", seed=seed, config={"optimizer": {"lr": rate}}, metrics=metrics, series=series)


def test_the_median_end_of_every_rate_that_survived_in_every_seed():
    runs = [make_rate(0.1, 3.0), make_rate(0.1, 1.0, seed=1), make_rate(0.1, 2.0, seed=2), make_rate(0.01, 5.0)]
    runs += [make_rate(1.0, 0.5), make_rate(1.0, math.nan, seed=1, diverged_at=3)]
    _, end = draw(make_report("lr-sweep", "0.1", runs)).axes
    through = next(
        line for line in end.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 2 and line.get_marker() == "None"
    )
    assert through.get_xdata().tolist() == [0.01, 0.1]
    assert through.get_ydata().tolist() == [5.0, 2.0]
    assert end.get_xscale() == "log"
    assert end.get_title() == "lowest at 0.1"
    crosses = next(line for line in end.lines if line.get_marker() == "x")
    assert list(crosses.get_xdata()) == [1.0]
    assert "diverged" in [text.get_text() for text in end.texts]


def test_a_curve_that_explodes_does_not_flatten_the_others():
    runs = [
        make_rate(0.1, 1.0),
        make_rate(0.2, 2.0, values=(9.0, 2.0)),
        make_rate(9.0, math.inf, diverged_at=2, values=(9.0, 1e30, math.inf)),
    ]
    course, _ = draw(make_report("lr-sweep", "0.1", runs)).axes
    assert course.get_ylim()[1] < 40
    assert any(line.get_marker() == "x" for line in course.lines)


@pytest.mark.parametrize("values", [(-1.0, -5.0), (0.0, 0.0), (3.0, -2.0)])
def test_a_loss_may_be_zero_or_negative(values):
    course, end = draw(make_report("lr-sweep", "0.1", [make_rate(0.1, values[-1], values=values)])).axes
    low, high = course.get_ylim()
    assert low < min(values) <= max(values) < high
    assert (course.get_yscale(), end.get_yscale()) == ("linear", "linear")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rates", [1, 2, 3, 5, 40])
def test_any_number_of_rates_has_room(rates, tmp_path):
    save(make_lr_sweep(rates=rates, seeds=1), tmp_path / "picture.png")


def test_many_rates_are_explained_by_a_few():
    course, _ = draw(make_lr_sweep(rates=40, seeds=1)).axes
    assert len(course.get_legend().get_texts()) == 7
    assert course.get_legend().get_title().get_text() == "rate\n(40 tried)"


def test_the_band_of_a_search_is_shaded_and_the_recommendation_marked():
    values = {
        "recommended": 0.05,
        "band": {"lowest_useful": {"rate": 0.01}, "highest_stable": {"rate": 0.3, "low": 0.2}},
    }
    made = make_report("lr-sweep", "0.05", [make_rate(0.01, 2.0), make_rate(0.05, 1.0), make_rate(0.1, 0.9)])
    _, end = draw(replace(made, answer=replace(made.answer, values=values))).axes
    (band,) = [patch for patch in end.patches if patch.get_alpha() is not None and patch.get_alpha() < 0.5]
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((0.01, 0.2))
    assert end.get_title() == "recommended 0.05, the band shaded"


def test_a_range_test_is_drawn_against_the_growing_rate():
    schedule = {"schedule": {"gamma": 1e4, "scale": 4}, "optimizer": {"lr": 1e-3}}
    series = {"batch-loss": Series(per="update", at=np.arange(1, 6), values=np.array([3.0, 2.0, 1.0, 4.0, math.inf]))}
    (axes,) = draw(make_report("lr-sweep", "0.05", [make_run("base", config=schedule, series=series)])).axes
    (line, *_) = axes.lines
    assert list(line.get_xdata()) == pytest.approx([1e-3, 1e-2, 1e-1, 1.0, 10.0])
    assert axes.get_xscale() == "log"
    assert axes.get_ylim()[1] < 10
