"""The section `schedule`: how the learning rate moves, after a warm-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from trainlab.config.types import (
    Boundaries,
    Count,
    Factors,
    NonNegative,
    Positive,
    PositiveInt,
    ProperShare,
    Setting,
    Share,
    Tagged,
    UpToOne,
    refuse,
)

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
