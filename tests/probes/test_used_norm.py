from __future__ import annotations

import pytest

from .slow import CLIPPED, join, length, measure, repeat


def test_is_the_norm_of_the_gradient_after_clipping():
    found = measure("used-norm", CLIPPED).series["used-norm"].values
    updates = repeat(CLIPPED).updates
    assert found.tolist() == pytest.approx([length(join(update.used)) for update in updates], rel=1e-9)
    assert all(length(join(update.used)) < 0.9 * length(join(update.raw)) for update in updates)
