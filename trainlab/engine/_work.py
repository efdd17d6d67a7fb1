"""Everything a run needs before its first update, checked."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from trainlab import data, losses, models, optimizers
from trainlab.config import Config
from trainlab.config.regularize import Regularize
from trainlab.config.training import SGD, ConstantSchedule, EarlyStopping, NoClip, PlateauSchedule
from trainlab.data import Task
from trainlab.engine._precision import KEPT, cast, is_mixed
from trainlab.errors import UserError
from trainlab.step import Batch, Layout

CACHED = 64  # structures kept prepared
SMOOTHED = ("bce", "bce_logits", "cross_entropy")  # losses that take a share of a class


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A run, ready to train.

    Attributes:
        config: of the run.
        model: the network with its initial weights, in the run's number format and on its device. Never trained itself.
        layout: how its trainable parameters lie in a row.
        train: the training part, `[sample, ...]`.
        validation: the part to choose by, or None.
        test: the test part, or None.
        task: see `trainlab.report.Trace.task`.
        outputs: of the network.
        batch_size: samples a batch; all of them for the full batch.
        updates: updates in all.
    """

    config: Config
    model: nn.Module
    layout: Layout
    train: Batch
    validation: Batch | None
    test: Batch | None
    task: Task
    outputs: int
    batch_size: int
    updates: int

    @property
    def samples(self) -> int:
        """Size of the training part."""
        return len(self.train.inputs)

    @property
    def batch_sizes(self) -> set[int]:
        """How many samples a batch has: the last one of an epoch may have fewer."""
        return {self.batch_size, self.samples % self.batch_size or self.batch_size}

    @property
    def is_steered(self) -> bool:
        """Whether what becomes of it hangs on the validation loss of each epoch: when it stops, or its rate."""
        stops = self.config.train.early_stopping.patience is not None
        return self.validation is not None and (stops or isinstance(self.config.schedule, PlateauSchedule))

    @property
    def updates_per_epoch(self) -> int:
        """Updates an epoch, the last one possibly on fewer samples."""
        return math.ceil(math.ceil(self.samples / self.batch_size) / self.config.train.accumulate)


_prepared: dict[tuple[str, str], Work] = {}


def prepare(config: Config, device: torch.device) -> Work:
    """Load the data, build the network, and try one batch. Runs that start alike share all of it: a sweep starts thousands.

    Raises:
        UserError: config, data and network do not go together; the key says where.
    """
    if config.regularize.label_smoothing and config.loss not in SMOOTHED:
        raise UserError(f"needs classes and one of the losses {', '.join(SMOOTHED)}", key="regularize.label_smoothing")
    start = replace(config, optimizer=SGD(), schedule=ConstantSchedule(), clip=NoClip(), regularize=Regularize(), rules={}, vs=[])
    start = replace(start, train=replace(config.train, early_stopping=EarlyStopping()))
    key = (repr(start), str(device))
    if key not in _prepared:
        if len(_prepared) >= CACHED:
            _prepared.clear()
        _prepared[key] = _prepare(config, device)
    work = _prepared[key]
    if not work.train.inputs.is_floating_point():
        for name in ("input_noise", "adversarial"):
            if getattr(config.regularize, name):
                raise UserError("needs numbers to move, and these inputs are tokens", key=f"regularize.{name}")
    for pattern in optimizers.list_unmatched(config.optimizer, work.layout):
        raise UserError("matches no parameter that trains", key="optimizer.groups", value=pattern, choices=work.layout.names[:8])
    if config.train.early_stopping.patience is not None and work.validation is None:
        remedy = (
            "set `data.validation_fraction`, to 0.2 for example"
            if hasattr(config.data, "validation_fraction")
            else "these data have none"
        )
        raise UserError(f"needs a validation part to judge by: {remedy}", key="train.early_stopping")
    return replace(work, config=config)


