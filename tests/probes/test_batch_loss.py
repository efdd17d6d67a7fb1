from __future__ import annotations

import pytest

from .slow import measure, repeat


def test_is_the_loss_of_each_batch_before_its_update():
    series = measure("batch-loss").series["batch-loss"]
    assert series.values.tolist() == pytest.approx([update.loss for update in repeat().updates], rel=1e-9)
