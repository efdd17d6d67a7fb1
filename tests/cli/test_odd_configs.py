"""Configs that can be carried out, though nobody would call them sensible: a report, without a warning from below."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.running import carry_out

CHARS = (
    "model={kind: transformer, layers: 2, width: 8, heads: 2},data={name: chars, samples: 24, length: 8},loss=cross_entropy,"
    "train={epochs: 2, batch_size: 8, accumulate: 2, precision: fp16},schedule={name: onecycle, warmup: 2}"
)
FEW = "data.samples=200,train.epochs=2"
CASES = [
    pytest.param(("gradients", "--set", CHARS, "--steps", "3"), "The gradient reaches every layer", id="much at once"),
    pytest.param(("check", "--diagnose", "--set", f"{FEW},data.fraction=0.01"), "could not judge", id="two samples"),
    pytest.param(
        ("check", "--diagnose", "--set", f"{FEW},train.batch_size=100000"), "could not judge", id="a batch beyond the data"
    ),
    pytest.param(
        ("check", "--diagnose", "--set", f"{FEW},data.folds=5,data.imbalance=100"), "could not judge", id="a fold of rare classes"
    ),
    pytest.param(("check", "--diagnose", "--set", "data.name=npz,data.path=holes.npz"), "the data hold NaN", id="holes"),
    pytest.param(("lr-sweep", "check", "--lr", "0.1", "--set", "data.name=npz,data.path=holes.npz"), "0.1 diverged", id="rates"),
    pytest.param(("overfit", "check", "--quick", "--set", "data.name=npz,data.path=holes.npz"), "NaN", id="a gap of holes"),
    pytest.param(("compare", "check", "--seeds", "2", "--vary", "train.batch_size=2,99", "--set", FEW), "batch size", id="sizes"),
    pytest.param(
        ("underfit", "--budget", "4x", "--set", "data={name: wine, samples: 10, fraction: 0.01}"), "not judged", id="one sample"
    ),
    pytest.param(
        (
            *("overfit", "--remedy", "ensemble", "--seeds", "2", "--epochs", "3"),
            *("--set", "data={name: diabetes, samples: 5},loss=mse,model.output=none"),
        ),
        "ensemble of 5",
        id="one number to test on",
    ),
    pytest.param(("gradients", "check", "--set", "model.freeze=['*weight']"), "model.4.bias", id="only biases"),
]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    target = (inputs[:, 0] > 0).astype(int)
    np.savez(tmp_path / "short.npz", x=inputs, y=target[:50])
    np.savez(tmp_path / "one.npz", x=inputs, y=np.ones(60, dtype=int))
    inputs[3, 1] = np.nan
    np.savez(tmp_path / "holes.npz", x=inputs, y=target)
    monkeypatch.chdir(tmp_path)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(("line", "words"), CASES)
def test_it_ends_in_a_report(line: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, *line, "--quiet", "--fail-on", "never", "--format", "plain")
    assert (outcome.code, outcome.err) == (0, "")
    assert words in outcome.out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("short", "data.target: has 50 entries, and there are 60 samples in short.npz"),
        ("one", "data.target: there is one class only, so there is nothing to tell apart"),
    ],
)
def test_files_that_cannot_be_learned_from(name: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "check", "--set", f"data.name=npz,data.path={name}.npz")
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
