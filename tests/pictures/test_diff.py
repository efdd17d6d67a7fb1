from __future__ import annotations

import math

from matplotlib.colors import to_hex

from trainlab.pictures.diff import LOOKS, draw

from .reports import make_diff, make_report


def test_a_panel_for_each_kind_and_what_is_worse_on_top():
    losses, accuracies = draw(make_diff()).axes
    assert [label.get_text() for label in losses.get_yticklabels()] == ["base: test loss", "base: train loss"]
    assert [label.get_text() for label in accuracies.get_yticklabels()] == [
        "base: test accuracy",
        "model.norm=batch: test accuracy",
    ]
    assert (losses.get_xscale(), accuracies.get_xscale()) == ("log", "linear")


def test_a_line_leads_from_the_old_to_the_new_over_what_is_tolerated():
    tolerated, line, old, new = draw(make_diff()).axes[1].lines[:4]
    assert [round(end, 6) for end in tolerated.get_xdata()] == [0.882, 0.918]
    assert list(line.get_xdata()) == [0.9, 0.8]
    assert (list(old.get_xdata()), list(new.get_xdata())) == ([0.9], [0.8])
    assert (to_hex(new.get_color()), new.get_marker()) == (LOOKS["worse"][0].lower(), "X")
    assert (old.get_marker(), old.get_markerfacecolor()) == ("o", "white")


def test_only_what_is_there_is_explained():
    figure = draw(make_diff())
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "old",
        "new, worse",
        "new, better",
        "new, same",
        "tolerance",
    ]


def test_what_is_not_finite_is_left_out_and_nothing_at_all_is_said():
    [axes] = draw(make_diff([("base", "train loss", 1.0, math.inf, math.inf, 0.02, "worse")])).axes
    assert axes.texts[0].get_text() == "no metric stands in both reports"
    [axes] = draw(make_report("diff", "Nothing is worse.", [])).axes
    assert axes.texts[0].get_text() == "no metric stands in both reports"
