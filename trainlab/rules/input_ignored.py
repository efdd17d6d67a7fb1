"""M007: a network that answers the same whatever it is given."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._lack import find_lack
from trainlab.rules._series import read_metric, say


@dataclass(frozen=True, slots=True, kw_only=True)
class InputIgnored:
    """The network is no better with its inputs than without them.

    What it finds:
        Trained networks whose training loss is not lower than with the inputs of other samples, nor than with zeros, by a share of
        the best constant's loss, although a linear model or a random forest shows that the inputs have something to say. Where
        neither does, or neither is defined (tokens, a target at every step), nothing is said: the inputs may be at fault (D008), or
        the training too short.

    Why it matters:
        Such a network has learned the mean of the targets. Its loss may look fine, above all where one class is frequent, and every
        answer is the same.

    Evidence:
        `own_loss`, `shuffled_loss`, `zero_loss`: of training samples with their own inputs, with others', with zeros. `gain`: what
        the own inputs lower the loss by, over the best constant's loss.

    See it:
            trainlab overfit --quick --epochs 50 --layers 12 --act sigmoid

    What to try:
        Look for what cuts the way from the input: dead units (G003), a gradient that vanishes (G001), saturation, a giant first
        step; a frozen or zero layer; a dropout near 1; a regulariser so strong that the weights are 0; inputs overwritten by
        mistake.

    Sources:
        Karpathy 2019 (an input-independent baseline).

    Attributes:
        gain: fires below this.
        signal: a linear model that lowers the constant's loss by less than this share of it shows nothing.
        skill: neither does a forest with less skill than this, with two standard errors.
        min_updates: before that nothing can have been learned.
    """

    code: ClassVar[str] = "M007"
    name: ClassVar[str] = "input-ignored"
    needs: ClassVar[tuple[str, ...]] = ("input-use", "baselines", "out-of-bag")
    causes: ClassVar[tuple[str, ...]] = (
        "D006",
        "M001",
        "F003",
        "D008",
        "G007",
        "G001",
        "G003",
        "G004",
        "G005",
        "L008",
        "L001",
        "L002",
        "G008",
        "C001",
        "D001",
        "M002",
    )
    gain: float = 0.005
    signal: float = 0.1
    skill: float = 0.1
    min_updates: int = 20

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run; nothing where there is no target."""
        lack = find_lack(trace)
        if not lack and (trace.task == "none" or trace.config.loss == "sum"):
            return
        lack = lack or find_lack(trace, "own_loss", "shuffled_loss", updates=self.min_updates)
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        own, shuffled, zero, constant, linear = (
            read_metric(trace, f"{name}_loss") for name in ("own", "shuffled", "zero", "constant", "linear")
        )
        scale = abs(constant) if constant else math.nan
        scale = scale if math.isfinite(scale) else max(abs(own), abs(shuffled))
        gain = (min(shuffled, zero if math.isfinite(zero) else shuffled) - own) / scale if scale else 0.0
        if gain >= self.gain or shuffled - own >= self.gain * scale:
            return
        skill = read_metric(trace, "oob_skill") - 2 * read_metric(trace, "oob_skill_error")
        if not (constant - linear > self.signal * abs(constant) or skill > self.skill):
            yield Skipped(code=self.code, reason="the network does no better with its inputs, and nothing shows that it could")
            return
        without = f"{say(shuffled)} with those of other samples" + (f", {say(zero)} with zeros" if math.isfinite(zero) else "")
        yield Finding(
            code=self.code,
            name=self.name,
            severity="error",
            message=f"the training loss is {say(own)} with the right inputs, {without}: they lower it by {say(100 * gain)} % of "
            f"the best constant's (limit {say(100 * self.gain)} %); look for dead units, a frozen layer, too strong a penalty or "
            "dropout",
            evidence={
                "own_loss": own,
                "shuffled_loss": shuffled,
                "zero_loss": zero if math.isfinite(zero) else None,
                "gain": gain,
            },
        )
