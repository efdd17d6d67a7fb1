"""L005: the run has stopped where the gradient is near 0 and a direction leads down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from trainlab.critical import Point, read_point
from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._series import say

MUCH = 0.1  # of the loss: to leave that much lying is to have learned wrong
FEW = 4  # weights or layers that a message names


@dataclass(frozen=True, slots=True, kw_only=True)
class SaddlePoint:
    r"""The run has stopped where the gradient is near 0 and a direction leads down.

    What it finds:
        Runs that end at a saddle (or a maximum): a step against the gradient gains next to nothing, the lowest curvature is
        negative, and a step along its direction, which is the *escape direction*, does lower the loss. That step is not predicted
        but taken. A saddle that is left for next to nothing, as the flat bottom of a large network is full of, is none here.

    Why it matters:
        At such a place plain gradient descent stops, or takes very long to leave, and more epochs will not help. But the place is
        no minimum, and the network is not at fault.

    Evidence:
        `loss`: what was minimised, there, and `escape_loss`: after a step of length `escape_step` along the escape direction, lower
        by `gain` as a share. `gradient`: its norm. `lowest`, `highest`: curvatures. `direction`: the escape direction, weight by
        weight where there are few; `layers`: the parameters that it moves most, with their share.

    See it:
            trainlab landscape

        Two weights that started on the line w1 = -w2 end at `0`, between curvatures of `-2` and `2`. A step of `1` along the
        escape direction takes the loss from `1` to `0.25`.

    What to try:
        Other initial weights, which do not lie on a line of symmetry; momentum or small batches, which carry past a saddle unless
        the run sits on it exactly; a step along the escape direction.

    Sources:
        Dauphin et al. 2014; Lee et al. 2016.

    Attributes:
        gradient: a step against the gradient that takes less than this share off the loss shows a gradient near 0.
        curvature: below this share of the largest a curvature is 0.
        gain: fires where the escape takes at least this share off the loss.
    """

    code: ClassVar[str] = "L005"
    name: ClassVar[str] = "saddle-point"
    needs: ClassVar[tuple[str, ...]] = ("curvature", "escape")
    causes: ClassVar[tuple[str, ...]] = ("G007", "G005")
    scope: ClassVar[Literal["surface"]] = "surface"  # to measure curvatures takes longer than many a training
    gradient: float = 1e-3
    curvature: float = 1e-4
    gain: float = 0.01

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run."""
        if trace.nonfinite is not None:
            yield Skipped(code=self.code, reason="the weights left the finite numbers")
            return
        point, escaped = read_point(trace, gradient=self.gradient, curvature=self.curvature), trace.metrics.get("escape_loss")
        if point is None or escaped is None:
            yield Skipped(code=self.code, reason="the curvatures were not measured")
            return
        gain = (point.loss - escaped) / point.scale if point.scale else 0.0
        if point.kind not in ("saddle", "maximum") or gain < self.gain:
            return
        step = trace.metrics.get("escape_step") or 0.0
        direction = np.asarray(trace.arrays.get("escape-direction", ()), dtype=float)
        layers = _rank_layers(trace)
        way = f"a step of {say(step)} along the escape direction{_say_direction(direction, layers)}"
        yield Finding(
            code=self.code,
            name=self.name,
            severity="error" if gain >= MUCH else "warning",
            where=next(iter(layers), ""),
            message=f"{_say_place(trace, point)}; {way} takes the loss from {say(point.loss)} to {say(escaped)}, a gain of "
            f"{100 * gain:.2g} % (limit {100 * self.gain:g} %); try other initial weights, momentum or smaller batches",
            evidence={
                "loss": point.loss,
                "escape_loss": escaped,
                "escape_step": step,
                "gain": gain,
                "gradient": trace.metrics.get("point_gradient"),
                "lowest": point.lowest,
                "highest": point.highest,
                "direction": direction.tolist(),
                "layers": layers,
            },
        )


def _say_place(trace: Trace, point: Point) -> str:
    norm = trace.metrics.get("point_gradient") or 0.0
    return f"the gradient is {say(norm)} at a {point.kind}, with curvatures from {say(point.lowest)} to {say(point.highest)}"


def _rank_layers(trace: Trace) -> dict[str, float]:
    """The parameters that the escape direction moves most, the first before the others, with their share of it."""
    shares = np.asarray(trace.arrays.get("escape-shares", ()), dtype=float)
    if shares.shape != (len(trace.parameters),):
        return {}
    order = sorted(range(len(shares)), key=lambda at: -round(float(shares[at]), 6))[:FEW]
    return {trace.parameters[at].name: float(shares[at]) for at in order if shares[at] > 0}


def _say_direction(direction: np.ndarray, layers: dict[str, float]) -> str:
    if 0 < len(direction) <= FEW:
        return f" ({', '.join(map(say, direction))})"
    name = next(iter(layers), "")
    return f" ({layers[name]:.0%} of it in {name})" if name else ""