def _prepare(config: Config, device: torch.device) -> Work:
    dtype = KEPT[config.train.precision]
    if dtype == torch.float64 and device.type == "mps":
        raise UserError("MPS has no float64", key="train.precision", value="float64")
    dataset = data.load(config.data).seen_as(models.find_view(config.model))
    outputs = losses.count_outputs(config.loss, dataset.task, dataset.classes, dataset.targets)
    model = models.build(
        config.model,
        features=dataset.shape,
        outputs=outputs,
        seed=config.seed,
        tokens=dataset.tokens,
        every_step=dataset.every_step,
    ).to(device=device, dtype=dtype)
    samples = len(dataset.train[0])
    batch_size = min(config.train.batch_size or samples, samples)
    _check_batch_norm(model, samples, batch_size)

    def place_inputs(inputs: Tensor) -> Tensor:
        return inputs.to(device=device, dtype=dtype if inputs.is_floating_point() else None)

    with cast(config.train.precision, device):
        output = _try_one_batch(model, place_inputs(dataset.train[0][:batch_size]))
    if is_mixed(config.train.precision):
        _try_training(model, place_inputs(dataset.train[0][:batch_size]), config.train.precision)
    _check_output(output, config, outputs, dataset.train[1] if dataset.every_step else None)

    def place(part: tuple[Tensor, Tensor | None]) -> Batch:
        target = losses.shape_target(
            part[1], loss=config.loss, task=dataset.task, outputs=output.shape[-1], classes=dataset.classes, dtype=dtype
        )
        return Batch(inputs=place_inputs(part[0]), target=None if target is None else target.to(device))

    train = place(dataset.train)
    trainable = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not trainable:
        raise UserError("nothing is left to train", key="model.freeze" if config.model.freeze else "model")
    per_epoch = math.ceil(math.ceil(samples / batch_size) / config.train.accumulate)
    return Work(
        config=config,
        model=model,
        layout=Layout(
            names=tuple(trainable),
            shapes=tuple(parameter.shape for parameter in trainable.values()),
            sizes=tuple(parameter.numel() for parameter in trainable.values()),
        ),
        train=train,
        validation=place(dataset.validation) if dataset.validation else None,
        test=place(dataset.test) if dataset.test else None,
        task=dataset.task,
        outputs=output.shape[-1],
        batch_size=batch_size,
        updates=min(config.train.epochs * per_epoch, config.train.updates or math.inf),  # type: ignore[arg-type]  # inf is never the least
    )


def _check_batch_norm(model: nn.Module, samples: int, batch_size: int) -> None:
    if not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules()):
        return
    last = samples % batch_size or batch_size
    if min(batch_size, last) == 1:
        which = "every batch has" if batch_size == 1 else f"the last batch of {samples} samples has"
        raise UserError(f"batch norm cannot train on one sample, and {which} only one", key="model.norm", value="batch")


def _try_training(model: nn.Module, inputs: Tensor, precision: str) -> None:
    """Run one batch through a copy of the network and back.

    Raises:
        UserError: torch cannot do so in this number format on this device.
    """
    trial = copy.deepcopy(model).train()
    try:
        with torch.random.fork_rng(devices=[]):
            with cast(precision, inputs.device):
                output = trial(inputs)
            output.sum().backward()
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"torch cannot train this network in it here: {reason}", key="train.precision", value=precision) from error


def _check_output(output: Tensor, config: Config, outputs: int | None, steps: Tensor | None) -> None:
    """Whether the loss can take it; `sum` takes anything.

    Args:
        output: of one batch.
        config: of the run.
        outputs: what the loss needs; None if any number will do.
        steps: the target, if it has a value for every step.
    """
    if config.loss == "sum":
        return
    key = "model.modules" if config.model.kind == "layers" else "model.outputs"
    wanted = "[sample, output]" if steps is None else f"[sample, {steps.shape[1]} steps, output]"
    if output.dim() != (2 if steps is None else 3) or (steps is not None and output.shape[1] != steps.shape[1]):
        advice = {"model.modules": ": end it with Flatten" if steps is None else ""}.get(key, "")
        raise UserError(
            f"the loss {config.loss} needs {wanted}, but the network gives {list(output.shape)}{advice}",
            key="model.read" if hasattr(config.model, "read") else key,
        )
    if outputs and output.shape[-1] != outputs:
        raise UserError(
            f"the number of outputs must be {outputs} for these data and the loss {config.loss}; it is {output.shape[-1]}", key=key
        )
    if config.loss == "bce" and bool(((output < 0) | (output > 1)).any()):
        raise UserError(
            "bce needs outputs between 0 and 1: end the network with a sigmoid, or use bce_logits", key="loss", value="bce"
        )


def _try_one_batch(model: nn.Module, inputs: Tensor) -> Tensor:
    """Run one batch through the network.

    Raises:
        UserError: a module refuses what the one before it gives, both shapes are shown; or writes over its input, which runs share.
    """
    trial = inputs.clone()
    seen: list[tuple[str, str, str]] = []
    names = {module: name for name, module in model.named_modules()}

    def note(module: nn.Module, arguments: tuple[object, ...]) -> None:
        if not list(module.children()) and arguments:
            given = arguments[0]
            what = f"an input of shape {list(given.shape)}" if isinstance(given, Tensor) else f"a {type(given).__name__}"
            seen.append((names[module], type(module).__name__, what))

    hooks = [module.register_forward_pre_hook(note) for module in model.modules()]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            model.eval()  # the batch only tests shapes: running statistics must not move
            output: Tensor = model(trial)
    except Exception as error:  # torch raises many kinds; all of them say that the network and the data do not fit
        name, kind, what = seen[-1] if seen else ("", type(model).__name__, f"an input of shape {list(inputs.shape)}")
        reason = str(error).splitlines()[0]
        raise UserError(f"{kind} {name} cannot take {what}: {reason}", key="model") from error
    finally:
        for hook in hooks:
            hook.remove()
    if not isinstance(output, Tensor) or output.dim() < 2 or len(output) != len(inputs):
        given = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise UserError(f"the network must give one row a sample, but gives {given} for {list(inputs.shape)}", key="model")
    if trial._version:
        raise UserError("the network overwrites its own inputs: its first module must not work in place", key="model")
    return output
