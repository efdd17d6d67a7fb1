"""The training loop, for every run of a stack at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType

import torch
from torch import Tensor

from trainlab.engine._batches import Order, gather, iterate_batches
from trainlab.engine._programs import Program, Weights
from trainlab.engine._recorder import Recorder, choose_updates
from trainlab.engine._stack import Stack
from trainlab.engine._work import Work
from trainlab.step import Evaluation, Step

STEERS = "validation-loss"
"""The probe whose measurement decides when a run stops, and where a plateau begins."""


def train_stack(
    stack: Stack,
    program: Program,
    works: Sequence[Work],
    probes: Mapping[str, ModuleType],
    recorder: Recorder,
    rest: Callable[[Weights, Tensor], Evaluation],
    tick: Callable[[int], bool],
) -> None:
    """Train the runs of `stack` to their end, or until `tick` says no.

    Args:
        stack: the runs, moved on in place; what they end as is in its `final`, `fatal` and `updates`.
        program: how to compute them.
        works: the same runs, prepared; they differ in numbers only.
        probes: by name; what those with `measure(step)` and `follow(evaluation)` find goes to `recorder`, beside the loss of each
            epoch.
        recorder: filled.
        rest: makes the Evaluation of weights, given also the parameters that the last gradient was taken at.
        tick: called with the number of each update before it begins; False ends the training there.
    """
    work = works[0]
    measures = {name: each for name, each in probes.items() if hasattr(each, "measure")}
    follows = {name: each for name, each in probes.items() if hasattr(each, "follow")}
    sampled = choose_updates(work.updates)
    order = Order([each.config.seed for each in works], work.samples, shuffle=work.shuffle, draw=work.draw)
    update, epoch, going = 0, 0, True
    while going and update < work.updates and stack.rows:
        for batches in gather(
            iterate_batches(work.train, work.batch_size, order, lambda: stack.runs, work.per_epoch), work.config.train.accumulate
        ):
            going = tick(update + 1)
            if not going or update >= work.updates:
                break
            update += 1
            due = {name: probe for name, probe in measures.items() if probe.EVERY == "update" or update in sampled}
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
            found = _follow(follows, stack, rest)
            for name, values in found.items():
                recorder.add(name, "epoch", epoch, values, stack.rows)
            stack.end_epoch(found[STEERS] if work.is_steered else stack.epoch_loss, epoch, update)
        stack.begin_epoch()
    stack.finish(update)


def _follow(probes: Mapping[str, ModuleType], stack: Stack, rest: Callable[[Weights, Tensor], Evaluation]) -> dict[str, Tensor]:
    """`[row]` what there is to measure of the stack as it stands after an epoch, by probe."""
    if not probes:
        return {}
    with torch.no_grad():
        at_rest = rest(stack.weights, stack.before)
        return {name: values for name, probe in probes.items() if (values := probe.follow(at_rest)) is not None}


def _find_broken(step: Step) -> list[int]:
    """Positions whose loss or new weights are not finite. One look a step, at one number a run."""
    total = step.loss + step.after.sum(dim=1)
    if bool(torch.isfinite(total).all()):
        return []
    bad: Tensor = ~(torch.isfinite(step.loss) & torch.isfinite(step.after).all(dim=1))  # a sum may overflow without any NaN
    return [int(position) for position in bad.nonzero()[:, 0]]
