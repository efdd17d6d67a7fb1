"""What the source documents claim of one setting against another: the ready configs of `compare` show it. Seeds 0, 1 and 2."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.cli.running import find_table, report

Reached = dict[str, list[dict[str, Any]]]


def compare(capsys: pytest.CaptureFixture[str], name: str, *options: str) -> tuple[dict[str, Any], Reached]:
    """The report, and the metrics of each run by its name, one a seed."""
    document = report(capsys, "compare", f"compare-{name}", "--seeds", "3", *options)
    reached: Reached = {}
    for run in document["runs"]:
        reached.setdefault(run["name"], []).append(run["metrics"])
    return document, reached


def find(reached: Reached, name: str, metric: str = "test_accuracy") -> list[float]:
    return [each[metric] for each in reached[name]]


def within(values: list[float], low: float, high: float) -> bool:
    return all(low <= value <= high for value in values)


def test_without_a_non_linearity_the_network_is_linear(capsys: pytest.CaptureFixture[str]) -> None:
    document, reached = compare(capsys, "activations")
    assert within(find(reached, "model.activation=identity"), 0.4, 0.55)
    names = ("base", *(f"model.activation={each}" for each in ("sigmoid", "tanh", "gelu")))
    assert all(within(find(reached, name), 0.85, 1.0) for name in names)
    assert "identity is worse" in document["answer"]["text"]


def test_an_initialiser_belongs_to_an_activation(capsys: pytest.CaptureFixture[str]) -> None:
    document, _ = compare(capsys, "initialisers")
    rows = {(row["activation"], row["init"]): row for row in find_table(document, "depth")}
    forward = {cell: row["variance last/first"] for cell, row in rows.items()}
    assert 0.1 < forward["relu", "he_normal"] < 1.5
    assert forward["relu", "xavier_normal"] < 0.01 * forward["relu", "he_normal"]  # 2^-8 or so: half of it lost in every layer
    assert 0.5 < forward["selu", "lecun_normal"] < 2
    assert 0.02 < forward["tanh", "xavier_normal"] < 0.3
    assert forward["sigmoid", "xavier_normal"] < 1e-8  # no initialiser of these keeps a sigmoid's signal
    assert rows["sigmoid", "xavier_normal"]["weight gradient first/last"] < 1e-3
    assert rows["tanh", "normal std 1.0"]["weight gradient first/last"] > 30  # saturated, and the gradient explodes on its way back
    kept = {cell: (row["forward a layer"], row["backward a layer"]) for cell, row in rows.items()}
    assert kept["relu", "he_normal"] == pytest.approx((1, 1), abs=0.1)
    assert kept["relu", "xavier_normal"] == pytest.approx((0.5, 0.5), abs=0.05)  # half of the units are silent, either way
    assert kept["relu", "normal std 1.0"] == pytest.approx((32, 32), rel=0.1)  # half the width
    assert kept["selu", "lecun_normal"] == pytest.approx((1, 1.1), abs=0.1)
    assert kept["sigmoid", "xavier_normal"][1] == pytest.approx(0.25**2, rel=0.2)  # the slope at 0, squared
    assert kept["sigmoid", "xavier_normal"][0] > 0.8  # most of it the mean of 0.5
    assert kept["tanh", "normal std 1.0"] == pytest.approx((1, 4.6), rel=0.15)  # bounded forwards, not backwards
    grid = {row["activation"]: row for row in find_table(document, "grid")}
    assert grid["relu"]["he_normal"] > grid["relu"]["xavier_normal"] + 0.3
    assert grid["sigmoid"]["xavier_normal"] < 0.15
    assert grid["selu"]["lecun_normal"] > 0.9


def test_a_bad_start_needs_more_updates_or_never_gets_away(capsys: pytest.CaptureFixture[str]) -> None:
    document, reached = compare(capsys, "start", "--by", "updates", "--target", "0.5")
    rows = {row["init"]: row["updates to 0.5"] for row in find_table(document, "cells")}
    assert rows["he_normal"] < 0.75 * rows["xavier_normal"]
    assert (rows["normal std 0.01"], rows["zeros"]) == (None, None)
    assert find(reached, "model.init=zeros", "train_loss") == pytest.approx([2.302] * 3, abs=2e-3)
    assert document["answer"]["text"].startswith("Init he_normal is best: ")


def test_batch_norm_helps_and_its_momentum_must_not_be_too_small(capsys: pytest.CaptureFixture[str]) -> None:
    _, reached = compare(capsys, "batch-norm")
    plain, with_it = find(reached, "base"), find(reached, "model.norm=batch")
    assert all(one < other for one, other in zip(plain, with_it, strict=True))
    assert within(with_it, 0.96, 0.995)
    assert within(find(reached, "model.norm={name: batch,place: after}"), 0.96, 0.99)  # before or after: little difference
    assert within(find(reached, "model.input_norm=batch"), 0.88, 0.97)  # every layer, not only the input
    assert within(find(reached, "model.norm={name: batch,momentum: 0.001}"), 0.2, 0.9)  # the running statistics are left behind


def test_batch_norm_needs_a_batch(capsys: pytest.CaptureFixture[str]) -> None:
    document, _ = compare(capsys, "batch-norm-size", "--equal", "epochs")
    grid = {row["batch size"]: row for row in find_table(document, "grid")}
    assert grid["2"]["batch"] < grid["2"]["none"] - 0.15
    assert grid["16"]["batch"] > grid["16"]["none"] + 0.15


def test_residual_connections_start_what_would_not(capsys: pytest.CaptureFixture[str]) -> None:
    document, reached = compare(capsys, "residual")
    assert find(reached, "base", "train_loss") == pytest.approx([2.303] * 3, abs=2e-3)
    assert within(find(reached, "model.layers=24,model.residual=true", "train_loss"), 1.0, 2.0)
    depth = {(row["layers"], row["residual"]): row for row in find_table(document, "depth")}
    assert depth["24", "false"]["weight gradient first/last"] < 1e-6
    assert depth["24", "true"]["weight gradient first/last"] > 0.05
    assert "residual: true " in document["answer"]["text"]


def test_adaptive_steps_get_there_sooner_and_not_further(capsys: pytest.CaptureFixture[str]) -> None:
    document, _ = compare(capsys, "optimizers")
    column = next(each for each in find_table(document, "cells")[0] if each.startswith("updates to "))
    rows = {row["run"]: row[column] for row in find_table(document, "cells")}
    plain, momentum = rows["base"], rows["optimizer.name=sgd,optimizer.lr=0.02,optimizer.momentum=0.9"]
    assert rows["optimizer.name=rmsprop,optimizer.lr=0.003"] < momentum < plain
    assert rows["optimizer.name=nadam,optimizer.lr=0.003"] <= rows["optimizer.name=adam,optimizer.lr=0.003"]
    assert document["answer"]["values"]["best"] is None


def test_a_rate_that_falls_settles(capsys: pytest.CaptureFixture[str]) -> None:
    _, reached = compare(capsys, "schedules")
    lowest = min(find(reached, "base", "train_loss"))
    for name in ("power,scale: 2", "exponential,scale: 4", "piecewise,boundaries: [2,4],values: [1.0,0.3,0.1]"):
        assert max(find(reached, f"schedule={{name: {name}}}", "train_loss")) < lowest
    assert max(find(reached, "schedule=cosine", "train_loss")) < lowest
    assert find(reached, "schedule=plateau", "train_loss") == find(reached, "base", "train_loss")  # 6 epochs: none to wait for


def test_small_batches_win_by_the_number_of_their_updates(capsys: pytest.CaptureFixture[str]) -> None:
    document, reached = compare(capsys, "batch-size")
    names = ("train.batch_size=8", "base", "train.batch_size=128", "train.batch_size=full")
    epochs = [find(reached, name) for name in names]
    assert all(min(one) > max(other) for one, other in itertools.pairwise(epochs))
    equal = {row["batch size"]: row["test accuracy"] for row in find_table(document, "cells-equal-updates")}
    assert max(equal.values()) - min(equal.values()) < 0.02
    assert "; at equal updates (225) no clear winner (batch size " in document["answer"]["text"]


def test_the_squared_error_is_stuck_where_cross_entropy_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    document, reached = compare(capsys, "loss")
    large = "model.init={name: normal,std: 20.0}"
    assert all(within(find(reached, name), 0.98, 1.0) for name in ("base", "loss=mse,model.output=softmax", large))
    assert within(find(reached, f"{large},loss=mse,model.output=softmax"), 0.1, 0.8)
    rows = {row["run"]: row for row in find_table(document, "cells")}
    stuck = rows[f"{large},loss=mse,model.output=softmax"]
    assert stuck["train loss"] > 0.8 * stuck["loss at start"]  # start and end are hardly apart
    assert rows[large]["train loss"] < 0.01 < rows[large]["loss at start"] / 100


def test_features_on_one_scale(capsys: pytest.CaptureFixture[str]) -> None:
    _, reached = compare(capsys, "scaling")
    assert find(reached, "base") == pytest.approx([0.389] * 3, abs=0.001)
    assert within(find(reached, "data.standardize=true"), 0.94, 1.0)
    assert within(find(reached, "model.input_norm=batch"), 0.94, 1.0)
    assert within(find(reached, "optimizer.lr=0.0001"), 0.3, 0.8)  # a rate that suits the largest starves the others


def test_deeper_is_not_easier(capsys: pytest.CaptureFixture[str]) -> None:
    _, reached = compare(capsys, "depth")
    assert max(find(reached, "model.layers=16")) < 0.4
    assert min(find(reached, "model.layers=4", "train_loss")) < min(find(reached, "model.layers=1", "train_loss"))


def test_wider_takes_fewer_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    document, _ = compare(capsys, "width", "--by", "updates", "--target", "0.1")
    rows = {row["width"]: row["updates to 0.1"] for row in find_table(document, "cells")}  # full batch: an update an epoch
    assert rows["10"] is None  # more than 150
    assert 50 <= rows["100"] <= 62
    assert 21 <= rows["1000"] <= 27
    assert document["answer"]["values"]["best"] == "model.width=1000"


def test_dropout_closes_the_gap_from_the_side_of_the_training_part(capsys: pytest.CaptureFixture[str]) -> None:
    document, reached = compare(capsys, "dropout")
    rows = {row["dropout"]: row for row in find_table(document, "cells")}
    assert [rows[rate]["gap"] for rate in ("0.0", "0.5", "0.8")] == sorted(
        [rows[r]["gap"] for r in ("0.0", "0.5", "0.8")], reverse=True
    )
    assert max(find(reached, "model.dropout=0.8", "train_accuracy")) < min(find(reached, "base", "train_accuracy")) - 0.04
    assert within(find(reached, "model.dropout=0.8"), 0.82, 0.89)


def test_one_batch_over_and_over_is_learned_by_heart(capsys: pytest.CaptureFixture[str]) -> None:
    document, reached = compare(capsys, "one-batch")
    assert within(find(reached, "data.fraction=0.0223", "train_loss"), 0.0, 0.05)
    assert within(find(reached, "data.fraction=0.0223"), 0.65, 0.75)
    assert within(find(reached, "base"), 0.94, 0.98)
    assert document["answer"]["text"].startswith("Base is best: ")
