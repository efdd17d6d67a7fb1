"""Everything a run needs before its first update, checked."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from trainlab import data, losses, models, optimizers, targets
from trainlab.config import Config
from trainlab.config.data import PythonData, Source
from trainlab.config.loss import PythonLoss
from trainlab.config.model import PythonModel
from trainlab.config.optimizer import SGD, PythonOptimizer
from trainlab.config.regularize import Regularize
from trainlab.config.schedule import ConstantSchedule, PlateauSchedule
from trainlab.config.training import EarlyStopping, NoClip
from trainlab.data import Task
from trainlab.device import derive_seed
from trainlab.engine._own import explain_failure, find_task, follow, import_targets, list_kinds, list_targets, try_update
from trainlab.engine._precision import KEPT, cast, is_mixed
from trainlab.engine._saved import load_weights, note_file
from trainlab.errors import UserError
from trainlab.optimizers.python import try_out
from trainlab.step import Batch, Layout
from trainlab.structure import Structure, read_structure

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
        pool: the training part before it was drawn anew, or None.
        task: see `trainlab.report.Trace.task`.
        outputs: of the network.
        batch_size: samples a batch; all of them for the full batch.
        updates: updates in all.
        loss: what is minimised: a name, one with weights for the classes, or a function of the user's own.
        per_epoch: samples an epoch, those of the training part unless a DataLoader says otherwise.
        shuffle: each epoch has an order of its own.
        draw: what draws that order from a run's stream, where a DataLoader has a sampler of its own.
        kinds: class of every leaf module, by name.
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
    loss: str | losses.Loss
    per_epoch: int
    shuffle: bool
    draw: Callable[[torch.Generator], Tensor] | None
    kinds: dict[str, str]
    pool: Batch | None = None

    @property
    def samples(self) -> int:
        """Size of the training part."""
        return len(self.train.inputs)

    @property
    def is_own(self) -> bool:
        """Whether network or loss are the user's own, which may do anything."""
        return isinstance(self.config.model, PythonModel) or isinstance(self.loss, losses.OwnLoss)

    @property
    def batch_sizes(self) -> set[int]:
        """How many samples a batch has: the last one of an epoch may have fewer."""
        return {min(self.batch_size, self.per_epoch), self.per_epoch % self.batch_size or self.batch_size}

    @property
    def is_steered(self) -> bool:
        """Whether what becomes of it hangs on the validation loss of each epoch: when it stops, or its rate."""
        stops = self.config.train.early_stopping.patience is not None
        return self.validation is not None and (stops or isinstance(self.config.schedule, PlateauSchedule))

    @property
    def updates_per_epoch(self) -> int:
        """Updates an epoch, the last one possibly on fewer samples."""
        return math.ceil(math.ceil(self.per_epoch / self.batch_size) / self.config.train.accumulate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How another process makes a Work of the user's own code: what a class there is cannot be sent, how it is found can."""

    config: Config
    device: str
    origin: targets.Origin


def write_recipe(work: Work) -> Work | Recipe:
    """What to send to another process."""
    if not list_targets(work.config):
        return work
    return Recipe(config=work.config, device=str(work.train.inputs.device), origin=targets.note_origin())


def follow_recipe(sent: Work | Recipe) -> Work:
    """What has been sent, ready to train.

    Raises:
        UserError: a target cannot be found or fails here.
    """
    if isinstance(sent, Work):
        return sent
    targets.adopt_origin(sent.origin)
    return prepare(sent.config, torch.device(sent.device))


_prepared: dict[tuple[str, str], Work] = {}


def prepare(config: Config, device: torch.device) -> Work:
    """Load the data, build the network, and try one batch. Runs that start alike share all of it: a sweep starts thousands.

    Raises:
        UserError: config, data and network do not go together; the key says where.
    """
    if config.regularize.label_smoothing and config.loss not in SMOOTHED:
        raise UserError(f"needs classes and one of the losses {', '.join(SMOOTHED)}", key="regularize.label_smoothing")
    start = replace(
        config, optimizer=SGD(), schedule=ConstantSchedule(), clip=NoClip(), regularize=Regularize(), rules={}, vs=[], vary={}
    )
    start = replace(start, train=replace(config.train, early_stopping=EarlyStopping()))
    own = list_targets(config)
    named = f"{start!r} {targets.note_place()}" if own else repr(start)
    key = (named + note_file(config.weights), str(device))
    if key not in _prepared:
        if len(_prepared) >= CACHED:
            _prepared.clear()
        if own:
            import_targets(config)
        _prepared[key] = _prepare(config, device)
    work = _prepared[key]
    if isinstance(config.optimizer, PythonOptimizer):
        _try_optimizer(config, config.optimizer, work)
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


def find_batch_size(config: Config) -> int | None:
    """Samples a batch as the DataLoader of the user's own data says; None without one.

    Raises:
        UserError: the data cannot be had.
    """
    if not isinstance(config.data, PythonData):
        return None
    import_targets(config)
    loading = data.load(config.data, targets.note_place()).loading
    return None if loading is None else loading.batch_size


def forget_works() -> None:
    """Let go of what is kept of earlier runs."""
    _prepared.clear()


def _prepare(config: Config, device: torch.device) -> Work:
    dtype = KEPT[config.train.precision]
    if dtype == torch.float64 and device.type == "mps":
        raise UserError("MPS has no float64", key="train.precision", value="float64")
    dataset = data.load(config.data, targets.note_place() if isinstance(config.data, PythonData) else "").seen_as(
        models.find_view(config.model)
    )
    is_single = dataset.structure is None or dataset.structure.is_tensor
    if not (is_single or isinstance(config.model, PythonModel)):
        raise UserError("these data have several inputs a sample, which only a network of your own takes", key="model.kind")
    named = config.loss if isinstance(config.loss, str) else None
    losses.check_task(dataset.train[1], loss=named or "sum", task=dataset.task)
    outputs = losses.count_outputs(named or "sum", dataset.task, dataset.classes, dataset.targets)
    model = models.build(
        config.model,
        features=dataset.shape,
        outputs=outputs,
        seed=config.seed,
        tokens=dataset.tokens,
        every_step=dataset.every_step,
    ).to(device=device, dtype=dtype)
    samples, loading = len(dataset.train[0]), dataset.loading
    batch_size = min(config.train.batch_size or (samples if loading is None else loading.batch_size), samples)
    per_epoch = samples if loading is None else loading.count(samples, batch_size)
    if not per_epoch:
        raise UserError(
            f"leaves nothing of {samples} samples, the DataLoader dropping a batch that is not full", key="train.batch_size"
        )
    _check_batch_norm(config, model, per_epoch, batch_size)

    def place_inputs(inputs: Tensor) -> Tensor:
        return inputs.to(device=device, dtype=dtype if inputs.is_floating_point() else None)

    first = place_inputs(dataset.train[0][:batch_size])
    _adapt(model, config, dataset, first)
    with cast(config.train.precision, device):
        output = _try_one_batch(model, first, getattr(config.model, "target", None))
    if isinstance(config.model, PythonModel):
        models.adopt_dropouts(model, first)
    trainable = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not trainable:
        raise UserError("nothing is left to train", key="model.freeze" if config.model.freeze else "model")
    if is_mixed(config.train.precision):
        _try_training(model, first, config.train.precision)
    if named:
        _check_output(output, config, outputs, dataset.train[1] if dataset.every_step else None)

    def place(part: tuple[Tensor, Tensor | None]) -> Batch:
        target = part[1]
        if named:
            target = losses.shape_target(
                target, loss=named, task=dataset.task, outputs=output.shape[-1], classes=dataset.classes, dtype=dtype
            )
        elif target is not None and target.is_floating_point():
            target = target.to(dtype)
        return Batch(inputs=place_inputs(part[0]), target=None if target is None else target.to(device))

    train = place(dataset.train)
    loss: str | losses.Loss = named or ""
    if isinstance(config.loss, PythonLoss):
        loss = losses.OwnLoss(losses.load_loss(config.loss, device, dtype), *_tell_loss(model, output, dataset))
    if isinstance(config.data, Source) and config.data.class_weights is not None:
        loss = _weigh(named, config.data, dataset, output.shape[-1], train.inputs.device, dtype)
    kinds = {name: type(module).__name__ for name, module in model.named_modules() if not list(module.children())}
    if isinstance(config.model, PythonModel) or not named:
        trial = Batch(inputs=first, target=None if train.target is None else train.target[:batch_size])
        try_update(model, losses.find_loss(loss), trial, config)
    if isinstance(config.model, PythonModel):
        kinds = list_kinds(model, first)
    updates = config.train.epochs * math.ceil(math.ceil(per_epoch / batch_size) / config.train.accumulate)
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
        pool=place(dataset.pool) if dataset.pool else None,
        task=dataset.task if named else find_task(dataset, output, losses.find_loss(loss), train),
        outputs=output.shape[-1],
        batch_size=batch_size,
        updates=updates if config.train.updates is None else min(updates, config.train.updates),
        loss=loss,
        per_epoch=per_epoch,
        shuffle=config.train.shuffle if loading is None else loading.shuffle,
        draw=None if loading is None or loading.sampler is None else loading.draw,
        kinds=kinds,
    )


