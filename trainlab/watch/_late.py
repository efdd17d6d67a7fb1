"""What was left on an accelerator, so that the script need not wait at every step, is read here."""

from __future__ import annotations

import math
from dataclasses import replace

from trainlab.watch._nonfinite import describe_loss
from trainlab.watch._record import Record


def settle(record: Record) -> None:
    """Read the losses and norms that were left there, with one wait for all of them."""
    import torch

    numbers = [each for _, losses, clip in record.late for each in (*losses, *([] if clip is None else [clip.raw]))]
    if not numbers:
        return
    values = iter(torch.stack([torch.as_tensor(each).double().flatten()[0].to(numbers[-1].device) for each in numbers]).tolist())
    for update, losses, clip in record.late:
        if losses:
            record.losses[update - 1] = sum(next(values) for _ in losses)
            if record.nonfinite is None and not math.isfinite(record.losses[update - 1]):
                record.nonfinite = describe_loss(record, update)
        if clip is not None:
            record.clipped[update] = replace(clip, raw=next(values)).read()
    record.late.clear()
