"""What can set ranks apart from one process, and the patches that switch each of it on or off alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from trainlab.config import Config
from trainlab.config.model import PythonModel

IDEAL = "order of the sums"
Needs = Literal["", "batch norm", "draws", "repeated", "uneven"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Something that sets ranks apart from one process.

    Attributes:
        name: of the cause.
        setting: what switches it on in the base.
        mended: the patch of the base that switches it off.
        needs: what must be there for it to matter, as the measurement tells.
        advice: a sentence on what to do.
        is_fault: it should not be so; otherwise it is a difference that is meant.
        beside: keys that must be as in the base for it to show.
    """

    name: str
    setting: str
    mended: Mapping[str, Any]
    needs: Needs = ""
    advice: str = ""
    is_fault: bool = True
    beside: tuple[str, ...] = ()


def make_ideal(config: Config) -> dict[str, Any]:
    """The patch that mends all there is to mend: what is left is the order of the sums."""
    patch: dict[str, Any] = {}
    for cause in list_causes(config):
        patch |= cause.mended
    section = config.distributed
    if section.through != "all_reduce":
        patch["distributed.through"] = "all_reduce"
    return patch


def isolate(config: Config, cause: Cause) -> dict[str, Any]:
    """The patch that mends all but one cause."""
    left = {*cause.mended, *cause.beside}
    return {key: value for key, value in make_ideal(config).items() if key not in left}


def list_causes(config: Config) -> list[Cause]:
    """The causes that the config may have; whether it has them, the measurement tells."""
    return [*_list_of_reduction(config), *_list_of_batches(config), *_list_of_norms(config), *_list_of_state(config)]


def _list_of_reduction(config: Config) -> list[Cause]:
    section, is_sum = config.distributed, config.loss == "sum"
    setting = f"reduction: {section.reduction}"
    if is_sum and section.reduction != "sum":
        advice = "The loss adds up: add the gradients up too."
        return [Cause(name="mean for sum", setting=setting, mended={"distributed.reduction": "sum"}, advice=advice)]
    mended = {"distributed.reduction": "weighted"}
    if not is_sum and section.reduction == "sum":
        advice = f"Divide the gradient by the {section.ranks} ranks."
        return [Cause(name="sum for mean", setting=setting, mended=mended, advice=advice)]
    if section.reduction == "mean" and (section.shares is not None or section.remainder == "uneven"):
        advice = "Weigh each rank by its samples, or deal out equal shares."
        return [Cause(name="uneven shares", setting=setting, mended=mended, needs="uneven", advice=advice)]
    return []


def _list_of_batches(config: Config) -> list[Cause]:
    section, train = config.distributed, config.train
    found = []
    if section.remainder == "repeat" and section.shares is None:
        # Without what is there twice the shares are uneven, and that is not to count
        weighted = {"distributed.reduction": "weighted"} if section.reduction == "mean" and config.loss != "sum" else {}
        mended = {"distributed.remainder": "uneven", **weighted}
        advice = "Some samples count twice at the end of an epoch: drop the remainder where that matters."
        found.append(Cause(name="duplicated samples", setting="remainder: repeat", mended=mended, needs="repeated", advice=advice))
    if train.accumulate > 1 and train.batch_size is not None:
        whole = {"train.accumulate": 1, "train.batch_size": train.batch_size * train.accumulate}
        if section.accumulation == "sum" and config.loss != "sum":
            advice = f"Divide the loss by the {train.accumulate} batches."
            found.append(Cause(name="sum over batches", setting="accumulation: sum", mended=whole, advice=advice))
        else:
            found.append(Cause(name="accumulation", setting=f"accumulate: {train.accumulate}", mended=whole, is_fault=False))
    return found


def _list_of_norms(config: Config) -> list[Cause]:
    section = config.distributed
    if section.sync_batch_norm or not _may_have_batch_norm(config):
        return []
    key = "distributed.sync_batch_norm"
    advice = "Synchronise batch norm (SyncBatchNorm)."
    found = [
        Cause(name="batch norm per rank", setting="sync_batch_norm: false", mended={key: True}, needs="batch norm", advice=advice)
    ]
    if not section.broadcast_buffers:
        mended = {"distributed.broadcast_buffers": True}
        setting = "broadcast_buffers: false"
        found.append(Cause(name="buffers not shared", setting=setting, mended=mended, needs="batch norm", beside=(key,)))
    return found


def _list_of_state(config: Config) -> list[Cause]:
    section, found = config.distributed, []
    if section.dropout != "union" and _may_draw(config):
        same = section.dropout == "same"
        advice = "Seed dropout by rank: all draw the same masks." if same else ""
        mended = {"distributed.dropout": "union"}
        setting = f"dropout: {section.dropout}"
        found.append(Cause(name="dropout streams", setting=setting, mended=mended, needs="draws", advice=advice, is_fault=same))
    if section.delay:
        advice = "Wait for the gradients of all ranks before the step, or lower the rate."
        late = {"distributed.delay": 0}
        found.append(Cause(name="late gradients", setting=f"delay: {section.delay}", mended=late, advice=advice))
    if not section.same_start:
        advice = "Send the first rank's weights to all before the first update."
        start = {"distributed.same_start": True}
        found.append(Cause(name="unsynchronised start", setting="same_start: false", mended=start, advice=advice))
    return found


def _may_have_batch_norm(config: Config) -> bool:
    model = config.model
    if isinstance(model, PythonModel) or not hasattr(model, "norm"):
        return True
    return "batch" in (getattr(model.norm, "name", ""), getattr(getattr(model, "input_norm", None), "name", ""))


def _may_draw(config: Config) -> bool:
    model, given = config.model, config.regularize
    if isinstance(model, PythonModel) or not hasattr(model, "dropout"):
        return True
    return any((model.dropout, getattr(model, "input_dropout", 0.0), given.input_noise, given.weight_noise))
