"""The chain of 30 layers, and what options make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import carry_out, find_table, report


def read_norms(document: dict[str, Any], run: int = 0) -> list[float]:
    return [layer["grad_norm"] for layer in document["runs"][run]["layers"]]


def test_the_chain_of_sigmoids_vanishes(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "gradients")
    norms = read_norms(document)
    assert len(norms) == 30
    assert norms[0] == pytest.approx(2.999290e-20, rel=1e-4)
    assert norms[-1] == pytest.approx(0.148091, rel=1e-4)
    (finding,) = document["findings"]
    assert (finding["code"], finding["severity"], finding["where"]) == ("G001", "error", "model.48.weight")
    values = document["answer"]["values"]
    assert values["verdict"] == "vanishing"
    assert values["starts_at"] == "model.48.weight"
    assert (values["first"]["layer"], values["last"]["layer"]) == ("model.0.weight", "model.58.weight")
    assert document["answer"]["text"].startswith("Gradients vanish on the way to the input: each layer passes back 0.225")


def test_the_chain_of_relus_passes_every_gradient_on(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "gradients", "--act", "relu")
    assert read_norms(document) == [1.0] * 30
    assert document["findings"] == []
    assert document["answer"]["text"] == "The gradient reaches every layer: model.0.weight gets 1, model.58.weight gets 1."


def test_says_which_change_mends_it(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "gradients", "--vs", "model.activation=relu", "--vs", "model.residual=true")
    assert "Mended by model.activation=relu." in document["answer"]["text"]
    verdicts = {row["run"]: row["verdict"] for row in find_table(document, "arms")}
    assert verdicts == {"base": "vanishing", "model.activation=relu": "healthy", "model.residual=true": "no gradient"}


def test_a_change_that_cannot_run_is_skipped_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "gradients", "--vs", "model.norm=batch")
    assert {run["name"] for run in document["runs"]} == {"base"}
    assert document["skipped"] == [
        {
            "code": "run",
            "run": "model.norm=batch",
            "reason": "batch norm cannot train on one sample, and every batch has only one",
        }
    ]


def test_deep_networks_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "gradients", "gradients-deep")
    verdicts = {row["run"]: row["verdict"] for row in find_table(document, "arms")}
    assert verdicts.pop("base") == "vanishing"
    assert set(verdicts.values()) == {"healthy"}
    ratios = {row["run"]: row["first/last"] for row in find_table(document, "arms")}
    assert ratios["base"] < 1e-17
    assert 0.1 < ratios["model.norm=batch"] < 10


def test_steps_train_first_and_show_the_course(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "gradients", "--layers", "6", "--act", "tanh", "--steps", "100")
    assert document["runs"][0]["metrics"]["updates"] == 100
    rows = find_table(document, "layers")
    assert len(rows) == 6
    assert all(len(row["over the updates"]) == 100 for row in rows)


def test_steps_count_updates_also_where_an_epoch_has_several(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "gradients", "overfit", "--batch-size", "64", "--steps", "5")
    assert {run["metrics"]["updates"] for run in document["runs"]} == {5}


@pytest.mark.parametrize(
    ("modules", "answer"),
    [
        ("[{Linear: [4, 3]}]", "There is one weight layer, and the gradient reaches it"),
        ("[{Unflatten: [1, [1, 4]]}, {Conv1d: [1, 2, 3]}, Flatten, {Linear: [4, 3]}]", "The gradient reaches every layer"),
        ("[{Linear: [4, 8]}, {Dropout: [0.5]}, {Linear: [8, 3]}]", "The gradient reaches every layer"),
    ],
)
def test_any_row_of_modules(capsys: pytest.CaptureFixture[str], tmp_path: Path, modules: str, answer: str) -> None:
    config = tmp_path / "own.yaml"
    config.write_text(f"model: {{kind: layers, modules: {modules}}}\ndata: {{name: iris}}\nloss: cross_entropy\n")
    assert report(capsys, "gradients", str(config))["answer"]["text"].startswith(answer)


def test_frozen_layers_are_left_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = tmp_path / "own.yaml"
    config.write_text("model: {layers: 4, freeze: ['model.0.*']}\ndata: {name: iris}\nloss: cross_entropy\n")
    layers = [layer["name"] for layer in report(capsys, "gradients", str(config))["runs"][0]["layers"]]
    assert layers[0] == "model.2.weight"


def test_says_where_no_gradient_comes(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "gradients", "--set", "model.init.value=0")
    assert document["answer"]["text"].startswith("No gradient reaches 29 of 30 layers (model.0.weight .. model.56.weight)")
    assert document["answer"]["values"]["verdict"] == "no gradient"


def test_a_fault_of_single_layers_is_told_beside_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "gradients", "clip")
    assert outcome.answer.startswith("The gradient reaches every layer")
    assert "But the first loss is " in outcome.answer  # the dead units follow from it, and stand below
    assert "G003" in outcome.out


def test_seeds_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "gradients", "gradients-deep", "--seeds", "3", "--seed", "5")
    assert [run["seed"] for run in document["runs"][:3]] == [5, 6, 7]
    (finding,) = document["findings"]
    assert finding["seeds"] == {"held": 3, "of": 3}
    table = carry_out(capsys, "gradients", "gradients-deep", "--seeds", "3").out
    assert "(medians of 3 seeds)" in table
    assert "layers of base, seed 0, at update 1" in table
    assert "3 of 3 seeds" in table
