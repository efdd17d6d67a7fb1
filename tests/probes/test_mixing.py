from __future__ import annotations

import pytest
import torch

from tests.probes.resting import read, rest
from trainlab.probes.mixing import evaluate

INPUTS = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))


def test_samples_by_themselves():
    assert read(evaluate(rest(INPUTS, network=lambda inputs: inputs.softmax(dim=1)))) == {"mixing": 0}


def test_one_moves_all():
    found = read(evaluate(rest(INPUTS, network=lambda inputs: inputs + inputs.sum(dim=0))))["mixing"]
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))[:9]
    change = (INPUTS[order[8]] - INPUTS[order[0]]).abs().max()
    largest = (INPUTS[order[:8]] + INPUTS[order[:8]].sum(dim=0)).abs().max()
    assert found == pytest.approx(float(change / max(2 * change, largest)))


def test_nothing_moves_and_too_few():
    assert read(evaluate(rest(INPUTS, network=torch.zeros_like))) == {"mixing": 0}
    assert evaluate(rest(INPUTS[:2])) == {}
