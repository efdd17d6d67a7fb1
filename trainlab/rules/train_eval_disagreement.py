"""M011: the same samples judged far apart in training and in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from trainlab.intervals import newcombe
from trainlab.report import Finding, Skipped, Trace
from trainlab.rules._lack import find_lack
from trainlab.rules._series import read_metric, say

SAMPLES = 512  # that both modes are measured on


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainEvalDisagreement:
    r"""The same samples are judged far apart in training mode and in evaluation mode.

    What it finds:
        Networks with batch norm that are much better on training samples when it normalises by the batch, as in training, than
        when it uses the running statistics it has kept; or, worth knowing only, much worse, because the batches are small. For
        classes, the 95 % interval of the difference in accuracy must lie beyond the limit, or beyond half of it if the loss is far
        worse too; for numbers, the difference in loss must exceed a share of the best constant's. Dropout is off in both modes.

    Why it matters:
        What was trained is not what is used. Training curves look good, test results do not, and it looks like overfitting; but the
        training samples themselves are judged as badly.

    Evidence:
        `measure`: `accuracy` or `loss`. `train_mode`, `eval_mode`: its values, on the same samples. `batch_size`: of the training.

    See it:
            trainlab overfit --quick --epochs 100 --norm batch \
                --set data.name=breast_cancer,model.norm.momentum=0.001

    What to try:
        Larger batches; layer or group norm, which have no second mode; a `momentum` of batch norm at which the running statistics
        keep up with the weights (a larger one for short trainings, a smaller one for small batches); a lower learning rate at the
        end; dropout behind the last batch norm, not before.

    Sources:
        Ioffe & Szegedy 2015; Ioffe 2017 (small batches); Li et al. 2019 (dropout before batch norm).

    Attributes:
        accuracy: fires if the interval of the difference lies above this.
        loss: for numbers, fires above this share of the best constant's loss, or twice as far below; of classes, from twice this on
            half of the limit of the accuracy is enough.
        min_updates: before that running statistics lag behind in every network.
    """

    code: ClassVar[str] = "M011"
    name: ClassVar[str] = "train-eval-disagreement"
    needs: ClassVar[tuple[str, ...]] = ("train-mode", "baselines")
    causes: ClassVar[tuple[str, ...]] = ("M003", "L001")
    accuracy: float = 0.05
    loss: float = 0.1
    min_updates: int = 50

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        """One finding for the run; nothing without batch norm or a target."""
        lack = find_lack(trace)
        if not lack and (trace.task == "none" or (trace.modules and not any("BatchNorm" in each.kind for each in trace.modules))):
            return
        measure = "loss" if trace.task == "regression" else "accuracy"
        wanted = [f"{mode}_mode_{measure}" for mode in ("train", "eval")] + ["constant_loss"] * (measure == "loss")
        lack = lack or find_lack(trace, *wanted, updates=self.min_updates)
        if lack:
            yield Skipped(code=self.code, reason=lack)
            return
        train, final = (read_metric(trace, name) for name in wanted[:2])
        limit = self.loss if measure == "loss" else self.accuracy
        if measure == "loss":
            apart = (final - train) / read_metric(trace, "constant_loss")
            worse, better = apart > limit, apart < -2 * limit
        else:
            samples = max(min(trace.sizes.get("train", 1), SAMPLES), 1)
            low, high = newcombe((round(train * samples), samples), (round(final * samples), samples))
            dearer = read_metric(trace, "eval_mode_loss") - read_metric(trace, "train_mode_loss")
            dear = dearer > 2 * self.loss * read_metric(trace, "constant_loss")
            worse, better = low > limit or (low > limit / 2 and dear), high < -limit
        if worse or better:
            what = "for batches this small blur it" if better else "so the network used is not the one trained"
            yield Finding(
                code=self.code,
                name=self.name,
                severity="info" if better else "warning",
                message=f"on the same training samples the {measure} is {say(train)} when batch norm normalises by the batch and "
                f"{say(final)} in evaluation mode (limit of the difference {say(limit)}), {what}; try larger batches, layer norm, "
                "or another momentum of the running statistics",
                evidence={
                    "measure": measure,
                    "train_mode": train,
                    "eval_mode": final,
                    "batch_size": trace.config.train.batch_size,
                },
            )
