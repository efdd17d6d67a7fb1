"""From objects of the calling program to the values of a config, whose targets name what is lent."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import nn
from torch.utils.data import DataLoader, Dataset, RandomSampler, SequentialSampler, SubsetRandomSampler

from trainlab import engine, targets
from trainlab.api._optimizer import describe_optimizer
from trainlab.config import Config
from trainlab.config.data import PythonData
from trainlab.device import derive_seed
from trainlab.errors import UserError

PLACE = "given:"  # before the names of lent objects; no module can be meant, as they are looked for first
BATCH = 32
TEST_FRACTION = 0.2


def describe(
    model: Any,
    data: Any,
    loss: Any,
    optimizer: Any,
    *,
    epochs: int,
    batch_size: int | None,
    test_fraction: float | None,
    seed: int,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a config says of them.

    Returns:
        values: of the config, as `trainlab.config.validate` takes them.
        lent: the objects by target.

    Raises:
        UserError: a module cannot be copied, or no optimizer is given.
    """
    lent = {f"{PLACE}model": _take_model(model)}
    lent[f"{PLACE}data"], data = _take_data(data)
    section, made = describe_optimizer(optimizer, model, f"{PLACE}optimizer")
    if made is not None:
        lent[f"{PLACE}optimizer"] = made
    if not isinstance(loss, str):
        lent[f"{PLACE}loss"] = copy.deepcopy(loss) if isinstance(loss, nn.Module) else loss
    sizes = {} if batch_size is None and _is_loader(data) else {"batch_size": batch_size or BATCH}
    share = (0.0 if _has_sampler(data) else TEST_FRACTION) if test_fraction is None else test_fraction
    values = {
        "seed": seed,
        "model": {"kind": "python", "target": f"{PLACE}model"},
        "data": {"name": "python", "target": f"{PLACE}data", "test_fraction": share},
        "loss": loss if isinstance(loss, str) else {"name": "python", "target": f"{PLACE}loss"},
        "optimizer": section,
        "train": {"epochs": epochs, **sizes},
    }
    return values, lent


def _take_model(model: Any) -> Any:
    """A module as it is: each run copies it. What a function gives is copied here, since it may give the same each time."""
    if isinstance(model, nn.Module):
        try:
            copy.deepcopy(model)
        except Exception as error:
            what = "it cannot be copied, so give its class, or a function that builds it;"
            raise targets.explain(error, what, "model") from error
        return model
    if isinstance(model, type) or not callable(model):
        return model

    @functools.wraps(model)
    def build() -> Any:
        return copy.deepcopy(model())

    targets.check_call(model, {}, "model", f"{PLACE}model")
    return build


def _take_data(data: Any) -> tuple[Any, Any]:
    """What is lent, and the data themselves: a function is called once for the same arguments and seed, here and by the run."""
    if isinstance(data, Dataset) or not callable(data):
        return data, data
    made: dict[tuple[str, int], Any] = {}

    @functools.wraps(data)
    def load(**args: Any) -> Any:
        key = repr(args), torch.initial_seed()
        if key not in made:
            made[key] = data(**args)
        return made[key]

    seed = PythonData(target=f"{PLACE}data").seed
    torch.default_generator.manual_seed(derive_seed(seed, "python data"))
    try:
        return load, targets.call(load, {}, "data", f"{PLACE}data")
    except UserError:
        return load, None  # it may need arguments that a patch gives; else the run tells what is wrong


def _find_parts(data: Any) -> list[Any]:
    if isinstance(data, Mapping):
        return list(data.values())
    return list(data) if isinstance(data, tuple) else [data]


def _is_loader(data: Any) -> bool:
    return any(isinstance(each, DataLoader) for each in _find_parts(data))


def _has_sampler(data: Any) -> bool:
    """Whether it is a loader that draws from all of its samples in its own way, so that none may be kept apart."""
    if not isinstance(data, DataLoader) or not isinstance(data.dataset, Dataset):
        return False
    sampler = data.sampler
    plain = type(sampler) is RandomSampler and not sampler.replacement
    return not (plain or type(sampler) in (SequentialSampler, SubsetRandomSampler))


def name_loss(config: Config, loss: Any, device: str) -> Config:
    """The config with the name of a loss of torch's that has one here, so that more rules know what it is.

    Only where the loss itself takes what the network gives and the target as it is, and the one of that name takes them too.
    """
    name = _find_name(loss)
    if name is None:
        return config
    place = engine.choose_device(device)
    engine.prepare(config, place)
    named = replace(config, loss=name)
    try:
        engine.prepare(named, place)
    except UserError:
        return config
    return named


def _find_name(loss: Callable[..., Any] | str) -> str | None:
    if loss in (F.cross_entropy, nn.CrossEntropyLoss):
        return "cross_entropy"
    if loss in (F.binary_cross_entropy_with_logits, nn.BCEWithLogitsLoss):
        return "bce_logits"
    if type(loss) is nn.CrossEntropyLoss:
        plain = loss.weight is None and loss.ignore_index == -100 and loss.reduction == "mean" and not loss.label_smoothing
        return "cross_entropy" if plain else None
    if type(loss) is nn.BCEWithLogitsLoss:
        return "bce_logits" if loss.weight is None and loss.pos_weight is None and loss.reduction == "mean" else None
    return None
