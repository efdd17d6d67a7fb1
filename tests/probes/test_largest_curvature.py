from __future__ import annotations

import math

import pytest

from tests.engine.runs import train
from tests.probes.toy import look
from trainlab.probes import _spectrum, largest_curvature


@pytest.mark.parametrize(("first", "second", "highest"), [(0.0, 0.0, 2.0), (2.0, 0.5, 8.5), (4.0, 0.25, 32.125)])
def test_the_texts_example(first: float, second: float, highest: float) -> None:
    assert look(first, second, "largest-curvature").metrics["sharpness"] == pytest.approx(highest, abs=1e-12)


def test_a_larger_network_agrees_with_all_of_its_hessian(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "model": {"layers": 3, "width": 8},
        "data": {"name": "classification", "samples": 60, "features": 6},
        "loss": "bce_logits",
        "optimizer": {"lr": 0.1},
        "train": {"epochs": 20},
    }
    (whole,) = train(values, probes=["largest-curvature"])
    monkeypatch.setattr(largest_curvature, "WHOLE", 10)
    (found,) = train(values, probes=["largest-curvature"])
    assert _spectrum.WHOLE > 10
    assert found.metrics["sharpness"] == pytest.approx(whole.metrics["sharpness"], rel=2e-3)
    assert math.isfinite(whole.metrics["sharpness"])
    assert whole.metrics["sharpness"] > 0