def _adapt(model: nn.Module, config: Config, dataset: data.Dataset, first: Tensor) -> None:
    """Let a network of the user's own be called with rows, `first` being some; give any network the weights that were saved."""
    spec = config.model
    if isinstance(spec, PythonModel):
        models.adapt(model, dataset.structure or read_structure(dataset.train[0]), spec.target)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(derive_seed(config.seed, "lazy weights"))
            models.wake_lazy_modules(model, first)
    if config.weights is not None:
        load_weights(model, config.weights)


def _weigh(
    loss: str | None, spec: Source, dataset: data.Dataset, outputs: int, device: torch.device, dtype: torch.dtype
) -> losses.WeightedLoss:
    """The loss with the weights of `data.class_weights`; outputs beyond the classes, which an own network may have, weigh 1.

    Raises:
        UserError: the loss knows no classes.
    """
    if loss is None or loss == "sum":
        which = "the loss sum reads no classes" if loss else "a loss of your own weighs its classes itself"
        raise UserError(f"must be left out: {which}", key="data.class_weights")
    given, classes = spec.class_weights, dataset.classes
    assert dataset.train[1] is not None
    known = losses.balance(dataset.train[1], classes) if given == "balanced" else torch.tensor(given, dtype=torch.float64)
    weights = torch.ones(max(classes, outputs), dtype=torch.float64)
    weights[:classes] = known
    return losses.WeightedLoss(name=loss, weights=weights.to(device=device, dtype=dtype))


