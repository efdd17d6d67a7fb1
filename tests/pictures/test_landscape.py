from dataclasses import replace

import pytest

from trainlab.pictures.landscape import draw

from .reports import make_landscape


def test_the_way_ends_at_the_point():
    surface, spectrum, *_ = draw(make_landscape()).axes
    way, point = surface.lines
    assert way.get_xdata().tolist() == [1.5, 0.7, 0.2, 0.0]
    assert way.get_ydata().tolist() == [-0.5, -0.2, 0.0, 0.0]
    assert (point.get_xdata().tolist(), point.get_ydata().tolist()) == ([0], [0])
    assert (surface.get_xlim(), surface.get_ylim()) == ((-2.0, 2.0), (-1.0, 1.0))
    assert surface.get_xlabel() == "model.0.weight, from there"
    assert [bar.get_width() for bar in spectrum.patches] == [0.75, 0.25]  # the lowest below


def test_without_a_way_there_is_the_point():
    surface = draw(make_landscape(way=False)).axes[0]
    assert len(surface.lines) == 1


@pytest.mark.parametrize("values", [((1.0,) * 3,) * 3, ((float("nan"),) * 3,) * 3])
def test_what_cannot_be_drawn_is_said(values):
    surface = draw(make_landscape(values)).axes[0]
    assert [text.get_text() for text in surface.texts] == ["the surface is flat"]


def test_holes_in_the_surface_are_left_out():
    values = ((4.0, 1.0, float("nan")), (3.0, 0.0, 3.0), (float("inf"), 2.0, 5.0))
    assert draw(make_landscape(values)).axes[0].collections


def test_nothing_measured():
    report = replace(make_landscape(), tables=())
    assert [[text.get_text() for text in axes.texts] for axes in draw(report).axes] == [
        ["no plane to draw"],
        ["no curvatures were measured"],
    ]
