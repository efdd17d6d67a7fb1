"""What is asked of the user's own network and loss before the first update, so that a fault is told and not met later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from trainlab import targets
from trainlab.config import Config
from trainlab.config.data import PythonData
from trainlab.config.loss import PythonLoss
from trainlab.config.model import PythonModel
from trainlab.config.optimizer import PythonOptimizer
from trainlab.data import Dataset, Task
from trainlab.engine._precision import cast, is_mixed
from trainlab.engine._random import fork_random, start_random
from trainlab.errors import Problem, UserError, collect
from trainlab.losses import Loss
from trainlab.models import find_calling
from trainlab.step import Batch


def list_targets(config: Config) -> dict[str, str]:
    """The targets of a config by the key of their section."""
    sections = {"model": config.model, "data": config.data, "loss": config.loss, "optimizer": config.optimizer}
    own = (PythonModel, PythonData, PythonLoss, PythonOptimizer)
    return {name: each.target for name, each in sections.items() if isinstance(each, own)}


def import_targets(config: Config) -> None:
    """Import them all, so that a module that draws random numbers on import draws the same in every process.

    Raises:
        UserError: with those that cannot be.
    """
    problems: list[Problem] = []
    with torch.random.fork_rng(devices=[]):
        for key, target in list_targets(config).items():
            torch.default_generator.manual_seed(0)
            with collect(problems):
                targets.find(target, f"{key}.target")
    if problems:
        raise UserError(problems)


class Steps:
    """The modules that a forward pass goes through: which is at work, and which have been."""

    def __init__(self) -> None:
        self.at: list[tuple[str, str, str]] = []
        self.done: list[str] = []
        self.last: Any = None


def _say_type(given: object) -> str:
    """The shapes of a tuple, which some modules take; else the type."""
    if isinstance(given, tuple | list) and given and all(isinstance(each, Tensor) for each in given):
        return " and ".join(str(list(each.shape)) for each in given)
    return "by name only" if given is None else f"a {type(given).__name__}"


@contextmanager
def follow(model: nn.Module) -> Iterator[Steps]:
    """Note name, kind and input of each module as it begins, and its end."""
    steps = Steps()
    names = {module: name for name, module in model.named_modules()}

    def begin(module: nn.Module, arguments: tuple[object, ...]) -> None:
        given = arguments[0] if arguments else None
        what = f"an input of shape {list(given.shape)}" if isinstance(given, Tensor) else f"an input that is {_say_type(given)}"
        steps.at.append((names[module], type(module).__name__, what))

    def end(module: nn.Module, _arguments: object, output: object) -> None:
        steps.at.pop()
        if not list(module.children()):
            name = names[module]
            steps.done = [*(each for each in steps.done if each != name), name]
            steps.last = output

    hooks = [module.register_forward_pre_hook(begin) for module in model.modules()]
    hooks += [module.register_forward_hook(end) for module in model.modules()]
    try:
        yield steps
    finally:
        for hook in hooks:
            hook.remove()


def list_kinds(model: nn.Module, inputs: Tensor) -> dict[str, str]:
    """Class of every leaf module, by name, in the order in which they are called; those that are not are left out.

    Where the network goes on after the last of them, it stands at the end itself, as `forward`.
    """
    with torch.no_grad(), fork_random(inputs.device), follow(model) as steps:
        model.eval()
        output = model(inputs)
    named = dict(model.named_modules())
    kinds = {name: type(named[name]).__name__ for name in steps.done}
    return kinds if steps.last is output else {**kinds, "forward": type(model).__name__}


def _find_key(target: str | None) -> str:
    """Where to look for what is wrong with a network."""
    return "model" if target is None else "model.target"


def explain_failure(error: Exception, steps: Steps, model: nn.Module, inputs: Tensor, target: str | None) -> UserError:
    """Why a forward pass has failed: the module that was at work, what it was given, the line of the user's code."""
    name, kind, what = steps.at[-1] if steps.at else ("", type(model).__name__, "an input")
    if not name:
        calling = find_calling(model)
        what = f"an input of shape {list(inputs.shape)}" if calling is None else calling.describe(len(inputs))
    line = None if target is None else targets.find_line(error)
    place = f", called in {line}" if line and name else f", in {line}" if line else ""
    reason = str(error).strip().partition("\n")[0]
    reason = reason if isinstance(error, RuntimeError | ValueError) else f"{type(error).__name__}: {reason}"
    return UserError(f"{f'{kind} {name}'.strip()} cannot take {what}{place}: {reason}", key=_find_key(target), value=target)


