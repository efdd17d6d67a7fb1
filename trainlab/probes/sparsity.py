"""Which weights are exactly 0, and which inputs nothing reads any more."""

from __future__ import annotations

from torch import Tensor

from trainlab.regularizers import mark_weights
from trainlab.step import Evaluation


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """Of weight matrices and filters, at the end.

    Returns:
        zero_weights: `[run]`: share of them that are exactly 0; nothing where there are none.
        zero_inputs: `[run]`: share of the columns of the first of them that are all 0: inputs that the network does not see.
    """
    layout = evaluation.layout
    first = next((name for name, shape in zip(layout.names, layout.shapes, strict=True) if len(shape) > 1), None)
    if first is None:
        return {}
    zero = evaluation.flat == 0
    weights = mark_weights(layout, evaluation.flat)
    matrix = layout.unflatten(evaluation.flat)[first]
    columns = (matrix == 0).transpose(1, 2).flatten(2).all(dim=2)
    return {
        "zero_weights": (zero & weights).double().sum(dim=1) / weights.double().sum(),
        "zero_inputs": columns.double().mean(dim=1),
    }
