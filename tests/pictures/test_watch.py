from __future__ import annotations

import numpy as np

from trainlab.pictures.watch import draw
from trainlab.report import Series

from .reports import make_report, make_run, make_watch


def per_update(values, at=None):
    values = np.array(values, dtype=float)
    return Series(per="update", at=np.arange(1, len(values) + 1) if at is None else np.array(at), values=values)


def test_the_norm_is_that_of_all_gradients_and_stands_beside_what_was_clipped():
    run = make_run(
        series={
            "loss": per_update([3, 2, 1]),
            "gradient-norm": per_update([[3, 4], [6, 8]], at=[1, 3]),
            "total-norm": per_update([50, 60, 70]),
            "used-norm": per_update([5, 5, 5]),
        }
    )
    losses, norms = draw(make_report("watch", "x", [run])).axes
    assert [list(line.get_ydata()) for line in losses.lines] == [[3, 2, 1]]
    used, before = norms.lines
    assert (list(used.get_xdata()), list(used.get_ydata())) == ([1, 3], [5, 10])
    assert list(before.get_ydata()) == [50, 60, 70]
    assert [text.get_text() for text in norms.get_legend().get_texts()] == ["used", "before clipping"]
    assert losses.get_yscale() == norms.get_yscale() == "log"


def test_every_model_is_a_line_and_a_cross_says_where_one_ended():
    losses, norms = draw(make_watch()).axes
    names = [text.get_text() for text in losses.get_legend().get_texts()]
    assert names == ["Generator", "Critic", "no longer finite"]
    cross = losses.lines[-1]
    assert list(cross.get_xdata()) == [31]
    assert len(norms.lines) == 2


def test_what_was_not_seen_is_said():
    losses, norms = draw(make_report("watch", "x", [make_run(series={"loss": per_update([np.nan])})])).axes
    assert losses.texts[0].get_text() == "no loss was seen that is finite"
    assert norms.texts[0].get_text() == "no gradient norm was seen that is finite"
