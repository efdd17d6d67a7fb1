from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainlab.watch._objective import read_objective

INPUTS = torch.randn(6, 3)
MODEL = nn.Linear(3, 1)
HEAD = nn.Linear(3, 4)
CLASSES = torch.tensor([0, 1, 2, 3, 0, 1])


def read(loss: Tensor) -> tuple[str, str, tuple[int, ...] | None, tuple[int, ...] | None] | None:
    found = read_objective(loss)
    return None if found is None else (found.loss, found.task, found.prediction, found.target)


@pytest.mark.parametrize(
    ("function", "name"), [(functional.mse_loss, "mse"), (functional.huber_loss, "huber"), (functional.smooth_l1_loss, "huber")]
)
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_shapes_as_the_script_gave_them(function: object, name: str) -> None:
    assert callable(function)
    assert read(function(MODEL(INPUTS), torch.zeros(6))) == (name, "regression", (6, 1), (6,))
    assert read(function(MODEL(INPUTS)[:, 0], torch.zeros(6, 1))) == (name, "regression", (6,), (6, 1))
    assert read(function(MODEL(INPUTS), torch.zeros(6, 1)) / 3 + 1) == (name, "regression", (6, 1), (6, 1))


@pytest.mark.parametrize("square", [lambda gap: gap**2, lambda gap: gap * gap, torch.square])
def test_a_squared_error_written_by_hand(square: object) -> None:
    assert callable(square)
    output = MODEL(INPUTS)
    assert read(square(output - torch.zeros(6)).mean()) == ("mse", "regression", (6, 1), (6,))
    assert read(square(torch.zeros(6) - output).mean()) == ("mse", "regression", (6, 1), (6,))
    assert read(square(output - torch.zeros(6, 1)).mean()) == ("mse", "regression", (6, 1), (6, 1))
    assert read(square(MODEL.bias - torch.zeros(6)).mean()) == ("mse", "regression", (6,), (6,)), "one number for all is meant"
    assert read((output - torch.zeros(6)).abs().mean()) == ("l1", "regression", (6, 1), (6,))


def test_losses_of_classes_and_what_stands_before_them() -> None:
    logits = HEAD(INPUTS)
    for output, squashing in ((logits, ""), (logits.softmax(1), "Softmax"), (logits.log_softmax(1), "")):
        found = read_objective(functional.cross_entropy(output, CLASSES))
        assert found is not None
        assert (found.loss, found.task, found.squashing) == ("cross_entropy", "multiclass", squashing)
    words = functional.nll_loss(HEAD(INPUTS.view(2, 3, 3)).log_softmax(2).view(-1, 4), CLASSES)
    assert read(words) == ("cross_entropy", "multiclass", None, None), "the network itself ends with a log_softmax"
    found = read_objective(functional.binary_cross_entropy_with_logits(MODEL(INPUTS).sigmoid().squeeze(1), torch.zeros(6)))
    assert found is not None
    assert (found.loss, found.squashing, found.prediction) == ("bce_logits", "Sigmoid", (6,))
    assert read(functional.binary_cross_entropy(MODEL(INPUTS).sigmoid(), torch.zeros(6, 1))) == ("bce", "binary", (6, 1), (6, 1))


def test_what_is_no_known_loss() -> None:
    assert read(MODEL(INPUTS).sum()) is None
    assert read((MODEL(INPUTS) * MODEL(INPUTS)).mean()) is None
    assert read(functional.nll_loss(HEAD(INPUTS).softmax(1).log(), CLASSES)) is None
    assert read(torch.zeros(())) is None
