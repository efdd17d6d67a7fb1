"""The section `optimizer`: which method, and its hyperparameters, with torch's names and meaning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from trainlab.config.types import Args, Beta, Betas, Flag, Groups, NonNegative, Positive, Setting, Share, Tagged, Target, refuse


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
