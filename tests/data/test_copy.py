from __future__ import annotations

import math

import torch

from trainlab.config import validate
from trainlab.data import load


def test_symbols_a_wait_a_sign_and_the_same_symbols():
    spec = {"name": "copy", "samples": 50, "length": 4, "items": 3, "symbols": 5, "test_fraction": 0.0}
    dataset = load(validate({"data": spec}).data)
    inputs, target = dataset.train
    assert inputs.shape == target.shape == (50, 10)
    assert inputs.dtype == target.dtype == torch.int64
    shown = inputs[:, :3]
    assert set(shown.unique().tolist()) == {1, 2, 3, 4, 5}
    assert inputs[:, 3:].tolist() == [[0, 0, 0, 6, 0, 0, 0]] * 50
    assert torch.equal(target[:, -3:], shown)
    assert not target[:, :-3].any()
    assert (dataset.tokens, dataset.classes, dataset.every_step, dataset.shape) == (7, 6, True, (10,))


def test_what_guessing_costs():
    """Blank for certain, then each symbol with the same share: items ln(symbols) / steps (Arjovsky et al., 2016)."""
    spec = validate({"data": {"name": "copy", "length": 10}}).data
    target = load(spec).train[1]
    shares = torch.zeros(*target.shape, 9)
    shares[:, :-10, 0] = 1
    shares[:, -10:, 1:] = 1 / 8
    loss = -shares.gather(2, target[:, :, None]).log().mean()
    assert math.isclose(loss, 10 * math.log(8) / 30, rel_tol=1e-5)
