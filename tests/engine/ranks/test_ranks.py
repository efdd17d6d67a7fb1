"""Two real ranks, started once, beside one process: what must agree agrees, and each fault shows where it should."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from trainlab import engine
from trainlab.config import Config, validate
from trainlab.engine.ranks import choose_rank_device, train_on_ranks
from trainlab.engine.ranks._starting import find_seats
from trainlab.errors import UserError
from trainlab.plan import PlannedRun, Ranks
from trainlab.report import Trace
from trainlab.rules.batch_norm_unsynced import BatchNormUnsynced
from trainlab.rules.ranks_disagree import RanksDisagree
from trainlab.rules.reduction_mismatch import ReductionMismatch

EXACT = 1e-12
BASE: dict[str, Any] = {
    "model": {"layers": 2, "width": 16},
    "data": {"name": "classification", "samples": 101, "seed": 42},
    "loss": "bce_logits",
    "optimizer": {"name": "sgd", "lr": 0.05},
    "train": {"batch_size": 10},
    "distributed": {"ranks": 2, "remainder": "drop"},
}
BATCH_NORM = {"model": {"norm": "batch"}}
SHARES = {"train": {"batch_size": None}, "distributed": {"shares": [3, 1]}}
EVERYTHING = {
    "model": {"norm": "batch", "dropout": 0.3},
    "optimizer": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    "clip": {"mode": "norm", "threshold": 0.1},
    "schedule": {"name": "cosine"},
    "regularize": {"l1": 1e-3, "input_noise": 0.1, "weight_noise": 0.01},
}
AS_ONE = {"distributed": {"sync_batch_norm": True, "dropout": "union", "reduction": "weighted", "remainder": "uneven"}}
CASES: dict[str, list[Mapping[str, Any]]] = {
    "plain": [],
    "strided": [{"distributed": {"sharding": "strided"}}],
    "one rank": [{"distributed": {"ranks": 1}}],
    "adam": [{"optimizer": {"name": "adam", "lr": 0.01}}],
    "accumulated": [{"train": {"accumulate": 3}}],
    "weighted": [SHARES, {"distributed": {"reduction": "weighted"}}],
    "synchronised": [BATCH_NORM, {"distributed": {"sync_batch_norm": True}}],
    "synchronised, uneven": [BATCH_NORM, SHARES, {"distributed": {"sync_batch_norm": True, "reduction": "weighted"}}],
    "one mask": [{"model": {"dropout": 0.3}}, {"distributed": {"dropout": "union"}}],
    "everything": [EVERYTHING, AS_ONE],
    "loss adds up": [{"loss": "sum"}, {"distributed": {"reduction": "sum"}}],
    "convolution": [
        {"model": {"kind": "cnn", "layers": 1, "width": 4, "norm": "batch"}, "data": {"name": "digits", "fraction": 0.05}},
        {"loss": "cross_entropy"},
        AS_ONE,
    ],
    "ddp": [{"distributed": {"through": "ddp"}}],
    "ddp, everything": [
        EVERYTHING,
        {"train": {"accumulate": 1}, "distributed": {**AS_ONE["distributed"], "through": "ddp", "remainder": "drop"}},
    ],
    "ddp, accumulated": [{"train": {"accumulate": 3}, "distributed": {"through": "ddp"}}],
    # faults
    "sum": [{"distributed": {"reduction": "sum"}}],
    "ddp, sum": [{"distributed": {"reduction": "sum", "through": "ddp"}}],
    "sum over batches": [{"train": {"accumulate": 3}, "distributed": {"accumulation": "sum"}}],
    "mean for sum": [{"loss": "sum"}],
    "uneven": [SHARES],
    "repeated": [{"data": {"samples": 104}, "distributed": {"remainder": "repeat"}}],
    "batch norm": [BATCH_NORM],
    "buffers": [BATCH_NORM, {"distributed": {"broadcast_buffers": False}}],
    "own masks": [{"model": {"dropout": 0.3}}],
    "same masks": [{"model": {"dropout": 0.3}}, {"distributed": {"dropout": "same"}}],
    "late": [{"distributed": {"delay": 1}}],
    "start": [{"distributed": {"same_start": False}}],
    "ddp, start": [{"distributed": {"same_start": False, "through": "ddp"}}],
}
AGREE = list(CASES)[: list(CASES).index("sum")]


def merge(values: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for key, value in patch.items():
        is_section = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        renamed = is_section and merged[key].get("name") != value.get("name", merged[key].get("name"))
        merged[key] = merge({} if renamed else merged[key], value) if is_section else value
    return merged


def make(*patches: Mapping[str, Any]) -> Config:
    values: Mapping[str, Any] = BASE
    for patch in patches:
        values = merge(values, patch)
    return validate(values)


@pytest.fixture(scope="module")
def traces() -> dict[str, Trace]:
    runs = [PlannedRun(name=name, patch={}, config=make(*patches)) for name, patches in CASES.items()]
    works = [engine.prepare(run.config, torch.device("cpu")) for run in runs]
    found = train_on_ranks(runs, works, Ranks(steps=3, timeout=60, timed=True), torch.device("cpu"), 1)
    return {trace.name: trace for trace in found}


def worst(trace: Trace, name: str) -> float:
    return float(trace.series[name].values.max())


def judge(trace: Trace) -> set[str]:
    rules = (RanksDisagree(), ReductionMismatch(), BatchNormUnsynced(limit=0.01))
    return {each.code for rule in rules for each in rule.judge(trace)}


@pytest.mark.parametrize("name", AGREE)
def test_they_compute_what_one_process_would(traces: dict[str, Trace], name: str) -> None:
    trace = traces[name]
    for what in ("gradient-error", "gradient-difference", "weight-error", "weight-difference", "buffer-difference", "rank-spread"):
        assert worst(trace, f"{what}-float64") < EXACT, what
    assert worst(trace, "gradient-error") < 1e-4  # in float32
    assert judge(trace) == set()


@pytest.mark.parametrize(("name", "factor"), [("sum", 2.0), ("ddp, sum", 2.0), ("sum over batches", 3.0), ("mean for sum", 0.5)])
def test_a_wrong_reduction_is_told_by_its_length(traces: dict[str, Trace], name: str, factor: float) -> None:
    trace = traces[name]
    assert trace.series["gradient-factor-float64"].values[0] == pytest.approx(factor, rel=1e-9)
    assert worst(trace, "gradient-error-float64") == pytest.approx(abs(factor - 1), rel=1e-9)
    assert worst(trace, "combined-error-float64") < EXACT  # the ranks' own gradients are right, at every update
    assert judge(trace) == {"P002"}


def test_a_mean_of_means_over_uneven_shares(traces: dict[str, Trace]) -> None:
    """By hand: the ranks' own gradients, counted alike."""
    trace = traces["uneven"]
    work = engine.prepare(make(*CASES["uneven"], {"train": {"precision": "float64"}}), torch.device("cpu"))
    samples = len(work.train.inputs)
    first = round(samples * 3 / 4)
    gradients = []
    for part in (slice(None), slice(0, first), slice(first, None)):
        assert work.train.target is not None
        loss = F.binary_cross_entropy_with_logits(work.model(work.train.inputs[part]), work.train.target[part])
        found = torch.autograd.grad(loss, list(work.model.parameters()))
        gradients.append(torch.cat([each.flatten() for each in found]))
    whole, one, other = gradients
    off = float(((one + other) / 2 - whole).norm() / whole.norm())
    assert worst(trace, "gradient-error-float64") == pytest.approx(off, rel=1e-9)
    assert off > 0.01
    assert judge(trace) == {"P002"}


