from __future__ import annotations

import numpy as np
import pytest
import torch

from trainlab.device import derive_seed
from trainlab.engine._streams import Streams, fill_mask, start_masks


@pytest.mark.parametrize("keep", [1e-12, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", [(3, 5), (64, 33)])
def test_a_mask_keeps_a_share_and_makes_up_for_the_rest(keep, shape):
    mine, numpys = start_masks(7, "dropout"), np.random.Generator(np.random.SFC64(derive_seed(7, "dropout")))
    for _ in range(2):
        count = shape[0] * shape[1]
        drawn = numpys.integers(0, 2**32, size=count + count % 2, dtype=np.uint32)[:count]
        wanted = torch.from_numpy(drawn / 2**32 < keep).view(shape).float() / keep
        assert torch.equal(fill_mask(torch.empty(shape), keep, mine), wanted)


@pytest.mark.parametrize("shape", [(100, 200), (50, 20, 20)])
@pytest.mark.parametrize("share", [0.1, 0.8])
def test_masks_drop_their_share_and_are_none_alike(shape, share):
    masks = Streams([0, 1]).draw_mask("model.2", [0, 1], [share, share], shape, torch.empty(0))
    assert masks.shape == (2, *shape)
    for mask in masks:
        dropped = (mask == 0).double()
        assert abs(dropped.mean() - share) < 5 * (share * (1 - share) / mask.numel()) ** 0.5
        assert abs(mask.double().mean() - 1) < 5 * (share / (1 - share) / mask.numel()) ** 0.5
    agree = ((masks[0] == 0) == (masks[1] == 0)).double().mean()
    assert abs(agree - (share**2 + (1 - share) ** 2)) < 0.02


def test_a_run_draws_the_same_masks_beside_any_others():
    alone, beside = Streams([3]), Streams([1, 3, 3])
    like = torch.empty(0, dtype=torch.float64)
    for _ in range(2):
        (one,) = alone.draw_mask("model.2", [0], [0.4], (5, 7), like)
        other = beside.draw_mask("model.2", [2, 0, 2], [0.9, 0.1, 0.4], (5, 7), like)
        assert torch.equal(other[0], one)
        assert torch.equal(other[2], one)
        assert not torch.equal(other[1] == 0, one == 0)
        assert one.dtype == torch.float64
