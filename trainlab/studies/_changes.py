"""What a network that does not learn is tried with: fewer samples, labels without meaning, and one change after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from trainlab.config import Config, name_patch
from trainlab.config.activations import ACTIVATIONS
from trainlab.errors import UserError
from trainlab.plan import Arm
from trainlab.report import Trace
from trainlab.studies._arms import make_arm, shorten

Kind = Literal[
    "batch", "subset", "labels", "data", "loss", "model", "start", "rate", "optimizer", "penalty", "capacity", "contrast"
]

MENDS: tuple[Kind, ...] = ("data", "loss", "model", "penalty", "start", "rate", "optimizer", "capacity")
"""Kinds of change that may mend it, in the order in which causes are ruled out: what is taken away before what is added."""

FEW = 16  # samples of the tiny subset; two for each class where those are more
UPDATES = (200, 2000)  # fewest and most that a few samples are trained for; in between as many as the base
TIMES = (0.001, 0.1, 10.0, 100.0, 1000.0)  # the rate
LOWER = (0.0001, 0.001, 0.01, 0.1)  # the same where the base left the finite numbers: no higher rate would mend that
WIDER = 4
NUMBERS = ("mse", "l1", "huber")  # losses of numbers
MOMENTUM = {"optimizer.name": "sgd", "optimizer.momentum": 0.9}
MOMENTUM_RATES = (0.01, 0.1)  # of it where the config's optimizer is of the Adam family
ADAM_RATES = (0.001, 0.01)  # of Adam where it is another


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One more training beside the base.

    Attributes:
        kind: what it is for.
        what: it in short.
        arm: None where the config does not allow it.
        reason: why not.
        lowers: it lowers the rate.
    """

    kind: Kind
    what: str
    arm: Arm | None = None
    reason: str = ""
    lowers: bool = False


def list_trials(config: Config, base: Trace) -> list[Trial]:
    """Every trial of a base that was trained: those that look closer first, then those that may mend it, in order.

    Args:
        config: the base.
        base: its trace: how many samples and classes there are is not in the config.
    """
    found = [*_look(config, base), *_mend(config, base)]
    own = name_patch({})
    seen: set[str] = {own}
    kept = []
    for trial in found:
        name = trial.arm.name if trial.arm else ""
        if trial.arm is not None and (name in seen or trial.arm.config == config):
            continue
        seen |= {name} if name else set()
        kept.append(trial)
    return kept


def count_classes(trace: Trace) -> int:
    """Classes among the samples; 0 where numbers are predicted, 2 where their number is not known."""
    if trace.task in ("regression", "none"):
        return 0
    counted = len(trace.arrays.get("train-class-count", ()))
    return counted or (2 if trace.task == "binary" else max(2, trace.parameters[-1].shape[0] if trace.parameters else 2))


def _try(kind: Kind, what: str, config: Config, patch: Mapping[str, Any]) -> Trial:
    try:
        return Trial(kind=kind, what=what, arm=make_arm(config, patch))
    except UserError as error:
        return Trial(kind=kind, what=what, reason="; ".join(problem.message for problem in error.problems))


def _look(config: Config, base: Trace) -> Iterator[Trial]:
    samples, size = base.sizes["train"], config.train.batch_size
    few = max(FEW, 2 * len(base.arrays.get("train-class-count", ())))
    if size is not None and 2 <= size <= samples // 2:
        yield _try("batch", f"{size} samples", config, _take(config, base, size))
    else:
        each = f"each update sees {'one sample' if size == 1 else 'half of them or more'}"
        yield Trial(kind="batch", what="one batch", reason=f"{each}: see the tiny subset")
    few += few if few == size else 0
    if few <= samples // 2:
        yield _try("subset", f"{few} samples", config, _take(config, base, few))
    else:
        yield Trial(kind="subset", what="a tiny subset", reason=f"there are {samples} samples in all")
    yield _try("labels", "random labels", config, {"data.label_noise": _randomize(config, count_classes(base))})
    yield from _contrast(config, base)