def test_repeated_samples_count_twice_in_the_last_update_only(traces: dict[str, Trace]) -> None:
    series = traces["repeated"].series
    assert series["samples"].at.tolist() == [1, 2, series["samples"].at[-1]]
    assert series["repeated"].values.tolist() == [0, 0, 1]
    errors = series["gradient-error-float64"].values
    assert errors[:2].max() < EXACT < 1e-3 < errors[2]


def test_batch_norm_by_itself(traces: dict[str, Trace]) -> None:
    for name in ("batch norm", "buffers"):
        trace = traces[name]
        assert judge(trace) == {"P003"}
        assert 0.01 < worst(trace, "gradient-error-float64") == worst(trace, "combined-error-float64")
        assert trace.arrays["norms"].tolist() == ["model.1"]
        assert trace.arrays["norm-spread"].shape == (3, 1)
    assert worst(traces["batch norm"], "buffer-spread-float64") == 0
    assert worst(traces["buffers"], "buffer-spread-float64") > 0.01


@pytest.mark.parametrize("name", ["own masks", "same masks"])
def test_masks_of_their_own_are_no_fault_of_the_reduction(traces: dict[str, Trace], name: str) -> None:
    assert worst(traces[name], "gradient-error-float64") > 0.01
    assert judge(traces[name]) == set()
    assert traces[name].metrics["draws"] == 1


def test_late_gradients_are_those_of_the_weights_before(traces: dict[str, Trace]) -> None:
    """The first update has no weights before; at the second, next to autograd."""
    config = make({"train": {"precision": "float64"}})
    work = engine.prepare(config, torch.device("cpu"))
    order = engine._batches.Order([0], work.samples, shuffle=True).next_epoch()[0]
    model = copy.deepcopy(work.model)
    parameters = list(model.parameters())

    def differentiate(turn: int) -> torch.Tensor:
        rows = torch.cat([order[start + 10 * turn : start + 10 * turn + 10] for start in (0, 40)])
        assert work.train.target is not None
        loss = F.binary_cross_entropy_with_logits(model(work.train.inputs[rows]), work.train.target[rows])
        return torch.cat([each.flatten() for each in torch.autograd.grad(loss, parameters)])

    first, late = differentiate(0), differentiate(1)
    with torch.no_grad():
        for each, slope in zip(parameters, torch.split(first, [each.numel() for each in parameters]), strict=True):
            each.sub_(0.05 * slope.view_as(each))
    right = differentiate(1)
    found = traces["late"].series["gradient-error-float64"].values
    assert found[0] < EXACT
    assert found[1] == pytest.approx(float((late - right).norm() / right.norm()), rel=1e-9)
    assert judge(traces["late"]) == set()  # the reduction is right, and the ranks agree


