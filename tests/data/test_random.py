from __future__ import annotations

import torch

from trainlab.config import validate
from trainlab.data import load


def test_normal_inputs_and_labels_that_say_nothing():
    spec = validate({"data": {"name": "random", "samples": 3000, "features": 5, "classes": 4}}).data
    state = torch.get_rng_state()
    inputs, target = load(spec).train
    assert torch.equal(state, torch.get_rng_state())
    assert inputs.shape == (3000, 5)
    assert abs(inputs.mean()) < 0.03
    assert abs(inputs.std() - 1) < 0.03
    assert (torch.bincount(target) > 600).all()
    assert load(spec).task == "multiclass"
    centres = torch.stack([inputs[target == label].mean(dim=0) for label in range(4)])
    assert (centres.abs() < 0.15).all()


def test_the_seed_of_the_data():
    one, two = (load(validate({"data": {"name": "random", "seed": seed}}).data).train[0] for seed in (0, 1))
    assert not torch.equal(one, two)
