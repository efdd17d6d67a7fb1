"""An optimizer of the calling program as the `optimizer` section of a config."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainlab import targets
from trainlab.config import validate
from trainlab.config.optimizer import SGD, AdaGrad, Adam, NAdam, RAdam, RMSProp
from trainlab.errors import UserError

KINDS: dict[type[Optimizer], tuple[str, type[Any]]] = {
    torch.optim.SGD: ("sgd", SGD),
    torch.optim.Adagrad: ("adagrad", AdaGrad),
    torch.optim.RMSprop: ("rmsprop", RMSProp),
    torch.optim.Adam: ("adam", Adam),
    torch.optim.AdamW: ("adamw", Adam),
    torch.optim.NAdam: ("nadam", NAdam),
    torch.optim.RAdam: ("radam", RAdam),
}
"""Those that trainlab computes itself, for many runs at once, and whose settings remedies can change."""
OF_NO_EFFECT = ("params", "foreach", "fused", "capturable", "differentiable", "initial_lr")
Make = Callable[..., Optimizer]


def describe_optimizer(given: Any, model: Any, target: str) -> tuple[dict[str, Any], Make | None]:
    """The section, and what its target is, where it has one.

    Args:
        given: a name, a section, an optimizer, or what makes one of parameters.
        model: whose parameters an optimizer steps that exists already.
        target: what to call what makes it.

    Raises:
        UserError: it is none of these, or fails.
    """
    if isinstance(given, str):
        return {"name": given}, None
    if isinstance(given, Mapping):
        return dict(given), None
    if isinstance(given, Optimizer):
        places = _find_places(given, model)
        whole = len(places) == 1 and len(places[0]) == _count_trained(model)
        return _describe(given, whole=whole, make=_make_again(given, places), target=target)
    if not callable(given):
        kind = type(given).__name__
        raise UserError(
            f"must be a name, a mapping, a torch.optim.Optimizer, its class, or a function that returns one, not a {kind}",
            key="optimizer",
        )
    trial = [nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.zeros(2))]
    made = targets.call(given, {}, "optimizer", target, trial)
    if not isinstance(made, Optimizer):
        raise UserError(f"must give a torch.optim.Optimizer, and gives a {type(made).__name__}", key="optimizer")
    held = [id(each) for group in made.param_groups for each in group["params"]]
    if not {id(each) for each in trial} & set(held):
        raise UserError(
            "must step the parameters that it is called with, and has others: give the optimizer itself", key="optimizer"
        )
    whole = len(made.param_groups) == 1 and len(held) == len(trial)
    return _describe(made, whole=whole, make=_follow_rate(given, made), target=target)


def _describe(optimizer: Optimizer, *, whole: bool, make: Make, target: str) -> tuple[dict[str, Any], Make | None]:
    section = _name(optimizer) if whole else None
    if section is not None:
        return section, None
    return {"name": "python", "target": target, "lr": float(optimizer.param_groups[0]["lr"])}, make


def _name(optimizer: Optimizer) -> dict[str, Any] | None:
    """The section of an optimizer that trainlab computes itself; None for any other, or where a setting has no key."""
    if type(optimizer) not in KINDS:
        return None
    name, kind = KINDS[type(optimizer)]
    section: dict[str, Any] = {"name": name}
    known = {each.name for each in dataclasses.fields(kind)}
    for key, value in optimizer.param_groups[0].items():
        if key in known:
            plain = value.item() if isinstance(value, Tensor) else value
            section[key] = list(plain) if isinstance(plain, tuple) else plain
        elif key not in OF_NO_EFFECT and value and not (key == "decoupled_weight_decay" and name == "adamw"):
            return None
    try:
        validate({"optimizer": section})
    except UserError:
        return None
    return section


def _count_trained(model: Any) -> int:
    return sum(each.requires_grad for each in model.parameters())


def _find_places(optimizer: Optimizer, model: Any) -> list[list[int]]:
    """Of each group, which of the model's trained parameters it has."""
    if not isinstance(model, nn.Module):
        raise UserError(
            "exists already, and so must the model that it steps: give that, or a class or function here", key="optimizer"
        )
    trained = [each for each in model.parameters() if each.requires_grad]
    place = {id(each): position for position, each in enumerate(trained)}
    places = [[place[id(each)] for each in group["params"] if id(each) in place] for group in optimizer.param_groups]
    if not any(places):
        raise UserError("steps no parameter of the model", key="optimizer")
    return [each for each in places if each] if len(places) == 1 else places


def _make_again(optimizer: Optimizer, places: list[list[int]]) -> Make:
    """Makes one of the same class, settings and groups on other parameters."""
    groups = [
        {key: value for key, value in group.items() if key not in ("params", "initial_lr")} for group in optimizer.param_groups
    ]
    signature = inspect.signature(type(optimizer))
    settings = {key: value for key, value in optimizer.defaults.items() if key in signature.parameters}

    def make(parameters: list[nn.Parameter]) -> Optimizer:
        parts = [{**group, "params": [parameters[each] for each in place]} for group, place in zip(groups, places, strict=True)]
        return type(optimizer)(parts, **settings)

    return _follow_rate(make, optimizer)


def _follow_rate(make: Make, like: Optimizer) -> Make:
    """Takes the rate that a config says, beside the groups' own; and a weight decay, where there is one."""
    base = float(like.param_groups[0]["lr"])

    def make_at(parameters: list[nn.Parameter], *, lr: float, weight_decay: float | None = None) -> Optimizer:
        optimizer = make(parameters)
        for group in optimizer.param_groups:
            group["lr"] = float(group["lr"]) * (lr / base) if base else lr
            if weight_decay is not None:
                group["weight_decay"] = weight_decay
        return optimizer

    return make_at