def _tell_loss(model: nn.Module, output: Tensor, dataset: data.Dataset) -> tuple[Structure, Structure | None]:
    """What a loss of the user's own is to see: output and target as they were before they became rows."""
    calling, target = models.find_calling(model), dataset.train[1]
    returned = calling.returned if calling is not None else None
    goal = dataset.goal or (None if target is None else read_structure(target))
    return returned or read_structure(output), goal


_tried: set[str] = set()


def _try_optimizer(config: Config, spec: PythonOptimizer, work: Work) -> None:
    """Take one step with an optimizer of the user's own, once for all rates.

    Raises:
        UserError: it fails, or does not go with another setting.
    """
    if config.train.precision == "fp16":
        raise UserError(
            "must not be fp16 with an optimizer of your own, whose memory a skipped update would have to restore",
            key="train.precision",
        )
    if config.regularize.l1:
        raise UserError(
            "needs to know how far the optimizer moves a weight, which one of your own does not tell", key="regularize.l1"
        )
    key = f"{replace(spec, lr=0.0)!r} {work.layout.shapes} {targets.note_place()}"
    if key not in _tried:
        like = torch.cat([each.detach().reshape(1, -1) for each in work.model.parameters() if each.requires_grad], dim=1)
        try_out(spec, like, work.layout)
        _tried.add(key)


