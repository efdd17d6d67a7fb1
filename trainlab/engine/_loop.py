"""The training loop, for every run of a stack at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType

import torch
from torch import Tensor

from trainlab.engine._batches import Order, gather, iterate_batches
from trainlab.engine._programs import Program
from trainlab.engine._recorder import Recorder, choose_updates
from trainlab.engine._stack import Stack
from trainlab.engine._work import Work
from trainlab.step import Step


def train_stack(
    stack: Stack,
    program: Program,
    works: Sequence[Work],
    probes: Mapping[str, ModuleType],
    recorder: Recorder,
    tick: Callable[[int], bool],
) -> None:
    """Train the runs of `stack` to their end, or until `tick` says no.

    Args:
        stack: the runs, moved on in place; what they end as is in its `final`, `fatal` and `updates`.
        program: how to compute them.
        works: the same runs, prepared; they differ in numbers only.
        probes: those with `measure(step)`, by name; their measurements go to `recorder`, beside the loss of each epoch.
        recorder: filled.
        tick: called with the number of each update before it begins; False ends the training there.
    """
    work = works[0]
    sampled = choose_updates(work.updates)
    order = Order([each.config.seed for each in works], work.samples, shuffle=work.config.train.shuffle)
    update, epoch, going = 0, 0, True
    while going and update < work.updates and stack.rows:
        for batches in gather(
            iterate_batches(work.train, work.batch_size, order, lambda: stack.runs), work.config.train.accumulate
        ):
            going = tick(update + 1)
            if not going or update >= work.updates:
                break
            update += 1
            due = {name: probe for name, probe in probes.items() if probe.EVERY == "update" or update in sampled}
            step = stack.advance(program, batches, update)
            for name, probe in due.items():
                recorder.add(name, "update", update, probe.measure(step), stack.measured)
            ended = stack.confirm(_find_broken(step))
            if ended:
                recorder.add("loss", "epoch", epoch + 1, stack.epoch_loss, stack.only(ended))
                stack.end(ended, step, batches)
                if not stack.rows:
                    break
        epoch += 1
        if stack.rows and stack.seen:
            recorder.add("loss", "epoch", epoch, stack.epoch_loss, stack.rows)
            stack.end_epoch(stack.epoch_loss, update)
        stack.begin_epoch()
    stack.finish(update)


def _find_broken(step: Step) -> list[int]:
    """Positions whose loss or new weights are not finite. One look a step, at one number a run."""
    total = step.loss + step.after.sum(dim=1)
    if bool(torch.isfinite(total).all()):
        return []
    bad: Tensor = ~(torch.isfinite(step.loss) & torch.isfinite(step.after).all(dim=1))  # a sum may overflow without any NaN
    return [int(position) for position in bad.nonzero()[:, 0]]
