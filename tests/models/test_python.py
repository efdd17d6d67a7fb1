"""Networks of the user's own that cannot be trained, and what is said of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.own.configs import NETS, SETS, make, own, prepare
from trainlab.errors import UserError


def refuse(values: dict[str, Any]) -> str:
    with pytest.raises(UserError) as caught:
        prepare(values)
    return str(caught.value)


def with_target(target: str) -> dict[str, Any]:
    values = make()
    return {**values, "model": {"kind": "python", "target": target}}


@pytest.mark.parametrize(
    ("net", "words"),
    [
        ("Perceptrn", f"has no Perceptrn (got {NETS}:Perceptrn); did you mean '{NETS}:Perceptron'?"),
        ("forgetful", "must give a torch.nn.Module, and gives a str"),
        ("nn", "not a module"),
        ("Mismatched", "Linear out cannot take an input of shape [32, 64], called in tests/own/nets.py:"),
        ("Mismatched", "mat1 and mat2 shapes cannot be multiplied (32x64 and 16x10)"),
        ("Raising", "Raising cannot take an input of shape [32, 64], in tests/own/nets.py:"),
        ("Raising", "KeyError: 'weights'"),
        ("Failing", "Failing(width) does not take these arguments: missing a required argument: 'width'"),
        ("Narrow", "the target holds class 9, and the network has 7 outputs"),
        ("Detached", "no parameter that is trained reaches the loss"),
        ("Remembering", "it keeps something that is neither parameter nor buffer"),
        ("Lossy", "the network must give one row a sample, but gives one number for [32, 64]"),
        ("Two", "Linear body cannot take an input of shape [32, 64]"),
        ("Reader", "Reader.forward(tokens, length, score) does not take what the data give: a tensor [64] a sample"),
    ],
)
def test_says_what_is_wrong(net: str, words: str) -> None:
    assert words in refuse(make(net))


def test_says_where_the_users_code_raises() -> None:
    told = refuse(make("Failing", args={"width": 3}))
    assert "Failing() fails in tests/own/nets.py:" in told
    assert "OSError: no weights file" in told


def test_says_which_argument_is_not_known() -> None:
    told = refuse(make(args={"wdth": 3}))
    assert "model.args: Perceptron(width=16, classes=10, dropout=0.0) does not take these arguments" in told
    assert "did you mean 'width'?" in told
    assert "this module exists already and takes no arguments" in refuse(make("ready", args={"width": 3}))


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("tests.own.nots:Perceptron", "there is no module tests.own.nots (got tests.own.nots:Perceptron); did you mean"),
        ("tests.own.net:Perceptron", "did you mean 'tests.own.nets:Perceptron'?"),
        ("tests/own/net.py:Perceptron", "did you mean 'tests/own/nets.py:Perceptron'?"),
        ("nowhere_at_all.nets:Net", "there is no module nowhere_at_all"),
    ],
)
def test_says_what_cannot_be_imported(target: str, words: str) -> None:
    assert words in refuse(with_target(target))


def test_a_mapping_that_does_not_fit_is_told_by_its_keys() -> None:
    told = refuse(make(data="Sentences"))
    assert "Linear hidden" in told or "Perceptron.forward(x)" in told or "Perceptron cannot take" in told


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (own("each"), "must give one number, the mean over the samples, and gives a tensor of shape [32]"),
        (own("likelihood"), "the loss cannot take an output of shape [32, 1] and a target of shape [32, 1], in tests/own/sets.py:"),
        (own("square", factr=2), "did you mean 'factor'?"),
        (own("Focal", gamma=1, alpha=2), "Focal(gamma=2.0) does not take these arguments"),
        ({"name": "python", "target": f"{SETS}:arays"}, "did you mean"),
    ],
)
def test_losses_say_what_is_wrong(loss: dict[str, Any], words: str) -> None:
    assert words in refuse(make("Squeezed", "diabetes", loss=loss))


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        ({**own("no_optimizer"), "lr": 0.1}, "must give a torch.optim.Optimizer, and gives a float"),
        ({"name": "python", "target": "torch.optim:LBFGS"}, "its step() needs a closure"),
        ({"name": "python", "target": "torch.optim:Adam", "args": {"beta": 1}}, "did you mean 'betas'?"),
        ({"name": "python", "target": "torch.optim:Adamaks"}, "did you mean 'torch.optim:Adamax'?"),
    ],
)
def test_optimizers_say_what_is_wrong(optimizer: dict[str, Any], words: str) -> None:
    assert words in refuse(make(optimizer=optimizer))


def test_an_optimizer_of_ones_own_does_not_go_with_what_needs_its_memory_or_its_step() -> None:
    adamax = {"name": "python", "target": "torch.optim:Adamax"}
    assert "regularize.l1" in refuse(make(optimizer=adamax, regularize={"l1": 0.1}))
    assert "train.precision" in refuse(make(optimizer=adamax, train={"precision": "fp16"}))
