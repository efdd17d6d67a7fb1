from __future__ import annotations

import pytest
import torch.nn.functional as F  # noqa: N812
from engine.plain import train_plain
from engine.runs import train

from .slow import BASE


def test_equals_the_loss_of_a_plain_loop_that_ends_there():
    series = train({**BASE, "seed": 9}, BASE, probes=["test-loss"])[1].series["test-loss"]
    assert (series.per, series.at.tolist()) == ("epoch", [1, 2, 3, 4])
    for epoch, found in zip(series.at, series.values, strict=True):
        plain = train_plain({**BASE, "train": {**BASE["train"], "epochs": int(epoch)}})
        inputs, target = plain.test
        assert found == pytest.approx(F.cross_entropy(plain.model(inputs), target).item(), abs=1e-12)


@pytest.mark.parametrize("data", [{"test_fraction": 0.0}, {"validation_fraction": 0.2}])
def test_there_is_none_without_a_test_part_or_beside_a_validation_part(data):
    (trace,) = train({**BASE, "data": {**BASE["data"], **data}}, probes=["test-loss"])
    assert trace.series.keys() == {"loss"}