def _take(config: Config, base: Trace, count: int) -> dict[str, Any]:
    """Learn `count` samples by heart: full batches, a constant rate, and nothing that keeps it from doing so."""
    fewest, most = UPDATES
    patch: dict[str, Any] = {
        "data.fraction": shorten(count / base.sizes["train"] * getattr(config.data, "fraction", 1.0), 6),
        "train.batch_size": None,
        "train.epochs": min(max(base.planned, fewest), most),
        "train.accumulate": 1,
        "train.updates": None,
        "train.early_stopping.patience": None,
        "schedule.name": "constant",
        "data.imbalance": 1.0,
        "data.bootstrap": None,
        **_relax(config),
    }
    return {key: value for key, value in patch.items() if _read(config, key) != value}


def _randomize(config: Config, classes: int) -> float:
    """The label noise that leaves nothing of the labels."""
    if config.data.name == "classification":
        return 0.999  # drawn from all classes, its own too
    return shorten((classes - 1) / classes, 4) if classes else 1.0


def _contrast(config: Config, base: Trace) -> Iterator[Trial]:
    """Cross-entropy against the squared error, on the same network."""
    if base.task not in ("binary", "multiclass"):
        return
    if config.loss == "cross_entropy":
        output = {} if _read(config, "model.output") in ("softmax", "sigmoid", None) else {"model.output": "softmax"}
        yield _try("contrast", "squared error", config, {"loss": "mse", **output})
    elif config.loss in ("bce", "bce_logits"):
        output = {} if config.loss == "bce" or _read(config, "model.output") is None else {"model.output": "sigmoid"}
        yield _try("contrast", "squared error", config, {"loss": "mse", **output})


def _mend(config: Config, base: Trace) -> Iterator[Trial]:
    yield from _mend_data(config)
    yield from _mend_loss(config, base)
    yield from _mend_start(config)
    yield from _mend_rate(config, base)
    yield from _mend_penalties(config)
    yield from _enlarge(config)


def _mend_data(config: Config) -> Iterator[Trial]:
    if _read(config, "data.standardize") is False and config.data.name not in ("chars", "copy"):
        yield _try("data", "scaled features", config, {"data.standardize": True})
    if not config.train.shuffle and config.train.batch_size is not None:
        yield _try("data", "shuffled batches", config, {"train.shuffle": True})


def _mend_loss(config: Config, base: Trace) -> Iterator[Trial]:
    output = _read(config, "model.output")
    free: dict[str, Any] = {} if output in (None, "none") else {"model.output": "none"}
    units: dict[str, Any] = {} if _read(config, "model.outputs") is None else {"model.outputs": None}
    if base.task in ("binary", "multiclass") and config.loss in NUMBERS:
        yield _try("loss", "cross-entropy", config, {"loss": "cross_entropy", **free, **units})
    elif config.loss == "bce" and output not in ("sigmoid", None):
        yield _try("loss", "a sigmoid in the loss", config, {"loss": "bce_logits", **free, **units})
    elif config.loss != "bce" and free:
        yield _try("loss", "no activation at the output", config, free)


