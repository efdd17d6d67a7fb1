from __future__ import annotations

from dataclasses import replace

import numpy as np

from trainlab.pictures.distributed import LEAST, SERIES, draw
from trainlab.report import Column, Series, Table

from .reports import make_report, make_run


def make_errors(*values: float) -> dict[str, Series]:
    return {SERIES: Series(per="update", at=np.array([1, 2, 25]), values=np.array(values))}


def test_one_line_a_shown_arm_over_the_updates_computed() -> None:
    runs = [make_run(series=make_errors(1e-16, 0.0, 2e-16)), make_run("sum", series=make_errors(3, 3, 3)), make_run("beside")]
    report = make_report("distributed", "4 ranks do not", runs)
    table = Table(name="arms", title="", columns=(Column(name="run"),), rows=(("base",), ("sum",)))
    [axes] = draw(replace(report, tables=(table,))).axes
    base, other = axes.lines
    assert list(base.get_ydata()) == [1e-16, LEAST, 2e-16]
    assert list(other.get_ydata()) == [3, 3, 3]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "25"]
    assert axes.get_yscale() == "log"


def test_without_a_measure_it_says_so() -> None:
    [axes] = draw(make_report("distributed", "x", [make_run()])).axes
    assert "nothing was measured" in axes.texts[0].get_text()
