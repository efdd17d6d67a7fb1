"""L1 by proximal step: whatever the optimizer, training ends at the Lasso's optimum, with its zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso

from trainlab import data, engine
from trainlab.config import validate
from trainlab.engine._stack import Stack
from trainlab.engine._weights import Weights
from trainlab.plan import PlannedRun

CPU = torch.device("cpu")
STRENGTHS = (8.0, 40.0)

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"name": "sgd", "lr": 0.1},
    "momentum": {"name": "sgd", "lr": 0.02, "momentum": 0.9},
    "nesterov": {"name": "sgd", "lr": 0.02, "momentum": 0.9, "nesterov": True},
    "dampening": {"name": "sgd", "lr": 0.1, "momentum": 0.8, "dampening": 0.5},
    "adagrad": {"name": "adagrad", "lr": 20.0},
    "rmsprop": {"name": "rmsprop", "lr": 0.5, "alpha": 0.999},
    "rmsprop with momentum": {"name": "rmsprop", "lr": 0.1, "alpha": 0.999, "momentum": 0.8},
    "adam": {"name": "adam", "lr": 1.0},
    "amsgrad": {"name": "adam", "lr": 1.0, "amsgrad": True},
    "nadam": {"name": "nadam", "lr": 1.0},
    "radam": {"name": "radam", "lr": 1.0},
}

FALLING = ("rmsprop", "rmsprop with momentum", "adam", "amsgrad", "nadam", "radam")
"""Those that never come to rest at a rate that stays."""


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_ends_at_the_optimum_of_the_lasso(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    base = {
        "model": {"layers": 1, "init": {"name": "zeros"}},
        "data": {"name": "diabetes", "standardize": True},
        "loss": "mse",
        "optimizer": OPTIMIZERS[name],
        "schedule": {"name": "cosine"} if name in FALLING else {"name": "constant"},
        "train": {"epochs": 4000, "precision": "float64"},
    }
    runs = [
        PlannedRun(name=str(strength), patch={}, config=validate(base | {"regularize": {"l1": strength}}, {}))
        for strength in STRENGTHS
    ]
    ended: list[Stack] = []
    finish = Stack.finish
    monkeypatch.setattr(Stack, "finish", lambda stack, update: (ended.append(stack), finish(stack, update))[1])
    traces = engine.train(runs, [engine.prepare(run.config, CPU) for run in runs], ("accuracy",))
    inputs, target = data.load(runs[0].config.data).train
    for row, strength in enumerate(STRENGTHS):
        final = ended[0].final[row]
        assert isinstance(final, Weights)
        found = final.flat[0, :10].numpy()
        # scikit-learn halves the squared error
        lasso = Lasso(alpha=strength / 2, tol=1e-12, max_iter=100_000).fit(inputs.double(), target.double())
        np.testing.assert_allclose(found, lasso.coef_, atol=0.02)
        assert ((found == 0) == (lasso.coef_ == 0)).all(), (found, lasso.coef_)
        reached = ((lasso.predict(inputs.double()) - target.double().numpy()[:, 0]) ** 2).mean()
        assert traces[row].metrics["train_loss"] == pytest.approx(reached, rel=1e-3), "the penalty is no part of the loss"
    assert (ended[0].final[1].flat[0, :10] == 0).sum() >= 5