def try_update(model: nn.Module, loss: Loss, batch: Batch, config: Config) -> None:
    """Run one batch through the network in training mode, and back, twice from the same state; nothing of it stays.

    Raises:
        UserError: network or loss fail, no trained parameter reaches the loss, or the second time gives another loss.
    """
    target = getattr(config.model, "target", None)
    found = []
    for _ in range(2):
        parameters = {name: each.detach().clone().requires_grad_(each.requires_grad) for name, each in model.named_parameters()}
        state = {**parameters, **{name: each.clone() for name, each in model.named_buffers()}}
        with fork_random(batch.inputs.device), cast(config.train.precision, batch.inputs.device):
            start_random(0, batch.inputs.device).restore()
            model.train()
            with follow(model) as steps:
                try:
                    output: Tensor = functional_call(model, state, (batch.inputs.clone(),))
                except Exception as error:
                    raise explain_failure(error, steps, model, batch.inputs, target) from error
            value = measure_loss(loss, output, batch.target, config)
        trained = [each for each in parameters.values() if each.requires_grad]
        try:
            gradients = torch.autograd.grad(value, trained, allow_unused=True) if value.requires_grad else []
        except Exception as error:
            raise targets.explain(error, "the backward pass fails", _find_key(target), target) from error
        if all(each is None for each in gradients):
            raise UserError(
                "no parameter that is trained reaches the loss: is there a detach() or a no_grad()?",
                key=_find_key(target),
                value=target,
            )
        found.append(value.detach())
    if not torch.allclose(found[0], found[1], rtol=1e-2 if is_mixed(config.train.precision) else 1e-5, equal_nan=True):
        raise UserError(
            f"gives a loss of {float(found[0]):.6g}, and then of {float(found[1]):.6g}, on the same batch with the same weights: "
            "it keeps something that is neither parameter nor buffer, which one run would leave to the next, or draws random "
            "numbers that are not torch's",
            key=_find_key(target),
            value=target,
        )


def measure_loss(loss: Loss, output: Tensor, target: Tensor | None, config: Config) -> Tensor:
    """The loss of a batch.

    Raises:
        UserError: one of the user's own fails, or gives no number.
    """
    if not isinstance(config.loss, PythonLoss):
        return loss(output, target)
    name = config.loss.target
    try:
        value: Any = loss(output, target)
    except Exception as error:
        shapes = f"an output of shape {list(output.shape)}"
        shapes += "" if target is None else f" and a target of shape {list(target.shape)}"
        raise targets.explain(error, f"the loss cannot take {shapes},", "loss.target", name) from error
    if not isinstance(value, Tensor) or value.dim() or not value.is_floating_point():
        given = (
            f"a tensor of shape {list(value.shape)}, {value.dtype}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        )
        given += ": a loss that the network computes itself is not passed on, only what has a row for each sample" * (value is None)
        raise UserError(f"must give one number, the mean over the samples, and gives {given}", key="loss.target", value=name)
    return value


def find_task(dataset: Dataset, output: Tensor, loss: Loss, train: Batch) -> Task:
    """What a loss of the user's own is about, as far as output and target tell: classes, numbers, or `none`.

    Args:
        dataset: that the target belongs to.
        output: of its first samples.
        loss: of rows.
        train: the training part as the loss sees it.
    """
    target = dataset.train[1]
    if target is None or (dataset.goal is not None and not dataset.goal.is_tensor):
        return "none"
    if dataset.classes:
        fits = output.dim() == target.dim() + 1 and output.shape[-1] >= max(dataset.classes, 2)
        fits = fits and output.shape[1:-1] == target.shape[1:]
        return dataset.task if fits and _raises_target(loss, output, train.target) else "none"
    fits = output.shape[1:] == target.shape[1:]
    return dataset.task if fits and _rests_at_target(loss, output, train.target) else "none"


AGREE = 0.9  # of the places: a loss may leave some out, or smooth


def _raises_target(loss: Loss, output: Tensor, target: Tensor | None) -> bool:
    """Whether the loss wants more of the target's own output than of any other: not so where it compares with the next token."""
    assert target is not None
    seen = target[: len(output)]
    gradient = _differentiate(loss, output, seen)
    used = (gradient != 0).any(dim=-1)
    wanted = (gradient.argmin(dim=-1) == seen)[used]
    return bool(wanted.numel()) and float(wanted.float().mean()) >= AGREE


STILL = 1e-3  # of the gradient at the outputs


def _rests_at_target(loss: Loss, output: Tensor, target: Tensor | None) -> bool:
    """Whether the loss wants the outputs to be the target's numbers: not so where it makes shares of them first.

    Where it repeats both until they fit, it is asked of one sample.
    """
    assert target is not None
    seen = target[:1].to(output.dtype)
    (there, here) = (_differentiate(loss, rows, seen).abs().max() for rows in (seen.reshape(output[:1].shape), output[:1]))
    return bool(there <= STILL * here)


def _differentiate(loss: Loss, output: Tensor, target: Tensor) -> Tensor:
    with torch.enable_grad():
        rows = output.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(rows, target), rows)
    return gradient
