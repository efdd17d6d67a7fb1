from __future__ import annotations

import pytest
import torch

from tests.probes.resting import rest
from trainlab.probes.robustness import evaluate


def test_how_far_the_output_moves() -> None:
    inputs = torch.tensor([[1.0], [3.0], [5.0]])
    drawn = torch.randn(3, 1, generator=torch.Generator().manual_seed(0))
    moved = 2 * 0.1 * inputs.std(unbiased=False) * drawn
    found = evaluate(rest(inputs, inputs, test=(inputs, inputs), network=lambda x: 2 * x))
    assert found["shaken"].tolist() == [pytest.approx(moved.abs().mean().item(), rel=1e-5)]
    assert "flipped" not in found


def test_classes_that_change() -> None:
    inputs = torch.linspace(-1, 1, 400)[:, None]
    target = (inputs > 0).float()
    steep, flat = (
        evaluate(rest(inputs, target, test=(inputs, target), network=network, loss="bce_logits", task="binary"))["flipped"].item()
        for network in (lambda x: x, lambda x: x + 10)
    )
    assert 0 < steep < 0.1
    assert flat == 0


def test_nothing_without_a_test_part_or_for_tokens() -> None:
    assert evaluate(rest([[1.0]], [[1.0]])) == {}
    tokens = torch.zeros(2, 3, dtype=torch.int64)
    assert evaluate(rest(tokens, tokens, test=(tokens, tokens))) == {}


def test_shares_are_read_as_log_odds() -> None:
    inputs = torch.linspace(-2, 2, 50)[:, None]
    target = (inputs > 0).float()
    logits, shares = (
        evaluate(rest(inputs, target, test=(inputs, target), network=network, loss=loss, task="binary"))["shaken"].item()
        for network, loss in ((lambda x: x, "bce_logits"), (torch.sigmoid, "bce"))
    )
    assert shares == pytest.approx(logits, rel=1e-4)
