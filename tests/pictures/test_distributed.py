from __future__ import annotations

from trainlab.pictures.distributed import LEAST, draw

from .reports import make_distributed, make_report, make_run


def test_one_line_a_shown_arm_over_the_updates_computed() -> None:
    [axes] = draw(make_distributed(beside=["beside"])).axes
    base, other = axes.lines
    assert list(base.get_ydata()) == [1e-16, LEAST, 2e-16]
    assert list(other.get_ydata()) == [3, 3, 3]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "25"]
    assert axes.get_yscale() == "log"


def test_without_a_measure_it_says_so() -> None:
    [axes] = draw(make_report("distributed", "x", [make_run()])).axes
    assert "nothing was measured" in axes.texts[0].get_text()
