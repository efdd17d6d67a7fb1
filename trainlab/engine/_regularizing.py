"""What regularisers do at each update of a stack, to each run with its own strength."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from trainlab import optimizers
from trainlab.config.regularize import Regularize
from trainlab.engine._streams import Streams, find_dropouts
from trainlab.engine._work import Work
from trainlab.regularizers import limit_norms, shrink, smooth
from trainlab.step import Batch


class Regularizing:
    """Strengths and streams of runs of one structure."""

    def __init__(self, works: Sequence[Work], like: Tensor) -> None:
        self._like = like.new_empty(0)
        self._layout, self._outputs = works[0].layout, works[0].outputs
        self._family = optimizers.name_family(works[0].config.optimizer)
        self._streams = Streams([work.config.seed for work in works])
        self._dropouts = find_dropouts(works[0].model, works[0].train.inputs[:2])
        self._shares = {name: [getattr(work.model.get_submodule(name), "share", 0.0) for work in works] for name in self._dropouts}
        self._strengths = _read_strengths([work.config.regularize for work in works])

    def draw(
        self, runs: list[int], batch: Batch, find_flat: Callable[[], Tensor]
    ) -> tuple[dict[str, Tensor], Tensor | None, Batch]:
        """This update's masks, the noise on the weights, `[row, total]` or None, and one batch with its noise.

        Args:
            runs: one a row.
            batch: `[row, sample, ...]`.
            find_flat: the weights, `[row, total]`.
        """
        samples = batch.inputs.shape[1]
        masks = {
            f"{name}.mask": self._streams.draw_mask(name, runs, self._shares[name], (samples, *shape), self._like)
            for name, shape in self._dropouts.items()
        }
        strengths, noise = self._strengths, None
        if "weight_noise" in strengths:
            noise = self._streams.draw_normal("weight noise", runs, strengths["weight_noise"], find_flat())
        if "input_noise" in strengths:
            moved = self._streams.draw_normal("input noise", runs, strengths["input_noise"], batch.inputs)
            batch = replace(batch, inputs=moved.add_(batch.inputs))
        if batch.target is not None and "label_smoothing" in strengths:
            share = self._column(runs, "label_smoothing")
            batch = replace(batch, soft=smooth(batch.target, share, classes=self._outputs).to(share))
        return masks, noise, batch

    def attack(self, runs: list[int], batch: Batch, find_gradient: Callable[[], Tensor]) -> Batch:
        """The samples that the adversary makes of those of some runs, from the gradient at them."""
        if "adversarial" not in self._strengths:
            return batch
        length = self._column(runs, "adversarial").view(-1, *[1] * (batch.inputs.dim() - 1))
        return replace(batch, inputs=batch.inputs + length * find_gradient().sign())

    @property
    def dropouts(self) -> tuple[str, ...]:
        """Names of the layers whose masks are drawn."""
        return tuple(self._dropouts)

    @property
    def constrains(self) -> bool:
        """Whether anything comes after the optimizer's step."""
        return bool(self._strengths.keys() & {"l1", "max_norm"})

    def constrain(self, runs: list[int], flat: Tensor, state: optimizers.State, columns: optimizers.Columns) -> Tensor:
        """What comes after the optimizer's step, which has left `state`; `[row, total]` to the same."""
        if "l1" in self._strengths:
            stride = optimizers.find_stride(self._family, state, columns)
            flat = shrink(flat, self._column(runs, "l1")[:, None] * stride, self._layout)
        if "max_norm" in self._strengths:
            flat = limit_norms(flat, self._column(runs, "max_norm"), self._layout)
        return flat

    def _column(self, runs: Sequence[int], name: str) -> Tensor:
        """`[row]`, each with the strength of its run."""
        strengths = self._strengths[name]
        return torch.tensor([strengths[run] for run in runs], dtype=torch.float64).to(self._like)


def _read_strengths(sections: Sequence[Regularize]) -> dict[str, list[float]]:
    """Each regulariser that some run has, with its strength for every run: asked once, not at each update of each run."""
    found = {}
    for field in dataclasses.fields(Regularize):
        values = [getattr(section, field.name) for section in sections]
        if any(values):
            found[field.name] = [math.inf if value is None else value for value in values]  # null is no limit
    return found
