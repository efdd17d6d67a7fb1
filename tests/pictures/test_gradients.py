import dataclasses

import numpy as np

from trainlab.pictures.gradients import draw
from trainlab.report import Column, Series, Table

from .reports import make_gradients, make_layers, make_report, make_run


def get_lines(figure):
    return {line.get_label(): line for line in figure.axes[0].lines if not line.get_label().startswith("_")}


def test_one_line_an_arm_through_the_median_of_its_seeds():
    runs = [make_run(seed=seed, layers=make_layers(norms)) for seed, norms in enumerate([(1e-3, 1.0), (1e-5, 3.0), (1e-4, 2.0)])]
    runs.append(make_run("model.activation=relu", layers=make_layers((1.0, 1.0))))
    figure = draw(make_report("gradients", "Yes.", runs))
    lines = get_lines(figure)
    assert list(lines) == ["base", "model.activation=relu"]
    assert lines["base"].get_ydata().tolist() == [1e-4, 2.0]
    assert figure.axes[0].get_yscale() == "log"
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["model.0.weight", "model.2.weight"]


def test_biases_are_left_out():
    layers = (*make_layers((0.1,)), {"name": "model.0.bias", "module": "Linear", "shape": [1], "grad_norm": 9.0})
    assert get_lines(draw(make_report("gradients", "Yes.", [make_run(layers=layers)])))["base"].get_ydata().tolist() == [0.1]


def test_exact_zeros_are_marked_below_everything():
    figure = draw(make_report("gradients", "No.", [make_run(layers=make_layers((0.0, 1e-9, 1.0)))]))
    assert np.isnan(get_lines(figure)["base"].get_ydata()[0])
    zeros = next(line for line in figure.axes[0].lines if line.get_marker() == "v")
    assert zeros.get_xdata().tolist() == [1]
    assert zeros.get_ydata()[0] < 1e-9
    assert "exactly 0" in [text.get_text() for text in figure.axes[0].texts]


def test_many_layers_are_numbered():
    assert "model.0.weight to model.58.weight" in draw(make_gradients()).axes[0].get_xlabel()


def test_arms_of_other_depth_are_shown_whole():
    runs = [make_run(layers=make_layers((1.0, 2.0))), make_run("model.layers=5", layers=make_layers((1.0,) * 5))]
    axes = draw(make_report("gradients", "Yes.", runs)).axes[0]
    assert axes.get_xlim() == (0.5, 5.5)
    assert axes.get_xlabel() == "weight, input → output"


def test_the_course_over_the_updates_is_a_heat_map():
    series = {
        "gradient-norm": Series(per="update", at=np.array([1, 2, 3]), values=np.array([[1.0, 5.0], [2.0, 0.0], [4.0, np.inf]]))
    }
    axes = draw(make_report("gradients", "Yes.", [make_run(layers=make_layers((4.0, 0.0)), series=series)])).axes[1]
    (heat,) = axes.collections
    shown = heat.get_array()
    assert shown.shape == (2, 3)
    assert shown.tolist() == [[1.0, 2.0, 4.0], [5.0, None, None]]


def test_steps_of_a_sequence_have_a_panel_of_their_own():
    table = Table(
        name="steps",
        title="",
        columns=(Column(name="run"), Column(name="first to last", kind="strip")),
        rows=(("base", [0.0, 0.1, 1.0]), ("model.kind=gru", [0.5, 0.5, 1.0])),
    )
    report = dataclasses.replace(make_report("gradients", "No.", [make_run(layers=make_layers((1.0, 1.0)))]), tables=(table,))
    lines = draw(report).axes[1].lines
    assert [line.get_label() for line in lines] == ["base", "model.kind=gru"]
    assert lines[0].get_ydata()[1:].tolist() == [0.1, 1.0]
    assert np.isnan(lines[0].get_ydata()[0])
