"""The sections that say how a run is trained: `optimizer`, `schedule`, `clip`, `train`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator

from trainlab.config.types import (
    Args,
    BatchSize,
    Beta,
    Betas,
    Boundaries,
    Count,
    Factors,
    Flag,
    Groups,
    NonNegative,
    Positive,
    PositiveInt,
    ProperShare,
    Setting,
    Share,
    Short,
    Tagged,
    Target,
    UpToOne,
    refuse,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NamedLoss(Setting):
    """A loss by its name, which is all there is to say of it: `loss: mse`.

    Attributes:
        name: which.
    """

    name: Literal["sum", "mse", "l1", "huber", "bce", "bce_logits", "cross_entropy"] = "sum"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PythonLoss(Setting):
    """A loss of your own: `loss(output, target)`, a number, the mean over the samples.

    It is imported and run as the program that it is, and gets what the network returns and the target as the data have it.

    Attributes:
        target: `pkg.module:loss`, or a file, `./loss.py:Focal`, in the folder of this config or else in the working directory: a
            function, a class of modules, or a module.
        args: what a class is called with; what a function is given besides output and target.
    """

    name: Literal["python"]
    target: Target
    args: Args = field(default_factory=dict)

    def __str__(self) -> str:
        """As reports name it."""
        return self.target


def _shorten_loss(loss: NamedLoss | PythonLoss) -> str | PythonLoss:
    return loss.name if isinstance(loss, NamedLoss) else loss


if TYPE_CHECKING:
    Loss = str | PythonLoss
else:
    # Written as `loss: mse`, and kept so
    Loss = Annotated[NamedLoss | PythonLoss, Tagged("name", "sum"), AfterValidator(_shorten_loss)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WithRate(Setting):
    """What every optimizer has: a learning rate, which groups of parameters may take a share or a multiple of.

    Attributes:
        lr: learning rate.
        groups: parameters that train at a fixed multiple of the rate, whatever that is: `[{match: "model.0.*", lr_scale: 0.1}]`.
            `match` is a glob of names; the first group that matches counts.
    """

    name: str
    lr: NonNegative = 0.01
    groups: Groups = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SGD(WithRate):
    """Stochastic gradient descent; with `momentum` the speed is v = momentum v + g, with `nesterov` the step looks ahead.

    Under a constant gradient the speed goes to 1/(1 - momentum) times the gradient: 10 times at 0.9.

    `weight_decay` has torch's meaning: it adds weight_decay * w to the gradient, the gradient of (weight_decay/2) * norm(w)^2.

    Attributes:
        momentum: how much of the speed is kept at each update.
        dampening: how much less than the whole gradient is added to the speed, from the second update on.
        nesterov: step along momentum v + g, the gradient weighed as if the speed had been followed already.
        weight_decay: coupled, see above.
    """

    name: Literal["sgd"] = "sgd"
    lr: NonNegative = 0.01
    momentum: Share = 0.0
    dampening: NonNegative = 0.0
    nesterov: Flag = False
    weight_decay: NonNegative = 0.0

    def __post_init__(self) -> None:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise refuse("needs a momentum above 0 and a dampening of 0", "nesterov")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AdaGrad(WithRate):
    """AdaGrad (Duchi et al., 2011): each weight's gradient over the root of the *sum* of its squares so far.

    The sum only grows, so the steps shrink until they stop: under a constant gradient the t-th is lr/sqrt(t). (Lee's lectures
    divide by the root *mean* square, which is another method: its steps do not shrink.)

    Attributes:
        lr_decay: the rate of the t-th update, from 0, is lr/(1 + t lr_decay).
        initial_accumulator_value: what the sum starts from.
        eps: added to the root.
        weight_decay: coupled: weight_decay * w is added to the gradient.
    """

    name: Literal["adagrad"] = "adagrad"
    lr: NonNegative = 0.01
    lr_decay: NonNegative = 0.0
    initial_accumulator_value: NonNegative = 0.0
    eps: Positive = 1e-10
    weight_decay: NonNegative = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RMSProp(WithRate):
    """RMSProp (Hinton, 2012): each weight's gradient over the root of a running mean of its squares.

    It forgets, so unlike AdaGrad's its steps do not die out. The mean starts at 0 and is not corrected for that: under a constant
    gradient the first step is lr/sqrt(1 - alpha), 10 times the rate by default.

    Attributes:
        alpha: how much of the running mean is kept at each update.
        momentum: how much of the speed, a sum of the scaled gradients, is kept at each update.
        centered: divide by the standard deviation of the gradient instead; under a gradient that does not change that is 0 up to
            rounding, and may then be NaN, as in torch.
        eps: added to the root.
        weight_decay: coupled: weight_decay * w is added to the gradient.
    """

    name: Literal["rmsprop"] = "rmsprop"
    lr: NonNegative = 0.01
    alpha: Beta = 0.99
    momentum: Share = 0.0
    centered: Flag = False
    eps: Positive = 1e-8
    weight_decay: NonNegative = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adam(WithRate):
    """Adam (Kingma & Ba, 2015), or AdamW (Loshchilov & Hutter, 2019) whose decay is decoupled from the gradient.

    A running mean of the gradient over the root of a running mean of its squares. Both start at 0; the bias correction makes up
    for it, and so *shrinks* the start: with it the first step is the rate, without it 3.162 times the rate (default betas).

    `weight_decay` under `adam` is coupled: it is added to the gradient, and so divided by its running size. Under `adamw` the
    weights shrink by lr * weight_decay at each update. The same number does very different things in the two.

    Attributes:
        betas: how much of the running mean of the gradient, and of its square, is kept at each update.
        eps: added to the root.
        weight_decay: see above.
        amsgrad: divide by the largest mean square so far (Reddi et al., 2018).
    """

    name: Literal["adam", "adamw"] = "adam"
    lr: NonNegative = 0.001
    betas: Betas = (0.9, 0.999)
    eps: Positive = 1e-8
    weight_decay: NonNegative = 0.0
    amsgrad: Flag = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NAdam(WithRate):
    """Nadam (Dozat, 2016): Adam whose step looks ahead, as Nesterov's momentum does.

    Attributes:
        betas: how much of the running mean of the gradient, and of its square, is kept at each update.
        eps: added to the root.
        weight_decay: added to the gradient as weight_decay * w, unless decoupled.
        decoupled_weight_decay: shrink the weights by lr * weight_decay at each update instead, as AdamW does.
        momentum_decay: how fast the look-ahead rises from half of the first beta to all of it, as beta (1 - 0.96^(t d)/2).
    """

    name: Literal["nadam"] = "nadam"
    lr: NonNegative = 0.002
    betas: Betas = (0.9, 0.999)
    eps: Positive = 1e-8
    weight_decay: NonNegative = 0.0
    decoupled_weight_decay: Flag = False
    momentum_decay: NonNegative = 0.004


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RAdam(WithRate):
    """RAdam (Liu et al., 2020): Adam that takes plain momentum steps until the mean square has seen enough to divide by.

    With the default betas that is the first 5 updates; then its steps are held back, less and less: a warm-up of its own.

    Attributes:
        betas: how much of the running mean of the gradient, and of its square, is kept at each update.
        eps: added to the root.
        weight_decay: added to the gradient as weight_decay * w, unless decoupled.
        decoupled_weight_decay: shrink the weights by lr * weight_decay at each update instead, as AdamW does.
    """

    name: Literal["radam"] = "radam"
    lr: NonNegative = 0.001
    betas: Betas = (0.9, 0.999)
    eps: Positive = 1e-8
    weight_decay: NonNegative = 0.0
    decoupled_weight_decay: Flag = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PythonOptimizer(Setting):
    """An optimizer of your own: a class of `torch.optim.Optimizer`, or a function that returns one.

    It is imported and run as the program that it is, and called as `target(parameters, lr=lr, **args)`, once for every run, each of
    which it trains by itself. Schedules move the rate of all its groups by the same factor.

    Attributes:
        target: `torch.optim:Adamax`, or a file, `./adam.py:make`, in the folder of this config or else in the working directory.
        args: what it is called with besides the parameters and the rate.
        lr: learning rate.
        weight_decay: passed on by that name, unless it is 0.
    """

    name: Literal["python"] = "python"
    target: Target
    args: Args = field(default_factory=dict)
    lr: NonNegative = 0.01
    weight_decay: NonNegative = 0.0

    def __post_init__(self) -> None:
        for name in ("lr", "weight_decay"):
            if name in self.args:
                raise refuse(f"must leave out `{name}`, which has a key of its own: `optimizer.{name}`", "args")

    @property
    def groups(self) -> Groups:
        """None: it groups its parameters by itself."""
        return ()


Optimizer = Annotated[SGD | AdaGrad | RMSProp | Adam | NAdam | RAdam | PythonOptimizer, Tagged("name", "sgd")]


def is_decoupled(optimizer: Optimizer) -> bool:
    """Whether its weight decay shrinks the weights by themselves, and is no part of the loss."""
    return optimizer.name == "adamw" or getattr(optimizer, "decoupled_weight_decay", False)


Per = Literal["epoch", "update"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AfterWarmup(Setting):
    """What every schedule has: a warm-up before it, in a straight line, up to the factor that the schedule begins with.

    Attributes:
        warmup: updates or epochs before the schedule begins, whose own time starts after them; 0 for none.
        warmup_per: what `warmup` counts. The rate rises with every update in either case.
        warmup_start: the first update's share of the rate at the end of the warm-up.
    """

    name: str
    warmup: Count = 0
    warmup_per: Per = "update"
    warmup_start: UpToOne = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConstantSchedule(AfterWarmup):
    """The rate stays as it is.

    Attributes:
        per: without effect here.
    """

    name: Literal["constant"] = "constant"
    per: Per = "epoch"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PowerSchedule(AfterWarmup):
    """The rate divided by (1 + t/scale)^exponent: with exponent 1 a half at `scale`, a third at twice that.

    Keras' `decay` is 1/scale, counted in updates.

    Attributes:
        per: what t counts, from 0.
        scale: t at which 1 + t/scale is 2.
        exponent: 1 for the power schedule proper, 0.5 for the root.
    """

    name: Literal["power"] = "power"
    per: Per = "epoch"
    scale: Positive = 20.0
    exponent: NonNegative = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExponentialSchedule(AfterWarmup):
    """The rate times gamma^(t/scale): by default a tenth every 20 epochs, without steps.

    Attributes:
        per: what t counts, from 0.
        scale: t at which the factor is `gamma`.
        gamma: above 1 the rate grows.
    """

    name: Literal["exponential"] = "exponential"
    per: Per = "epoch"
    scale: Positive = 20.0
    gamma: Positive = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PiecewiseSchedule(AfterWarmup):
    """The rate times one factor up to each boundary: `boundaries: [5, 15]`, `values: [1, 0.5, 0.1]` changes at t = 5 and at t = 15.

    Attributes:
        per: what t counts, from 0.
        boundaries: the first t of every piece but the first.
        values: factor on the rate in each piece, one more than there are boundaries.
    """

    name: Literal["piecewise"] = "piecewise"
    per: Per = "epoch"
    boundaries: Boundaries = (5, 15)
    values: Factors = (1.0, 0.5, 0.1)

    def __post_init__(self) -> None:
        if len(self.values) != len(self.boundaries) + 1:
            wanted, found = len(self.boundaries) + 1, len(self.values)
            raise refuse(f"must have {wanted} numbers, one more than there are `boundaries`, and has {found}", "values")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepSchedule(AfterWarmup):
    """The rate times `gamma` once more every so many epochs or updates.

    Attributes:
        per: what t counts, from 0.
        every: length of a step.
        gamma: factor at each step.
    """

    name: Literal["step"] = "step"
    per: Per = "epoch"
    every: PositiveInt = 10
    gamma: Positive = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CosineSchedule(AfterWarmup):
    """Half a cosine from the whole rate at t = 0 down to `floor` at the horizon (Loshchilov & Hutter, 2017, without restarts).

    Attributes:
        per: what t counts, from 0.
        horizon: t at which the floor is reached; by default the end of the run, one t after its last.
        floor: factor on the rate at the horizon and after it.
    """

    name: Literal["cosine"] = "cosine"
    per: Per = "epoch"
    horizon: PositiveInt | None = None
    floor: UpToOne = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OneCycleSchedule(AfterWarmup):
    """Up and down again along cosines (Smith & Topin, 2018), as torch's OneCycleLR; the momentum is left alone.

    From max_factor/div_factor up to max_factor, then down to the start over final_div_factor: `optimizer.lr` is the top, unless
    `max_factor` says otherwise.

    Attributes:
        per: what t counts, from 0.
        horizon: how many t the cycle has; by default as many as the run.
        max_factor: factor on the rate at the top.
        pct_start: share of the cycle spent going up.
        div_factor: the top over the start.
        final_div_factor: the start over the end.
    """

    name: Literal["onecycle"] = "onecycle"
    per: Per = "update"
    horizon: PositiveInt | None = None
    max_factor: Positive = 1.0
    pct_start: UpToOne = 0.3
    div_factor: Positive = 25.0
    final_div_factor: Positive = 1e4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlateauSchedule(AfterWarmup):
    """The rate times `factor` whenever the loss has made no progress for `patience` epochs.

    The cut comes after the patience-th such epoch, as in Keras; torch's ReduceLROnPlateau waits for one more. What counts is the
    loss on the validation part where there is one, else the training loss. Epochs of the warm-up do not count.

    Attributes:
        factor: of each cut.
        patience: epochs without progress that are one too many.
        threshold: progress is a loss below the best so far by more than this share of its size.
        floor: the rate is never cut below this share of itself.
    """

    name: Literal["plateau"] = "plateau"
    factor: ProperShare = 0.5
    patience: PositiveInt = 5
    threshold: Share = 1e-4
    floor: UpToOne = 0.0


Schedule = Annotated[
    ConstantSchedule
    | PowerSchedule
    | ExponentialSchedule
    | PiecewiseSchedule
    | StepSchedule
    | CosineSchedule
    | OneCycleSchedule
    | PlateauSchedule,
    Tagged("name", "constant", keeps_defaults=False),
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoClip(Setting):
    """Gradients are used as they are."""

    mode: Literal["none"] = "none"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipBy(Setting):
    """Cut gradients: each number (`value`), or the length of the whole gradient (`norm`), at `threshold`.

    Attributes:
        mode: `value` cuts each number, `norm` shortens the whole gradient.
        threshold: the largest absolute value, or the largest length, that passes.
    """

    mode: Literal["value", "norm"]
    threshold: Positive = 1.0


Clip = Annotated[NoClip | ClipBy, Tagged("mode", "none")]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EarlyStopping(Setting):
    """Stop when the loss on the validation part, measured after each epoch, has made no progress for `patience` epochs.

    Whenever it is on, the run ends with the weights (and running statistics) of its best epoch, also where it was not stopped
    before its last one: every figure in the report but the course of the training is theirs. It stops after the patience-th epoch
    without progress, as in Keras.

    Attributes:
        patience: epochs without progress that are one too many; null does not stop, and keeps the last weights.
        min_delta: progress is a loss below that of the best epoch by more than this; the best epoch is the last that made progress.
    """

    patience: PositiveInt | None = None
    min_delta: NonNegative = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Train(Setting):
    """How long, in what portions, and in which number format.

    Attributes:
        epochs: passes over the training data.
        batch_size: samples an update; null for all of them.
        shuffle: draw a new order each epoch (mini-batches only).
        accumulate: batches whose gradients are averaged before one update.
        updates: stop after this many updates, whatever `epochs` says; 0 leaves the weights as they start.
        early_stopping: when to stop before that, and which weights to keep; a number is the patience.
        precision: float32, float64, or mixed: bf16 and fp16 compute in 16 bits and keep the weights in float32, fp16 with a loss
            scale that is halved, and the update skipped, whenever a gradient overflows.
    """

    epochs: PositiveInt = 1
    batch_size: BatchSize = None
    shuffle: Flag = True
    accumulate: PositiveInt = 1
    updates: Count | None = None
    early_stopping: Annotated[EarlyStopping, Short("patience")] = field(default_factory=EarlyStopping)
    precision: Literal["float32", "float64", "bf16", "fp16"] = "float32"
