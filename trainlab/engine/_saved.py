"""Weights that somebody has saved, or written down, in place of those that a network would start from."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainlab import targets
from trainlab.errors import Problem, UserError, find_nearest

KEY = "weights"
HOLDERS = ("state_dict", "model_state_dict", "model", "weights", "net")
"""Where a checkpoint that holds more than weights keeps them."""

WRAPPERS = ("module.", "_orig_mod.", "model.")
"""What DistributedDataParallel, torch.compile and the modules of frameworks put before every name."""

FEW = 4  # problems that are told one by one


def note_file(given: str | tuple[float, ...] | None) -> str:
    """What tells a file from the one that lay there before; of anything else, nothing."""
    if not isinstance(given, str):
        return ""
    path = _find(given)
    seen = os.stat(path)
    return f"{path} {seen.st_mtime_ns} {seen.st_size}"


def load_weights(model: nn.Module, given: str | tuple[float, ...]) -> None:
    """Give a network other weights, and, where a file has them, other running statistics.

    Args:
        model: changed in place.
        given: a file that `torch.save` wrote, of a `state_dict()` or of a mapping with one in it; it is read with
            `weights_only=True`, so nothing in it is run. Or the trained parameters, one after the other.

    Raises:
        UserError: the file cannot be read, or does not fit; both shapes and the layer are told.
    """
    if isinstance(given, str):
        _copy(model, _unwrap(_read(_find(given), given), model), given)
    else:
        _lay_in(model, given)


def _find(given: str) -> Path:
    return targets.find_file(given, KEY, given, Path(given).suffix)


def _read(path: Path, given: str) -> Mapping[str, Any]:
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror or error}", key=KEY, value=given) from None
    except Exception as error:  # torch and pickle raise many kinds; all of them say that this is no file of weights alone
        reason = "" if isinstance(error, pickle.UnpicklingError) else f": {type(error).__name__}: {error}".partition("\n")[0][:120]
        message = f"is no file of weights alone, as `torch.save(model.state_dict(), file)` writes it{reason}"
        raise UserError(message, key=KEY, value=given) from None
    if isinstance(held, Mapping):
        inner = next((held[name] for name in HOLDERS if isinstance(held.get(name), Mapping)), held)
        if inner and all(isinstance(name, str) and isinstance(each, Tensor) for name, each in inner.items()):
            return inner
    raise UserError("holds no mapping from names to tensors, as `model.state_dict()` is one", key=KEY, value=given)


def _unwrap(saved: Mapping[str, Tensor], model: nn.Module) -> Mapping[str, Tensor]:
    """The same under the names that the network has, where a wrapper has changed them all."""
    names = set(model.state_dict())
    return max(_spell(saved), key=lambda each: len(names & each.keys()))


def _spell(saved: Mapping[str, Tensor]) -> Iterator[Mapping[str, Tensor]]:
    """As they are, without a wrapper's prefix, and with that of our own networks."""
    yield saved
    bare = saved
    while prefix := next((each for each in WRAPPERS if all(name.startswith(each) for name in bare)), None):
        bare = {name.removeprefix(prefix): tensor for name, tensor in bare.items()}
        yield bare
    yield {f"model.{name}": tensor for name, tensor in bare.items()}


def _copy(model: nn.Module, saved: Mapping[str, Tensor], given: str) -> None:
    own = model.state_dict()
    problems = [
        f"{name} is {list(saved[name].shape)} there and {list(tensor.shape)} in this network"
        for name, tensor in own.items()
        if name in saved and saved[name].shape != tensor.shape
    ]
    for name in own.keys() - saved.keys():
        near = find_nearest(name, [each for each in saved if each not in own])
        problems.append(f"{name} {list(own[name].shape)} is missing" + (f"; is it {near}?" if near else ""))
    more = saved.keys() - own.keys()
    problems += [f"{name} {list(saved[name].shape)} is there, and this network has no such parameter" for name in more]
    if problems:
        told = sorted(problems)
        told = told if len(told) <= FEW else [*told[:FEW], f"{len(told) - FEW} more of these"]
        raise UserError([Problem(message=f"does not fit: {each}", key=KEY, value=given) for each in told])
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(saved[name])


def _lay_in(model: nn.Module, numbers: tuple[float, ...]) -> None:
    trained = {name: each for name, each in model.named_parameters() if each.requires_grad}
    wanted = sum(each.numel() for each in trained.values())
    if len(numbers) != wanted:
        shapes = ", ".join(f"{name} {list(each.shape)}" for name, each in list(trained.items())[:FEW])
        raise UserError(f"lists {len(numbers)} numbers, and this network has {wanted} trained weights: {shapes}", key=KEY)
    parts = torch.split(torch.tensor(numbers, dtype=torch.float64), [each.numel() for each in trained.values()])
    with torch.no_grad():
        for each, part in zip(trained.values(), parts, strict=True):
            each.copy_(part.view(each.shape))
