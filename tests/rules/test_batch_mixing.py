from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.rules.traces import broken, find, is_silent, make_trace, skip
from tests.rules.trainings import fit, judge, save
from trainlab.rules.batch_mixing import BatchMixing

RULE = BatchMixing()
SMALL = {"epochs": 1}
RNG = np.random.default_rng(0)


def iris(*modules: Any) -> dict[str, Any]:
    return {"kind": "layers", "modules": [{"Linear": [4, 16]}, *modules, {"Linear": [16, 3]}]}


def attend(**more: Any) -> dict[str, Any]:
    layer = {"TransformerEncoderLayer": {"d_model": 8, "nhead": 2, "dim_feedforward": 16, "dropout": 0.0, **more}}
    return {"kind": "layers", "modules": [{"Linear": [3, 8]}, layer, "Flatten", {"Linear": [40, 2]}]}


def test_a_softmax_over_the_samples() -> None:
    found = find(RULE, fit(RULE, {"name": "iris"}, model=iris({"Softmax": {"dim": 0}}), **SMALL))
    assert found.severity == "error"
    assert judge(RULE, {"name": "iris"}, model=iris({"Softmax": {"dim": 1}}), **SMALL) == []


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_attention_that_takes_samples_for_steps(tmp_path: Path) -> None:
    data = save(tmp_path, RNG.normal(size=(60, 5, 3)), RNG.integers(0, 2, 60))
    assert find(RULE, fit(RULE, data, model=attend(), **SMALL))
    assert judge(RULE, data, model=attend(batch_first=True), **SMALL) == []


def test_batch_norm_does_so_in_training_by_design() -> None:
    assert judge(RULE, {"name": "iris"}, model={"norm": "batch"}, **SMALL) == []
    assert judge(RULE, {"name": "digits"}, model={"kind": "resnet", "width": 4}, **SMALL) == []
    batch_norm = {"BatchNorm1d": {"num_features": 16, "track_running_stats": False}}
    assert find(RULE, fit(RULE, {"name": "iris"}, model=iris(batch_norm), **SMALL))


@pytest.mark.parametrize("kind", ["cnn", "rnn", "lstm", "gru", "transformer"])
def test_every_kind_of_network_takes_samples_by_themselves(kind: str) -> None:
    assert judge(RULE, {"name": "digits", "samples": 100}, model={"kind": kind, "width": 8}, **SMALL) == []


def test_thresholds() -> None:
    assert is_silent(RULE, make_trace(metrics={"mixing": 1e-3}))
    assert find(RULE, make_trace(metrics={"mixing": 1.1e-3}))
    assert "finite" in skip(RULE, make_trace(metrics={"mixing": 1.0}, nonfinite=broken()))
    assert "not measured" in skip(RULE, make_trace())
