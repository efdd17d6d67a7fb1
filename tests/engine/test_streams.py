from __future__ import annotations

import pytest
import torch

from trainlab.device import make_generator
from trainlab.engine._streams import draw_kept


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", [(3, 5), (64, 33)])
def test_a_mask_is_what_bernoulli_would_draw(keep, shape):
    mine, torchs = make_generator(7, "dropout"), make_generator(7, "dropout")
    for _ in range(2):
        assert torch.equal(draw_kept(shape, keep, mine), torch.empty(shape).bernoulli_(keep, generator=torchs) / keep)
    assert torch.equal(mine.get_state(), torchs.get_state())
