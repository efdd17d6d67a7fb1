import numpy as np

from trainlab.pictures.clip import MOST_ROWS, draw
from trainlab.report import Series

from .reports import make_clip, make_report, make_run


def make_norms(raw, used, *, mode="none", threshold=None, name="base"):
    series = {
        kind: Series(per="update", at=np.arange(1, len(values) + 1), values=np.array(values))
        for kind, values in (("total-norm", raw), ("used-norm", used))
    }
    return make_run(name, config={"clip": {"mode": mode, "threshold": threshold}}, series=series)


def get_labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_raw_and_used_and_the_threshold():
    time, histogram = draw(make_report("clip", "Yes.", [make_norms([1.0, 50.0], [1.0, 5.0], mode="norm", threshold=5.0)])).axes
    assert get_labels(time) == ["raw", "used", "threshold"]
    assert time.lines[1].get_ydata().tolist() == [1.0, 5.0]
    assert [line.get_ydata()[0] for line in histogram.lines] == [5.0]


def test_what_is_used_as_it_is_is_drawn_once():
    time, _ = draw(make_report("clip", "No.", [make_norms([1.0, 2.0], [1.0, 2.0])])).axes
    assert get_labels(time) == ["raw, used as it is"]


def test_a_threshold_by_value_is_no_norm():
    time, _ = draw(make_report("clip", "No.", [make_norms([3.0, 2.0], [1.0, 2.0], mode="value", threshold=0.5)])).axes
    assert get_labels(time) == ["raw", "used"]


def test_the_first_bad_norm_is_named():
    time, _ = draw(make_report("clip", "Yes.", [make_norms([1.0, np.inf, np.nan], [1.0, np.inf, np.nan])])).axes
    assert [text.get_text() for text in time.texts] == ["inf at update 2"]


def test_every_arm_has_a_row_up_to_a_limit():
    assert len(draw(make_clip()).axes) == 2 * 3
    runs = [make_norms([1.0], [1.0], name=f"arm {place}") for place in range(20)]
    assert len(draw(make_report("clip", "x", runs)).axes) == 2 * MOST_ROWS


def test_the_pilot_shows_the_thresholds_tried():
    pilot = make_norms([1.0, 9.0], [1.0, 9.0])
    ways = [make_norms([1.0, 9.0], [1.0, limit], mode="norm", threshold=limit, name=str(limit)) for limit in (5.0, 2.0)]
    time, histogram, *_ = draw(make_report("clip", "No.", [pilot, *ways])).axes
    assert get_labels(time) == ["raw, used as it is", "thresholds tried"]
    assert [line.get_ydata()[0] for line in histogram.lines] == [2.0, 5.0]
