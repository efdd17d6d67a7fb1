"""What the modules put out, before training and where the last gradient was taken: mean, spread, saturated and dead shares."""

from __future__ import annotations

import torch
from torch import Tensor

from trainlab.models.activations import BOUNDS, RECTIFIERS
from trainlab.step import Batch, Evaluation

SAMPLES = 512
NEAR = 0.03


def evaluate_start(evaluation: Evaluation) -> dict[str, Tensor]:
    """`initial-mean`, `-std`, `-variance` and `-saturated`: what `evaluate` calls `activation-...`, at the initial weights."""
    measured = evaluate(evaluation)
    return {f"initial-{name}": measured[f"activation-{name}"] for name in ("mean", "std", "variance", "saturated")}


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """`[run, module]`, on at most 512 training samples, evenly spread; see `Evaluation.outputs`.

    Returns:
        activation-mean, activation-std: of all values.
        activation-variance: over the samples, mean of the units.
        activation-saturated: share of values within 3 % of a bound; NaN for a module that has none.
        activation-dead: share of units that no sample wakes; NaN for a module that does not rectify. A unit of an image is a
            channel, of a sequence a feature: it is awake if any pixel or step is.
    """
    inputs = evaluation.train.inputs
    chosen = torch.linspace(0, len(inputs) - 1, min(len(inputs), SAMPLES)).long()
    batch = Batch(inputs=inputs[chosen.to(inputs.device)], target=None)
    rows = [
        torch.stack([_describe(outputs.get(name), kind) for name, kind in evaluation.kinds.items()])
        for outputs in evaluation.outputs(batch)
    ]
    names = ("mean", "std", "variance", "saturated", "dead")
    return {f"activation-{name}": torch.stack(rows)[:, :, index] for index, name in enumerate(names)}


def _describe(output: Tensor | None, kind: str) -> Tensor:
    nothing = torch.full((5,), torch.nan, dtype=torch.float64)
    if output is None:
        return nothing
    values = output.cpu().double()
    nothing[0] = values.mean()
    nothing[1] = values.std(unbiased=False)
    nothing[2] = values.var(dim=0, unbiased=False).mean()
    if kind in BOUNDS:
        low, high = BOUNDS[kind]
        margin = NEAR * (high - low)
        nothing[3] = ((values < low + margin) | (values > high - margin)).double().mean()
    if kind in RECTIFIERS:
        rest = {3: (0, 1), 4: (0, 2, 3)}.get(values.dim(), (0,))  # [sample, step, unit], [sample, unit, height, width]
        nothing[4] = (values == 0).all(dim=rest).double().mean()
    return nothing
