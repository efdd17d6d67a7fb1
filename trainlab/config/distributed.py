"""The `distributed:` section: how several ranks share the work of one update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema

from trainlab.config.types import Count, Flag, PositiveInt, Setting, refuse


def _check_shares(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, list | tuple) and value and all(isinstance(each, int) and each is not True and each > 0 for each in value):
        return tuple(value)
    raise refuse("must be a list of whole numbers of at least 1, or null for equal shares")


Shares = Annotated[
    tuple[int, ...] | None,
    BeforeValidator(_check_shares),
    WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1}, {"type": "null"}]}),
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distributed(Setting):
    """How several processes, the ranks, compute one update. Only the command `distributed` starts any.

    Each rank takes batches of `train.batch_size` samples of its own share of the data, `train.accumulate` of them before an update.
    The settings other than `ranks` that differ from `weighted`, `union` and so on are what a training script may do, faults
    included: what each of them does to the update is measured.

    Attributes:
        ranks: how many processes.
        sharding: `blocks`: each rank has a contiguous part of an epoch's order; `strided`: every ranks-th sample of it, as torch's
            DistributedSampler deals them.
        remainder: what becomes of samples that the ranks cannot share evenly. `repeat` gives some twice, as DistributedSampler
            does; `drop` leaves the last ones out; `uneven` leaves some ranks with fewer.
        shares: samples of each rank in proportion to these, one a rank and then from the first again, in place of equal shares;
            `remainder` then has no meaning.
        reduction: how the gradients of the ranks become one. `mean`, as DistributedDataParallel takes it; `weighted`: by how many
            samples each rank has; `sum`.
        accumulation: of the batches before an update the mean gradient, or their sum.
        sync_batch_norm: batch norm normalises by the samples of all ranks, as SyncBatchNorm does.
        broadcast_buffers: before each forward pass the ranks get the running statistics of the first, as with
            DistributedDataParallel.
        same_start: all ranks begin with the weights of the first.
        dropout: what each rank draws masks and noise from. `own`: a stream of its own; `same`: all ranks from one, so that their
            masks are alike; `union`: the parts of what one process would draw.
        delay: by how many updates gradients are late, as where ranks do not wait for each other: they are taken at the weights of
            so many updates before.
        through: who averages: a plain `all_reduce` after the backward pass, or torch's DistributedDataParallel within it.
    """

    ranks: PositiveInt = 2
    sharding: Literal["blocks", "strided"] = "blocks"
    remainder: Literal["repeat", "drop", "uneven"] = "repeat"
    shares: Shares = None
    reduction: Literal["mean", "weighted", "sum"] = "mean"
    accumulation: Literal["mean", "sum"] = "mean"
    sync_batch_norm: Flag = False
    broadcast_buffers: Flag = True
    same_start: Flag = True
    dropout: Literal["own", "same", "union"] = "own"
    delay: Count = 0
    through: Literal["all_reduce", "ddp"] = "all_reduce"
