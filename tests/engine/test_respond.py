from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.plain import train_plain
from engine.runs import spy, train
from trainlab.step import Batch


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("kind", ["mlp", "layers"])
def test_batch_norm_normalises_by_the_batch_and_nothing_is_dropped(kind, dropout, monkeypatch):
    modules = [{"Linear": [3, 8]}, {"BatchNorm1d": [8]}, "ReLU", {"Dropout": [dropout]}, {"Linear": [8, 2]}]
    model = {"width": 8, "norm": "batch", "dropout": dropout} if kind == "mlp" else {"kind": "layers", "modules": modules}
    values = {
        "model": model,
        "data": {"name": "blobs", "samples": 60, "features": 3, "classes": 2},
        "loss": "cross_entropy",
        "optimizer": {"name": "adam", "lr": 0.05},
        "train": {"epochs": 3, "batch_size": 16, "precision": "float64"},
    }

    def look(evaluation):
        some = Batch(inputs=evaluation.train.inputs[:7], target=None)
        before = evaluation.predict(some)
        found = evaluation.respond(some)
        assert torch.equal(before, evaluation.predict(some))  # no statistics moved
        assert evaluation.batch_size == 16
        return {"found": found.flatten(1)}

    (*_, trace) = train({**values, "seed": 1}, values, probes=[spy(monkeypatch, evaluate=look)])
    plain = train_plain(values)
    for module in plain.model.modules():
        module.train("BatchNorm" in type(module).__name__)
    with torch.no_grad():
        expected = plain.model(plain.train[0][:7])
    assert np.allclose(trace.arrays["found"], expected.flatten().numpy(), atol=1e-9)
