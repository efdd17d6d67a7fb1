from __future__ import annotations

from trainlab.pictures.underfit import draw

from .reports import make_report, make_run, make_underfit


def test_every_run_has_its_row_and_the_base_its_line() -> None:
    [axes] = draw(make_underfit()).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["base", "data.standardize=true", "optimizer.lr=5.0"]
    train, line, test = axes.lines
    assert list(train.get_xdata()) == [0.4, 1.0, 0.35]
    assert list(line.get_xdata()) == [0.4, 0.4]
    assert list(test.get_ydata()) == [0, 1, 2]


def test_without_a_measure_it_says_so() -> None:
    [axes] = draw(make_report("underfit", "x", [make_run(metrics={"train_loss": 0.1})])).axes
    assert "nothing was measured" in axes.texts[0].get_text()
