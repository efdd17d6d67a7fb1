from __future__ import annotations

import pytest

from .slow import CLIPPED, measure, repeat


def test_is_the_loss_that_the_gradient_was_taken_of():
    found = measure("batch-loss", CLIPPED).series["batch-loss"].values
    assert found.tolist() == pytest.approx([update.loss for update in repeat(CLIPPED).updates], rel=1e-9)