def _check_batch_norm(config: Config, model: nn.Module, samples: int, batch_size: int) -> None:
    if not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules()):
        return
    last = samples % batch_size or batch_size
    if min(batch_size, last) == 1:
        which = "every batch has" if batch_size == 1 else f"the last batch of {samples} samples has"
        place = {"key": "model.norm", "value": "batch"} if hasattr(config.model, "norm") else {"key": "train.batch_size"}
        raise UserError(f"batch norm cannot train on one sample, and {which} only one", **place)


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
    key = {"layers": "model.modules", "python": "model.target"}.get(config.model.kind, "model.outputs")
    wanted = "[sample, output]" if steps is None else f"[sample, {steps.shape[1]} steps, output]"
    if output.dim() != (2 if steps is None else 3) or (steps is not None and output.shape[1] != steps.shape[1]):
        advice = {"model.modules": ": end it with Flatten" if steps is None else ""}.get(key, "")
        raise UserError(
            f"the loss {config.loss} needs {wanted}, but the network gives {list(output.shape)}{advice}",
            key="model.read" if hasattr(config.model, "read") else key,
        )
    if config.model.kind == "python" and config.loss == "cross_entropy" and outputs and output.dim() == (2 if steps is None else 3):
        if output.shape[-1] < outputs:
            raise UserError(
                f"the target holds class {outputs - 1}, and the network has {output.shape[-1]} outputs: classes are numbers from 0 "
                "to one below that",
                key=key,
                value=config.model.target,
            )
        return  # more outputs than classes are no fault
    if outputs and output.shape[-1] != outputs:
        raise UserError(
            f"the number of outputs must be {outputs} for these data and the loss {config.loss}; it is {output.shape[-1]}", key=key
        )
    if config.loss == "bce" and bool(((output < 0) | (output > 1)).any()):
        raise UserError(
            "bce needs outputs between 0 and 1: end the network with a sigmoid, or use bce_logits", key="loss", value="bce"
        )


def _try_one_batch(model: nn.Module, inputs: Tensor, target: str | None = None) -> Tensor:
    """Run one batch through the network.

    Args:
        model: the network.
        inputs: `[sample, ...]`.
        target: what makes a network of the user's own.

    Raises:
        UserError: a module refuses what the one before it gives, both shapes are shown; or writes over its input, which runs share.
    """
    trial, key = inputs.clone(), "model" if target is None else "model.target"
    with follow(model) as steps:
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                model.eval()  # the batch only tests shapes: running statistics must not move
                output: Tensor = model(trial)
        except Exception as error:  # torch raises many kinds; all of them say that the network and the data do not fit
            raise explain_failure(error, steps, model, inputs, target) from error
    if not isinstance(output, Tensor) or output.dim() < 2 or len(output) != len(inputs):
        given = f"{list(output.shape)}" if isinstance(output, Tensor) and output.dim() else f"a {type(output).__name__}"
        given = "one number" if isinstance(output, Tensor) and not output.dim() else given
        raise UserError(
            f"the network must give one row a sample, but gives {given} for {list(inputs.shape)}", key=key, value=target
        )
    if not output.is_floating_point():
        raise UserError(f"the network must give numbers that have a gradient, but gives {output.dtype}", key=key, value=target)
    if trial._version:
        raise UserError("the network overwrites its own inputs: its first module must not work in place", key=key, value=target)
    return output
