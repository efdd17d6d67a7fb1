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
from trainlab.engine._weights import Weights
from trainlab.engine._work import Work
from trainlab.step import Evaluation

FEW = 50
"""Updates measured by probes whose measurements are large."""

STEERS = "validation-loss"
"""The probe whose measurement decides when a run stops, and where a plateau begins."""


def train_stack(
    stack: Stack,
    program: Program,
    works: Sequence[Work],
    probes: Mapping[str, ModuleType],
    find_due: Callable[[int], Mapping[str, ModuleType]],
    recorder: Recorder,
    rest: Callable[[Weights, Tensor], Evaluation],
    tick: Callable[[int], bool],
) -> None:
    """Train the runs of `stack` to their end, or until `tick` says no.

    Args:
        stack: the runs, moved on in place; what they end as is in its `final`, `fatal` and `updates`.
        program: how to compute them.
        works: the same runs, prepared; they differ in numbers only.
        probes: by name; what those with `follow(evaluation)` find goes to `recorder`, beside the loss of each epoch.
        find_due: those that measure the update of a number.
        recorder: filled.
        rest: makes the Evaluation of weights, given also the parameters that the last gradient was taken at.
        tick: called with the number of each update before it begins; False ends the training there.
    """
    work = works[0]
    follows = {name: each for name, each in probes.items() if hasattr(each, "follow")}
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
            step = stack.advance(program, batches, update)
            if step is not None:
                for name, probe in find_due(update).items():
                    recorder.add(name, "update", update, probe.measure(step), stack.measured)
            ended = stack.find_ended()
            if ended:
                recorder.add("loss", "epoch", epoch + 1, stack.epoch_loss, stack.only(ended))
                stack.end(ended)
                if not stack.rows:
                    break
        epoch += 1
        if stack.rows and stack.seen:
            reached = stack.epoch_loss
            recorder.add("loss", "epoch", epoch, reached, stack.rows)
            found = _follow(follows, stack, rest)
            for name, values in found.items():
                recorder.add(name, "epoch", epoch, values, stack.rows)
            stack.end_epoch(found[STEERS] if work.is_steered else reached, epoch, update)
        stack.begin_epoch()
    stack.finish(update)


def plan_measures(probes: Mapping[str, ModuleType], updates: int) -> Callable[[int], Mapping[str, ModuleType]]:
    """Which of the probes with `measure(step)` measure the update of a number, counted from 1, of so many."""
    each = {name: probe for name, probe in probes.items() if hasattr(probe, "measure")}
    some = {"sample": choose_updates(updates), "few": choose_updates(updates, FEW)}
    return lambda update: {name: probe for name, probe in each.items() if probe.EVERY == "update" or update in some[probe.EVERY]}


def _follow(probes: Mapping[str, ModuleType], stack: Stack, rest: Callable[[Weights, Tensor], Evaluation]) -> dict[str, Tensor]:
    """`[row]` what there is to measure of the stack as it stands after an epoch, by probe."""
    if not probes:
        return {}
    with torch.no_grad():
        at_rest = rest(stack.weights, stack.before)
        return {name: values for name, probe in probes.items() if (values := probe.follow(at_rest)) is not None}