def _mend_start(config: Config) -> Iterator[Trial]:
    if _read(config, "model.bias") is False:
        yield _try("model", "biases", config, {"model.bias": True})
    name, recurrent = _read(config, "model.init.name"), _read(config, "model.recurrent_init.name")
    beside = {} if recurrent in (None, "default", "orthogonal") else {"model.recurrent_init": {"name": "orthogonal"}}
    if name is not None and (name != "auto" or beside):
        yield _try("start", "init for the activation", config, {"model.init": {"name": "auto"}, **beside})
    if name not in (None, "auto", "default") or beside:
        yield _try("start", "torch's own init", config, {"model.init": {"name": "default"}, **beside})
    activation = _read(config, "model.activation")
    if activation is not None and ACTIVATIONS[activation].bounds is not None and config.model.kind in ("mlp", "cnn", "resnet"):
        yield _try("start", "ReLU", config, {"model.activation": "relu"})
    if _read(config, "model.norm.name") == "none" and config.model.kind in ("mlp", "cnn", "resnet", "transformer"):
        large = config.train.batch_size is None or config.train.batch_size >= FEW
        norm = "batch" if config.model.kind in ("cnn", "resnet") or (config.model.kind == "mlp" and large) else "layer"
        around = {"model.residual": True} if _read(config, "model.residual") is False else {}
        yield _try("start", f"{norm} norm{', shortcuts' if around else ''}", config, {"model.norm": norm, **around})


def _mend_rate(config: Config, base: Trace) -> Iterator[Trial]:
    rate = config.optimizer.lr
    if config.clip.mode != "none":
        yield _try("rate", "no clipping", config, {"clip.mode": "none"})
    for times in (LOWER if base.nonfinite else TIMES) if rate else ():
        trial = _try("rate", f"rate times {times:g}", config, {"optimizer.lr": shorten(rate * times, 3)})
        yield replace(trial, lowers=times < 1)
    if config.schedule.name == "constant":
        yield _try("rate", "rate lowered along a cosine", config, {"schedule.name": "cosine"})
    else:
        yield _try("rate", "constant rate", config, {"schedule": {"name": "constant"}})
    adaptive = config.optimizer.name in ("adam", "adamw", "nadam", "radam")
    for each in MOMENTUM_RATES if adaptive else ADAM_RATES:
        patch = MOMENTUM if adaptive else {"optimizer.name": "adam"}
        called = f"{'momentum' if adaptive else 'Adam'} at {each:g}"
        yield _try("optimizer", called, config, {**patch, "optimizer.lr": each})


def _mend_penalties(config: Config) -> Iterator[Trial]:
    penalties = _relax(config)
    if penalties:
        yield _try("penalty", "no penalties", config, penalties)


def _relax(config: Config) -> dict[str, Any]:
    """The patch that takes away every penalty, noise and dropout there is."""
    keys: Mapping[str, Any] = {
        "optimizer.weight_decay": 0.0,
        "regularize.l1": 0.0,
        "regularize.max_norm": None,
        "regularize.input_noise": 0.0,
        "regularize.weight_noise": 0.0,
        "regularize.label_smoothing": 0.0,
        "regularize.adversarial": 0.0,
        "model.dropout": 0.0,
        "model.input_dropout": 0.0,
    }
    return {key: off for key, off in keys.items() if _read(config, key) not in (off, None)}


def _enlarge(config: Config) -> Iterator[Trial]:
    model = config.model
    if model.kind in ("layers", "python"):
        what = (
            "a list of modules has no width to change" if model.kind == "layers" else "the size of your own network is in its code"
        )
        yield Trial(kind="capacity", what="a larger network", reason=what)
        return
    width, layers = _read(config, "model.width"), _read(config, "model.layers")
    wider = [WIDER * each for each in width] if isinstance(width, Sequence) else WIDER * width
    if layers > 1 or model.kind != "mlp":
        yield _try("capacity", f"{WIDER} times the width", config, {"model.width": wider})
    more = 2 * len(model.stages) if model.kind == "resnet" else 1
    patch: dict[str, Any] = {"model.layers": layers + more}
    if isinstance(width, Sequence) and model.kind != "resnet":
        patch["model.width"] = [*width, width[-1] if width else 32]
    yield _try("capacity", "one more layer" if more == 1 else f"{more} more layers", config, patch)


def _read(config: Config, key: str) -> Any:
    """The setting at a dotted key; None where this kind of section has none."""
    found: Any = config
    for part in key.split("."):
        found = getattr(found, part, None)
    return found
