from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.remedies.proposing import propose_for
from trainlab.config.loss import PythonLoss
from trainlab.losses import LOSSES, load_loss
from trainlab.remedies.named_loss import NAMES


def make_loss(target: str, **args: Any) -> dict[str, Any]:
    return {"name": "python", "target": target, "args": args}


@pytest.mark.parametrize("target", ["torch.nn.functional:mse_loss", "torch.nn:MSELoss"])
def test_a_loss_of_torchs_by_its_name(target: str) -> None:
    assert propose_for("named-loss", "M008", loss=make_loss(target)) == [{"loss": "mse"}]


def test_what_is_more_than_that_is_left() -> None:
    assert propose_for("named-loss", "M008", loss=make_loss("torch.nn:MSELoss", reduction="sum")) == []
    assert propose_for("named-loss", "M008", loss=make_loss("tests.zoo.own:squared_error")) == []
    assert propose_for("named-loss", "M008", loss="mse") == []


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_same_loss(name: str) -> None:
    module = "torch.nn" if name[0].isupper() else "torch.nn.functional"
    own = load_loss(PythonLoss(name="python", target=f"{module}:{name}"), torch.device("cpu"), torch.float32)
    output, target = torch.rand(2, 50, 1, generator=torch.Generator().manual_seed(0))
    target = 3 * target if not NAMES[name].startswith("bce") else target.round()
    assert float(own(output, target)) == pytest.approx(float(LOSSES[NAMES[name]](output, target)), rel=1e-6)
