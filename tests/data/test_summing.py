from __future__ import annotations

import pytest
import torch

from trainlab.config import validate
from trainlab.data import load


def draw(**settings: object) -> tuple[torch.Tensor, torch.Tensor]:
    return load(validate({"data": {"name": "summing", "test_fraction": 0.0, **settings}}).data).train


def test_the_target_is_the_sum_of_all_steps() -> None:
    inputs, target = draw(samples=200, length=7)
    assert inputs.shape == (200, 7, 1)
    assert torch.allclose(inputs.sum(dim=1), target, atol=1e-6)


def test_numbers_are_centred_and_a_constant_zero_costs_length_over_twelve() -> None:
    inputs, target = draw(samples=20000, length=12)
    assert -0.5 <= float(inputs.min()) < -0.49
    assert 0.49 < float(inputs.max()) < 0.5
    assert float(target.square().mean()) == pytest.approx(1.0, rel=0.05)


def test_the_seed_decides() -> None:
    assert not torch.equal(draw(seed=0)[0], draw(seed=1)[0])
    assert torch.equal(draw(seed=1)[0], draw(seed=1)[0])
