from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.engine.runs import prepare, train
from tests.probes.toy import SMALL, TOY, look
from trainlab.engine._objective import LossSurface
from trainlab.engine._weights import stack_networks
from trainlab.probes import _spectrum

PLACES = [
    (0.0, 0.0, (-2.0, 2.0)),
    (1.0, 1.0, (0.0, 4.0)),
    (2.0, 0.5, (0.0, 8.5)),
    (4.0, 0.25, (0.0, 32.125)),
]


@pytest.mark.parametrize(("first", "second", "eigenvalues"), PLACES)
def test_the_texts_example(first: float, second: float, eigenvalues: tuple[float, float]) -> None:
    trace = look(first, second, "curvature")
    assert trace.arrays["eigenvalues"].tolist() == pytest.approx(eigenvalues, abs=1e-12)
    metrics = trace.metrics
    assert (metrics["curvature_lowest"], metrics["curvature_highest"]) == pytest.approx(eigenvalues, abs=1e-12)
    assert metrics["curvature_trace"] == pytest.approx(sum(eigenvalues))
    assert metrics["point_gradient"] == pytest.approx(0.0, abs=1e-12)
    assert metrics["point_loss"] == pytest.approx((1 - first * second) ** 2)
    assert (metrics["scale_loss"], metrics["curvature_whole"], metrics["curvature_exact"]) == (1.0, 1.0, 1.0)


def test_off_a_critical_point() -> None:
    metrics = look(3.0, 0.5, "curvature").metrics  # 1.5: the gradient is (0.5, 3), the Hessian [[0.5, 4], [4, 18]]
    assert metrics["point_gradient"] == pytest.approx(math.hypot(0.5, 3.0))
    assert metrics["gradient_curvature"] == pytest.approx((0.5 * 0.25 + 2 * 4 * 1.5 + 18 * 9) / 9.25)
    assert metrics["descent_loss"] < 0.01 * metrics["point_loss"]


def test_a_penalty_makes_minima_of_a_valley() -> None:
    decay = {"optimizer": {"lr": 0.05, "weight_decay": 1.0}}  # (1 - w1 w2)^2 + (w1^2 + w2^2)/2
    assert look(0.0, 0.0, "curvature", **decay).arrays["eigenvalues"].tolist() == pytest.approx([-1.0, 3.0])
    there = math.sqrt(0.5)
    found = look(there, there, "curvature", **decay)
    assert found.metrics["point_gradient"] == pytest.approx(0.0, abs=1e-6)  # the weights are float32
    assert min(found.arrays["eigenvalues"]) > 1.9
    assert found.metrics["curvature_penalty"] == 1.0


def test_each_run_of_a_stack_has_its_own() -> None:
    values = [{**TOY, "weights": [first, second], "train": {"updates": 0}} for first, second, _ in PLACES]
    for trace, (_, _, eigenvalues) in zip(train(*values, probes=["curvature"]), PLACES, strict=True):
        assert trace.arrays["eigenvalues"].tolist() == pytest.approx(eigenvalues, abs=1e-12)


def test_a_large_network_is_estimated_and_agrees_with_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = train(SMALL, probes=["curvature"])
    monkeypatch.setattr(_spectrum, "WHOLE", 10)
    (estimated,) = train(SMALL, probes=["curvature"])
    assert (whole.metrics["curvature_whole"], estimated.metrics["curvature_whole"]) == (1.0, 0.0)
    assert whole.metrics["curvature_products"] == len(whole.arrays["eigenvalues"])
    assert 16 < estimated.metrics["curvature_products"] <= 150 + 4 * 30 + 16
    largest = max(abs(whole.metrics["curvature_lowest"]), whole.metrics["curvature_highest"])
    for end in ("curvature_lowest", "curvature_highest"):
        assert estimated.metrics[end] == pytest.approx(whole.metrics[end], abs=1e-6 * largest)
    error = estimated.metrics["curvature_trace_error"]
    assert abs(estimated.metrics["curvature_trace"] - whole.metrics["curvature_trace"]) < 4 * error
    limit = 1e-2 * largest
    shares = [float(each.arrays["eigenvalue-shares"][each.arrays["eigenvalues"] > limit].sum()) for each in (whole, estimated)]
    assert shares[1] == pytest.approx(shares[0], abs=0.1)
    assert estimated.arrays["eigenvalue-shares"].sum() == pytest.approx(1.0)


def test_the_eigenvalues_that_curvlinops_finds() -> None:
    curvlinops = pytest.importorskip("curvlinops")
    linalg = pytest.importorskip("scipy.sparse.linalg")
    work = prepare({**SMALL, "train": {"precision": "float64"}})
    data = [(work.train.inputs, work.train.target)]
    parameters = list(work.model.parameters())
    operator = curvlinops.HessianLinearOperator(work.model, torch.nn.CrossEntropyLoss(), parameters, data)
    wanted = linalg.eigsh(operator.to_scipy(), k=2, which="BE", return_eigenvectors=False)
    found = _spectrum.find_spectrum(LossSurface(work, stack_networks([work.model], [0])))
    assert [found.lowest, found.highest] == pytest.approx(sorted(np.asarray(wanted).tolist()), rel=1e-6)


def test_a_run_that_left_the_finite_numbers_is_not_measured() -> None:
    dying, living = (
        {**TOY, "weights": [first, first], "optimizer": {"lr": rate}, "train": {"epochs": 30}}
        for first, rate in ((30.0, 10.0), (1.0, 0.01))
    )
    for order in ((dying, living), (living, dying)):
        traces = train(*order, probes=["curvature", "escape", "surface"])
        dead, alive = traces if order[0] is dying else traces[::-1]
        assert dead.nonfinite is not None
        assert all(dead.metrics[name] is None for name in ("point_loss", "curvature_lowest", "escape_loss"))
        assert alive.metrics["curvature_highest"] == pytest.approx(4.0)
        assert "path-across" in alive.series
    (dead,) = train(dying, probes=["curvature", "escape", "surface"])
    assert dead.metrics["point_loss"] is None
