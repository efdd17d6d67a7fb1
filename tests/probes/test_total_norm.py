from __future__ import annotations

import pytest

from .slow import CLIPPED, join, length, measure, repeat


def test_is_the_norm_of_the_raw_gradient():
    found = measure("total-norm", CLIPPED).series["total-norm"].values
    assert found.tolist() == pytest.approx([length(join(update.raw)) for update in repeat(CLIPPED).updates], rel=1e-9)
