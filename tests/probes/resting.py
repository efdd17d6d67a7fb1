"""Evaluations made by hand: the samples, and a function that is the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trainlab.losses import LOSSES
from trainlab.step import Batch, Evaluation, Layout, Objective

Network = Callable[[Tensor], Tensor]


def _refuse(run: int) -> Objective:
    raise AssertionError(f"run {run}: no probe that needs weights is tested on these")


def rest(
    inputs: Any,
    target: Any = None,
    *,
    network: Network | None = None,
    in_training: Network | None = None,
    dropping: Callable[[Tensor, int | None], Tensor] | None = None,
    loss: str = "mse",
    task: str = "regression",
    test: tuple[Any, Any] | None = None,
    pool: tuple[Any, Any] | None = None,
    kinds: dict[str, str] | None = None,
    batch_size: int = 1000,
) -> Evaluation:
    """One run at rest, as a probe sees it.

    Args:
        inputs, target: of the training part.
        network: `[sample, ...]` to `[sample, output]`; by default the first numbers of the input.
        dropping: the same, given the number of the stochastic pass.
        in_training: the same, batch norm normalising by the batch.
        test, pool: inputs and target.
    """

    def place(inputs: Any, target: Any) -> Batch:
        return Batch(inputs=torch.as_tensor(inputs), target=None if target is None else torch.as_tensor(target))

    call = network or (lambda inputs: inputs.flatten(1)[:, :1])
    return Evaluation(
        flat=torch.zeros(1, 1),
        train=place(inputs, target),
        validation=None,
        test=None if test is None else place(*test),
        loss_at=lambda _, batch: torch.stack([LOSSES[loss](call(batch.inputs), batch.target)]),
        predict=lambda batch, stochastic=None: (dropping or (lambda each, _: call(each)))(batch.inputs, stochastic)[None],
        outputs=lambda _: iter([]),
        output_gradients=lambda _: iter([]),
        task=task,
        loss=loss,
        judge=LOSSES[loss],
        kinds=kinds or {"model.0": "Linear"},
        sample_norms=lambda batch: torch.zeros(1, len(batch.inputs)),
        step_norms=lambda batch: None,
        respond=lambda batch: (in_training or call)(batch.inputs)[None],
        batch_size=batch_size,
        layout=Layout(names=("model.0.weight",), shapes=(torch.Size((1, 1)),), sizes=(1,)),
        pool=None if pool is None else place(*pool),
        objective=_refuse,
    )


def read(measured: dict[str, Tensor]) -> dict[str, float]:
    """The numbers of the one run."""
    return {name: float(values[0]) for name, values in measured.items() if values.dim() == 1}
