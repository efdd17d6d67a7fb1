from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainlab.engine._recorder import Recorder, choose_updates


def test_series_follow_their_runs_when_rows_move():
    recorder = Recorder()
    three, two = [0, 1, 2], [2, 0, -1, -1]
    recorder.add("norm", "update", 1, torch.tensor([10.0, 11, 12]), three)
    recorder.add("norm", "update", 2, torch.tensor([20.0, 21, 22]), three)
    recorder.add("loss", "epoch", 1, torch.tensor([0.5, 0.6, 0.7]), three)
    recorder.add("norm", "update", 5, torch.tensor([52.0, 50, 99, 99]), two)
    first, second, third = recorder.collect(3)
    assert first["norm"].at.tolist() == [1, 2, 5]
    assert first["norm"].values.tolist() == [10, 20, 50]
    assert second["norm"].at.tolist() == [1, 2]
    assert second["norm"].values.tolist() == [11, 21]
    assert third["norm"].values.tolist() == [12, 22, 52]
    assert (third["loss"].per, third["loss"].values.dtype, third["loss"].at.dtype) == ("epoch", np.float64, np.int64)


def test_values_of_each_parameter_and_runs_without_any():
    recorder = Recorder()
    recorder.add("gradient", "update", 3, torch.tensor([[1.0, 2.0], [3.0, 4.0]]), [1, -1])
    nothing, found = recorder.collect(2)
    assert nothing == {}
    assert found["gradient"].values.tolist() == [[1, 2]]
    assert Recorder().collect(2) == [{}, {}]


@given(st.integers(1, 20000))
def test_updates_to_measure_closely(total):
    """All of a short run; of a long one the first ten, then evenly spread ones up to the last."""
    chosen = sorted(choose_updates(total))
    assert (chosen[0], chosen[-1]) == (1, total)
    assert len(chosen) == min(total, 200)
    assert chosen[:10] == list(range(1, min(total, 10) + 1))
    gaps = np.diff(chosen[9:])
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1


def test_many_values_in_order():
    recorder = Recorder()
    rows = [0, 1]
    for at in range(1, 301):
        recorder.add("loss", "update", at, torch.tensor([float(at), torch.inf]), rows)
        assert recorder.read_last("loss", "update") == [at]
    assert recorder.read_last("loss", "epoch") == []
    first, second = recorder.collect(2)
    assert first["loss"].values.tolist() == list(range(1, 301))
    assert first["loss"].at.tolist() == list(range(1, 301))
    assert np.isposinf(second["loss"].values).all()
    assert recorder.collect(2) == [{}, {}]


def test_runs_that_stay_together_share_memory_and_padding_is_not_kept():
    recorder = Recorder()
    rows = [0, 1, *[-1] * 30]
    for at in range(1, 101):
        recorder.add("norm", "update", at, torch.zeros(32, 3), rows)
    first, second = recorder.collect(2)
    assert first["norm"].at is second["norm"].at
    base = first["norm"].values.base
    assert base is second["norm"].values.base
    assert base.shape == (2, 100, 3)
