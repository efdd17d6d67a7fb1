"""What was measured, as a report shows it."""

from __future__ import annotations

import numpy as np

from tests.rules.traces import broken, make_trace
from trainlab.describing import describe, list_notes
from trainlab.report import LossScaling


def test_layers_hold_the_last_measured_update() -> None:
    described = describe(make_trace(gradients=[[1.0, 2.0], [3.0, 4.0]], changes=[[0.1, 0.2], [0.3, 0.4]]))
    weights = [layer for layer in described.layers if layer["name"].endswith("weight")]
    assert [layer["grad_norm"] for layer in weights] == [3.0, 4.0]
    assert [layer["update_ratio"] for layer in weights] == [0.3, 0.4]
    assert weights[0]["shape"] == [4, 4]


def test_modules() -> None:
    arrays = {f"activation-{name}": [0.5, np.nan] for name in ("mean", "std", "saturated", "dead")}
    described = describe(make_trace(modules=[("model.0", "Linear"), ("model.1", "Tanh")], arrays=arrays))
    assert [module["kind"] for module in described.modules] == ["Linear", "Tanh"]
    assert described.modules[0]["saturated"] == 0.5


def test_metrics() -> None:
    loss = 1 + 9 * np.exp(-np.arange(100) / 4)
    described = describe(make_trace(loss=loss, metrics={"train_loss": 1.0}, nonfinite=broken(update=9), updates=9))
    assert described.metrics == {"train_loss": 1.0, "epochs_to_converge": 17, "updates": 9, "diverged_at": 9} | {
        "best_epoch": None,
        "stopped_at": None,
    }


def test_when_it_stopped_and_which_epoch_it_went_back_to() -> None:
    metrics = describe(make_trace(best_epoch=3, stopped=13)).metrics
    assert (metrics["best_epoch"], metrics["stopped_at"]) == (3, 13)


def test_nothing_measured() -> None:
    described = describe(make_trace())
    assert (described.layers, described.modules, described.series) == ((), (), {})
    assert described.metrics["epochs_to_converge"] is None


def test_a_few_skipped_updates_are_not() -> None:
    scaling = LossScaling(skipped=5, scale=2048.0)
    assert list_notes([make_trace(updates=100, scaling=scaling)]) == ()
    assert list_notes([make_trace(updates=99, scaling=scaling)]) != ()
    assert list_notes([make_trace(updates=99)]) == ()


def test_metrics_tell_the_scale_of_runs_that_have_one() -> None:
    metrics = describe(make_trace(scaling=LossScaling(skipped=5, scale=2048.0))).metrics
    assert (metrics["skipped_updates"], metrics["loss_scale"]) == (5, 2048.0)
    assert "loss_scale" not in describe(make_trace()).metrics
