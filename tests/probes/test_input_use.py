from __future__ import annotations

import math

import pytest
import torch

from tests.probes.resting import read, rest
from trainlab.probes.input_use import evaluate

INPUTS = torch.randn(400, 1, generator=torch.Generator().manual_seed(0))


def test_a_network_that_copies_its_input():
    found = read(evaluate(rest(INPUTS, INPUTS, test=(INPUTS[:50], INPUTS[:50]))))
    assert found["own_loss"] == 0
    assert found["zero_loss"] == pytest.approx(float(INPUTS.square().mean()))
    assert found["shuffled_loss"] == pytest.approx(2 * float(INPUTS.var()), rel=0.2)
    assert found["test_own_score"] == 1
    assert found["test_shuffled_score"] == pytest.approx(-1, abs=0.7)


def test_a_network_that_always_says_the_same():
    found = read(evaluate(rest(INPUTS, INPUTS, network=lambda inputs: torch.zeros(len(inputs), 1))))
    assert found["own_loss"] == found["zero_loss"] == pytest.approx(found["shuffled_loss"])
    assert "test_own_score" not in found


def test_the_share_right_of_classes():
    target = (INPUTS > 0).float()
    found = read(evaluate(rest(INPUTS, target, loss="bce_logits", task="binary", test=(INPUTS, target))))
    assert found["test_own_score"] == 1
    assert found["test_shuffled_score"] == pytest.approx(0.5, abs=0.1)


def test_tokens_have_no_zero_and_nan_no_score():
    tokens = torch.randint(3, (30, 4))
    found = evaluate(rest(tokens, torch.ones(30, 1), network=lambda inputs: inputs[:, :1].float()))
    assert "zero_loss" not in found
    nan = torch.full((9, 1), torch.nan)
    assert math.isnan(
        read(evaluate(rest(INPUTS, (INPUTS > 0).float(), loss="bce", task="binary", test=(nan, nan))))["test_own_score"]
    )
    assert evaluate(rest(INPUTS)) == {}
