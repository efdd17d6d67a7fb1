"""The first number of a run that is none: in which update, in which direction, where."""

from __future__ import annotations

import math
from typing import Literal

from trainlab.report import NonFinite
from trainlab.watch._origin import Origin
from trainlab.watch._record import Record, measure_norms


def describe_loss(record: Record, update: int, where: str = "loss") -> NonFinite:
    """A loss of this update that is no finite number."""
    finite = [abs(loss) for loss in record.losses if math.isfinite(loss)]
    last = max(finite, default=None)
    return NonFinite(update=update, direction="forward", where=where, value=_kind(record.losses[update - 1]), last_finite=last)


def describe_gradient(record: Record) -> NonFinite:
    """A gradient that is none, after a finite loss: that of the parameter closest to the loss."""
    norms = record.norms[-1]
    bad = max(place for place, norm in enumerate(norms) if not math.isfinite(norm))
    return NonFinite(
        update=record.steps,
        direction="backward",
        where=record.parameters[bad].name,
        value=_kind(norms[bad]),
        last_finite=max((row[bad] for row in record.norms[:-1] if math.isfinite(row[bad])), default=None),
    )


def locate(record: Record, origin: Origin | None) -> NonFinite:
    """Where a loss that is no finite number comes from: weights that the update before has broken, or the forward pass."""
    norms = measure_norms([each.detach() for each in record.tensors])
    bad = [place for place, norm in enumerate(norms) if not math.isfinite(norm)]
    if bad and record.steps > 1:
        where = record.parameters[bad[-1]].name
        last = max((row[bad[-1]] for row in record.weights if math.isfinite(row[bad[-1]])), default=None)
        return NonFinite(update=record.steps - 1, direction="update", where=where, value=_kind(norms[bad[-1]]), last_finite=last)
    names = {id(tensor): parameter.name for tensor, parameter in zip(record.tensors, record.parameters, strict=True)}
    return describe_loss(record, record.steps, origin.name(names) if origin is not None else "loss")


def _kind(value: float) -> Literal["nan", "inf"]:
    return "nan" if math.isnan(value) else "inf"
