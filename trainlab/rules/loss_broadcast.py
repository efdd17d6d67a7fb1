"""M008: prediction and target of different shapes, which the loss makes equal by repeating them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._lack import find_lack
from trainlab.rules._series import read_metric

ELEMENTWISE = ("mse", "l1", "huber", "bce", "bce_logits")
ROUNDING = 1e-4  # of a loss: sums in another order differ by less


@dataclass(frozen=True, slots=True, kw_only=True)
class LossBroadcast:
    r"""Prediction and target have different shapes, and the loss repeats them until they fit.

    What it finds:
        A loss that compares number by number and gets shapes that differ but can be broadcast: a prediction `[N, 1]` against a
        target `[N]` becomes `[N, N]`. What a loss of your own does inside is not seen, but it shows: one that compares all with
        all is the same whichever sample a target belongs to. One that makes the shapes equal first is not, and is let be.

    Why it matters:
        Every prediction is then compared with every target. The best answer to that is the mean of all targets, for every
        sample: the network learns a constant, without any error but a warning.

    Evidence:
        `prediction`, `target`: the shapes. `compared`: the shape that the loss works on.

    See it:
            trainlab check --model torch.nn:Linear --optimizer adam --epochs 20 \
                --set model.args.in_features=10,model.args.out_features=1 \
                --set data.name=python,data.target=sklearn.datasets:load_diabetes \
                --set data.args.return_X_y=true,loss.name=python \
                --set loss.target=torch.nn.functional:mse_loss

        The network puts out `[353, 1]`, the targets are `[353]`: `353` times `353` numbers are compared. The losses that a
        config names get both in one shape.

    What to try:
        `target.unsqueeze(-1)`, or `prediction.squeeze(-1)`: give both the same shape, and assert that they have it. A loss of
        torch's by the name that a config has for it (`loss: mse`), which `check` tries.

    Sources:
        Karpathy 2019 (silent broadcasting).
    """

    code: ClassVar[str] = "M008"
    name: ClassVar[str] = "loss-broadcast"
    needs: ClassVar[tuple[str, ...]] = ("outputs",)
    causes: ClassVar[tuple[str, ...]] = ()

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run; nothing where there is no target."""
        lack = find_lack(trace, finite=False)
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        loss = trace.config.loss
        if trace.task == "none" or (isinstance(loss, str) and loss not in ELEMENTWISE):
            return
        prediction, target = (self._read(trace, name) for name in ("prediction", "target"))
        if not prediction or not target:
            yield Skipped(code=self.code, reason="the shapes of prediction and target were not noted")
            return
        if prediction == target:
            return
        try:
            compared = np.broadcast_shapes(prediction, target)
        except ValueError:
            return  # torch refuses these, so they were never compared
        if not isinstance(loss, str) and not abs(read_metric(trace, "paired")) < ROUNDING:
            return  # it makes them equal itself, or compares them in another way
        name = loss if isinstance(loss, str) else loss.target
        yield Finding(
            code=self.code,
            name=self.name,
            severity="error",
            message=f"the loss {name} gets a prediction of shape {list(prediction)} and a target of shape "
            f"{list(target)}, and compares {list(compared)}: every prediction with every target; give both the same shape",
            evidence={"prediction": list(prediction), "target": list(target), "compared": list(compared)},
        )

    @staticmethod
    def _read(trace: Trace, name: str) -> tuple[int, ...]:
        shape = trace.arrays.get(f"{name}-shape", np.empty(0))
        return tuple(int(each) for each in shape) if np.isfinite(shape).all() else ()
