"""What the source documents claim of remedies against overfitting, each trained next to the network without it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from cli.running import find_table, report
from engine.runs import spy, train
from pages.shown import says
from test_source_trainings import change

from trainlab.report import Trace
from trainlab.step import Evaluation


def read(traces: list[Trace], metric: str) -> list[float]:
    return [trace.metrics[metric] for trace in traces]


def test_a_network_too_complex_learns_the_noise_and_a_smaller_one_cannot() -> None:
    # "too complex, learns noise", "fewer layers (Occam)": width 2: train 0.89, test 0.835 to 0.855, against 1.0 and 0.81
    says("overfitting", "width 2 instead of 100 0.89 0.835–0.855", "none 1.0 0.805–0.82")
    large = train(*[change(seed) for seed in range(3)], probes=["accuracy"])
    narrow = train(*[change(seed, model={"width": 2}) for seed in range(3)], probes=["accuracy"])
    shallow = train(*[change(seed, model={"layers": 1}) for seed in range(3)], probes=["accuracy"])
    assert read(large, "train_accuracy") == [1.0] * 3
    assert read(narrow, "train_accuracy") == pytest.approx([0.89] * 3, abs=0.008)
    assert read(narrow, "test_accuracy") == pytest.approx([0.845] * 3, abs=0.016)
    assert max(read(shallow, "train_accuracy")) < 0.89
    assert min(*read(narrow, "test_accuracy"), *read(shallow, "test_accuracy")) > np.mean(read(large, "test_accuracy"))


def test_more_data_of_this_kind_bring_little() -> None:
    # "more data": a small gain there (0.785, 0.797, 0.80, 0.81), each with other samples; here none that could be told from chance
    says("data-augmentation", "100, 200, 400 and 800 of the samples test at 0.82, 0.81, 0.81 and 0.82 (means of five seeds)")
    says("overfitting", "100, 200, 400, 800 samples 1.0 0.82, 0.81, 0.81, 0.82")
    means = []
    for fraction, samples in ((0.125, 100), (0.25, 200), (0.5, 400), (1.0, 800)):
        traces = train(*[change(seed, data={"fraction": fraction}) for seed in range(3)], probes=["accuracy"])
        assert traces[0].sizes["train"] == samples
        assert read(traces, "train_accuracy") == [1.0] * 3
        means.append(float(np.mean(read(traces, "test_accuracy"))))
    assert means == pytest.approx([0.82, 0.81, 0.81, 0.82], abs=0.016)


def shake(evaluation: Evaluation) -> dict[str, torch.Tensor]:
    """Mean change of the logit, and share of the test samples that change sides, under noise of 0.1 on the inputs."""
    assert evaluation.test is not None
    noise = 0.1 * torch.randn(evaluation.test.inputs.shape, generator=torch.Generator().manual_seed(0))
    parts = [evaluation.test, replace(evaluation.test, inputs=evaluation.test.inputs + noise)]
    still, moved = (evaluation.predict(part).double() for part in parts)
    turned = ((still > 0) != (moved > 0)).double()
    return {"moved": (moved - still).abs().mean(dim=(1, 2)), "turned": turned.mean(dim=(1, 2))}


def test_small_weights_let_small_input_shifts_move_the_output_little(monkeypatch: pytest.MonkeyPatch) -> None:
    # "small weights: small input shifts move the output little"
    says("l2", "from 26.5 to 2.2", "moves the logit by 0.097 instead of 1.217, and turns 1.0 % of the predictions instead of 2.3 %")
    probes = ["weight-norm", spy(monkeypatch, evaluate=shake)]
    for decay, (length, moved, turned) in {0.0: (26.5, 1.217, 0.023), 0.04: (2.2, 0.097, 0.01)}.items():
        runs = [change(seed, model={"output": "none"}, optimizer={"weight_decay": decay}) for seed in range(2)]
        traces = train(*[{**run, "loss": "bce_logits"} for run in runs], probes=probes)  # the same training, and its logits
        lengths = [float(np.linalg.norm(trace.series["weight-norm"].values[-1])) for trace in traces]
        assert lengths == pytest.approx([length] * 2, rel=0.03)
        assert np.mean(read(traces, "moved")) == pytest.approx(moved, rel=0.1)
        assert np.mean(read(traces, "turned")) == pytest.approx(turned, abs=0.008)


STEADIER = {"input_noise": (0.3, 0.72), "weight_noise": (0.1, 1.03), "adversarial": (0.1, 1.03), "label_smoothing": (0.1, 0.54)}


def test_noise_and_an_adversary_make_it_less_sure_of_its_mistakes() -> None:
    # "input noise", "noise on weights", "adversarial training": against overfitting
    says("data-augmentation", "all make the network less sure of its mistakes")
    base = train(*[change(seed) for seed in range(2)], probes=["accuracy"])
    for name, (strength, most) in STEADIER.items():
        traces = train(*[{**change(seed), "regularize": {name: strength}} for seed in range(2)], probes=["accuracy"])
        assert max(read(traces, "test_loss")) < most < min(read(base, "test_loss")) - 0.15, name
        differences = np.subtract(read(traces, "test_accuracy"), read(base, "test_accuracy"))
        assert np.abs(differences).max() <= 0.04, name  # no more than chance: these features have no such symmetry


def test_shifted_copies_hide_what_the_pictures_share_by_chance() -> None:
    # "augmentation as cheap data", "shared traits of unimportant features vanish": few digits, where it does help
    says("data-augmentation", "break what is common by chance, and leave what is essential")
    digits = {"name": "digits", "standardize": True, "fraction": 0.1}
    values: dict[str, Any] = {
        "model": {"layers": 3, "width": 64},
        "loss": "cross_entropy",
        "optimizer": {"name": "adam", "lr": 0.003},
        "train": {"epochs": 30, "batch_size": 32},
    }
    shifted = {**digits, "augment": {"copies": 4, "shift": 1}}
    plain, moved = (
        train(*[{**values, "seed": seed, "data": data} for seed in range(3)], probes=["accuracy"]) for data in (digits, shifted)
    )
    assert read(plain, "train_accuracy") == read(moved, "train_accuracy") == [1.0] * 3
    gains = np.subtract(read(moved, "test_accuracy"), read(plain, "test_accuracy"))
    assert gains.min() > -0.01
    assert 0.01 < gains.mean() < 0.05


def test_shuffling_can_be_tried_as_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    # "shuffling against overfitting": one row next to the same network in the order of the file, and no difference
    says("shuffling", "That is said to work against overfitting, and makes no difference that 200 test samples could show")
    sizes = ("--epochs", "5", "--batch-size", "32", "--seeds", "2")
    document = report(capsys, "overfit", "--remedy", "shuffle", "--set", "train.shuffle=false", *sizes)
    base, shuffled = find_table(document, "remedies")
    assert (base["run"], shuffled["remedy"]) == ("base", "shuffle")
    assert shuffled["run"] == "train.shuffle=true"
    assert abs(shuffled["test"] - base["test"]) < 0.05
    assert shuffled["verdict"] == "no difference"


def test_batch_norm_is_no_remedy_here(capsys: pytest.CaptureFixture[str]) -> None:
    # "batch norm ties a batch's samples together: like augmentation"
    says("batch-norm", "Both are said to work against overfitting; in the network of `overfit` (see below) they do not.")
    document = report(capsys, "overfit", "--vs", "model.norm=batch", "--epochs", "50", "--seeds", "2")
    (comparison,) = document["comparisons"]
    assert comparison["verdict"] == "no-difference"
    assert abs(comparison["difference"]) < 0.03


def doubt(evaluation: Evaluation) -> dict[str, torch.Tensor]:
    """Of the test part: minus the mean log share of the right class, in one pass without dropout and in the mean of 20 with it."""
    part = evaluation.test
    assert part is not None
    assert part.target is not None
    passes = [evaluation.predict(part, stochastic=number).double().softmax(dim=-1) for number in range(20)]
    shares = {"at_rest": evaluation.predict(part).double().softmax(dim=-1), "averaged": torch.stack(passes).mean(dim=0)}
    index = part.target.expand(len(evaluation.flat), -1).unsqueeze(-1)
    return {name: -each.gather(-1, index).log().mean(dim=(1, 2)) for name, each in shares.items()}


def test_the_mean_of_many_passes_shows_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    # "one pass 0.99 sure, averaged 0.62": dropout stays on, the spread is larger where the answer is wrong, accuracy hardly moves
    says("dropout", "0.86 sure to 0.65, spread 0.35", "of wrong answers is 0.23 to 0.26, of right ones 0.04 to 0.05")
    says("dropout", "Accuracy hardly moves (0.967 and 0.969)", "no better (negative log 0.072 without, 0.083 with)")
    values: dict[str, Any] = {
        "model": {"layers": 3, "width": [100, 50], "dropout": 0.2},
        "data": {"name": "digits", "standardize": True},
        "loss": "cross_entropy",
        "optimizer": {"name": "adam", "lr": 0.001},
        "train": {"epochs": 20, "batch_size": 32},
    }
    (trace,) = train(values, probes=["accuracy", "mc-dropout", spy(monkeypatch, evaluate=doubt)])
    right, spread = trace.arrays["test-correct"] > 0, trace.arrays["mc-spread"]
    assert 0.21 < spread[~right].mean() < 0.29
    assert 0.03 < spread[right].mean() < 0.07
    lost = trace.arrays["rest-sure"] - trace.arrays["mc-sure"]
    assert 0.18 < lost.max() < 0.3
    assert 0.25 < spread[lost.argmax()] < 0.4
    assert abs(trace.metrics["mc_test_accuracy"] - trace.metrics["test_accuracy"]) < 0.01
    assert trace.metrics["at_rest"] == pytest.approx(0.072, abs=0.02)
    assert 1 < trace.metrics["averaged"] / trace.metrics["at_rest"] < 1.4