@pytest.mark.parametrize("name", ["start", "ddp, start"])
def test_ranks_that_do_not_begin_alike(traces: dict[str, Trace], name: str) -> None:
    trace = traces[name]
    assert "P001" in judge(trace)
    # the same gradient moves both: what they began with stays between them
    spread = trace.series["rank-spread-float64"].values
    assert spread.min() > 0.01
    assert traces["plain"].series["rank-spread"].values.max() == 0


def test_who_does_what_is_counted(traces: dict[str, Trace]) -> None:
    metrics = traces["plain"].metrics  # 80 samples train, 40 a rank
    assert metrics["ranks"] == 2
    assert (metrics["effective_batch"], metrics["updates_per_epoch"], metrics["samples_per_rank"]) == (20, 4, 40)
    assert traces["accumulated"].metrics["effective_batch"] == 60
    assert min(metrics[name] or 0 for name in ("step_s", "all_reduce_s", "one_process_s")) > 0
    assert traces["plain"].how == "by 2 ranks over gloo"


def test_the_plain_gradient_is_that_of_autograd(traces: dict[str, Trace]) -> None:
    """The reference itself: its weights after one update are a plain loop's, so that both are not wrong alike."""
    config = make({"train": {"precision": "float64"}})
    work = engine.prepare(config, torch.device("cpu"))
    model: nn.Module = work.model
    torch_model = [each.detach().clone() for each in model.parameters()]
    order = engine._batches.Order([0], work.samples, shuffle=True).next_epoch()[0]
    rows = torch.cat([order[0:10], order[40:50]])  # the first batch of each of two blocks of 40
    assert work.train.target is not None
    loss = F.binary_cross_entropy_with_logits(model(work.train.inputs[rows]), work.train.target[rows])
    gradient = torch.autograd.grad(loss, list(model.parameters()))
    size = max(float(each.abs().max()) for each in gradient)
    found = traces["plain"].series
    assert len(torch_model) == found["gradient-difference-abs-float64"].values.shape[1]
    assert found["gradient-difference-abs-float64"].values[0].max() < 1e-15
    assert found["gradient-size-float64"].values[0] == pytest.approx(size, rel=1e-12)


class TestSeats:
    def test_alone_all_ranks_are_here(self) -> None:
        seats = find_seats(4, "/tmp/x", {})
        assert (seats.world, seats.first, seats.here, seats.meet, seats.telling) == (4, 0, 4, "file:///tmp/x/meeting", False)

    def test_under_torchrun_this_process_is_one_of_them(self) -> None:
        given = {"RANK": "3", "WORLD_SIZE": "8", "MASTER_ADDR": "there", "MASTER_PORT": "1"}
        seats = find_seats(4, "/tmp/x", given)
        assert (seats.world, seats.first, seats.here, seats.meet, seats.telling) == (8, 3, 1, "env://", True)
        with pytest.raises(UserError, match="are more than the 8 that torchrun has started"):
            find_seats(9, "/tmp/x", given)


def test_the_device_of_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_rank_device("cpu", 4) == torch.device("cpu")
    assert choose_rank_device("auto", 10_000) == torch.device("cpu")
    monkeypatch.setattr("trainlab.engine.ranks.choose_device", lambda _: torch.device("cuda:0"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_rank_device("cuda", 2) == torch.device("cuda")
    assert choose_rank_device("auto", 3) == torch.device("cpu")
    with pytest.raises(UserError, match="3 ranks need a GPU each: 2 here"):
        choose_rank_device("cuda", 3)


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({"train": {"precision": "fp16"}}, "must not be fp16"),
        ({"regularize": {"adversarial": 0.1}}, "is not for several ranks"),
        ({"distributed": {"ranks": 1000}}, "are more than the"),
        ({"distributed": {"delay": 1, "through": "ddp"}}, "must be all_reduce where gradients are late"),
    ],
)
def test_what_ranks_cannot_do_is_told_before_any_is_started(patch: dict[str, Any], words: str) -> None:
    config = make(patch)
    run, work = PlannedRun(name="base", patch={}, config=config), engine.prepare(config, torch.device("cpu"))
    with pytest.raises(UserError, match=words):
        train_on_ranks([run], [work], Ranks(steps=1, timeout=60), torch.device("cpu"), 1)


def test_nothing_is_not_a_number(traces: dict[str, Trace]) -> None:
    for trace in traces.values():
        for name, series in trace.series.items():
            assert np.isfinite(series.values).all(), (trace.name, name)
