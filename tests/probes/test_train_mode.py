from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from tests.probes.resting import read, rest
from trainlab.probes.train_mode import evaluate

INPUTS = torch.randn(100, 1, generator=torch.Generator().manual_seed(0))
NORM = {"model.1": "BatchNorm1d"}


def normalize(inputs: torch.Tensor) -> torch.Tensor:
    return (inputs - inputs.mean(dim=0)) / inputs.std(dim=0, unbiased=False)


def test_both_modes_on_the_same_whole_batches():
    found = read(evaluate(rest(INPUTS, INPUTS, in_training=normalize, kinds=NORM, batch_size=30)))
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))[:90]  # 10 samples would make no whole batch
    part = INPUTS[order]
    output = torch.cat([normalize(each) for each in part.split(30)])
    assert found["train_mode_loss"] == pytest.approx(float(F.mse_loss(output, part)))
    assert found["eval_mode_loss"] == 0


def test_the_share_right():
    target = (INPUTS > 0).float()
    more = {"loss": "bce_logits", "task": "binary", "kinds": NORM, "batch_size": 1000}
    found = read(evaluate(rest(INPUTS, target, in_training=lambda inputs: -inputs, **more)))
    assert (found["train_mode_accuracy"], found["eval_mode_accuracy"]) == (0, 1)


def test_without_batch_norm_there_is_one_mode():
    assert evaluate(rest(INPUTS, INPUTS)) == {}
    assert evaluate(rest(INPUTS, kinds=NORM)) == {}
