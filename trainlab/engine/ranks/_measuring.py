"""What one rank does of a run: its share of every update, and, on the first, the same update by one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.distributed as dist
from torch import Tensor

from trainlab.device import derive_seed
from trainlab.engine._batches import Order
from trainlab.engine._weights import stack_networks
from trainlab.engine._work import Work
from trainlab.engine.ranks._comparing import Found, Notes, find_error, find_extents, find_factor, find_measure, measure_difference
from trainlab.engine.ranks._copy import Copy, Parallel, Portion
from trainlab.engine.ranks._dealing import Round, choose, deal
from trainlab.engine.ranks._meeting import Stage, add_up, find_largest, note, take_over, wait_for_all
from trainlab.errors import UserError

WARM, TIMED = 3, 20  # updates before times are taken, and while they are


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """The ranks of a run, as one of them sees them.

    Attributes:
        rank: of this process.
        size: how many there are.
        gradients: the group in which gradients are averaged.
        statistics: the same ranks, for batch norm's statistics, which may cross the gradients.
    """

    rank: int
    size: int
    gradients: dist.ProcessGroup
    statistics: dist.ProcessGroup


def iterate_rounds(work: Work, steps: int) -> Iterator[tuple[int, Round, Tensor]]:
    """The updates to compute: number, counted from 1 over the run, shares, and the samples at each place of the epoch's order."""
    config = work.config
    rounds = list_rounds(work)
    is_whole = config.train.batch_size is None and work.batch_size >= work.per_epoch
    order = Order([config.seed], work.samples, shuffle=work.shuffle and not is_whole, draw=work.draw)
    if len(rounds) > steps:
        numbers = choose(len(rounds), steps)
    else:
        numbers = list(range(1, min(steps, len(rounds) * config.train.epochs) + 1))
    epoch, samples = -1, torch.empty(0)
    for number in numbers:
        while epoch < (number - 1) // len(rounds):
            epoch, samples = epoch + 1, order.next_epoch()[0]
        yield number, rounds[(number - 1) % len(rounds)], samples


def list_rounds(work: Work) -> list[Round]:
    """The updates of one epoch.

    Raises:
        UserError: the samples cannot be shared like that.
    """
    config = work.config
    is_whole = config.train.batch_size is None and work.batch_size >= work.per_epoch
    return deal(work.per_epoch, config.distributed, None if is_whole else work.batch_size, config.train.accumulate)


class Member:
    """One rank's copy of a run, and how its gradient becomes that of all.

    Attributes:
        copy: what it trains.
        own: its gradient at the latest update as a share of the right one, `[1, total]`: added up over the ranks, the mean over all
            samples.
    """

    def __init__(self, work: Work, ring: Ring, start: Work | None, epochs_of: int) -> None:
        """Before the first update; `start` has the weights that this rank begins with, where those are its own."""
        self._section, self._ring, self._work = work.config.distributed, ring, work
        alone = self._section.dropout == "own" and ring.rank > 0
        seed = derive_seed(work.config.seed, f"rank {ring.rank}") if alone else work.config.seed
        statistics = ring.statistics if self._section.sync_batch_norm else None
        if self._section.through == "ddp":
            self.copy: Copy = Parallel(work, seed, epochs_of=epochs_of, group=ring.gradients, statistics=statistics)
        else:
            self.copy = Copy(work, seed, epochs_of=epochs_of, statistics=statistics)
        if start is not None:
            self.copy.weights = replace(self.copy.weights, flat=stack_networks([start.model], [0]).flat)
        self.own = torch.zeros_like(self.copy.weights.flat)
        self._before = [self.copy.weights.flat] * (self._section.delay + 1)  # the weights of the last updates, the oldest first

    def find_gradient(self, shares: Round, samples: Tensor) -> Tensor:
        """The gradient that this rank steps with, `[1, total]`: at its weights, or at those of `delay` updates before."""
        now = self.copy.weights.flat
        self._before = [*self._before[1:], now]
        self.copy.weights = replace(self.copy.weights, flat=self._before[0])
        gradient = self._find_gradient(shares, samples)
        self.copy.weights = replace(self.copy.weights, flat=now)
        return gradient

    def _find_gradient(self, shares: Round, samples: Tensor) -> Tensor:
        section, ring, copy = self._section, self._ring, self.copy
        sizes = shares.sizes
        portions = self._draw(shares, samples)
        weigh = sizes[ring.rank] * ring.size / sum(sizes) if section.reduction == "weighted" else 1.0
        add = section.accumulation == "sum"
        if isinstance(copy, Parallel):
            if not all(sizes):
                raise UserError(
                    f"must be drop or repeat: rank {sizes.index(0)} has no samples left at update {shares.number}, and the others "
                    "would wait for it for ever",
                    key="distributed.remainder",
                    value=section.remainder,
                )
            gradient, count = copy.reduce(portions, weigh=weigh, add=add)
        else:
            if section.broadcast_buffers:
                for each in copy.buffers.values():
                    take_over(each, ring.gradients)
            mine, count = copy.differentiate(portions, weigh=weigh, add=add)
            if not portions and section.sync_batch_norm:
                copy.go_through(copy.draw(samples[:1]))
            gradient = add_up(mine, ring.gradients) / (1 if section.reduction == "sum" else ring.size)
        share = 1.0 if self._work.loss == "sum" else count / sum(sizes)
        self.own = copy.own * (share / weigh if weigh else 0.0)
        return gradient

    def _draw(self, shares: Round, samples: Tensor) -> list[Portion]:
        """The batches of this rank."""
        mine = shares.batches[self._ring.rank]
        if self._section.dropout != "union":
            return [self.copy.draw(samples[list(batch)]) for batch in mine]
        whole = self.copy.draw(samples[list(shares.places)])
        row, portions = sum(shares.sizes[: self._ring.rank]), []
        for batch in mine:
            portions.append(whole.take(range(row, row + len(batch))))
            row += len(batch)
        return portions


def compare(work: Work, ring: Ring, start: Work | None, steps: int) -> Found:
    """Compute some updates, and on the first rank the same by one process; what is found is known there only.

    Gradients are compared where both are taken at the weights of the ranks: what an earlier update did wrong is not held against a
    later one. Weights are compared with those of a process that has gone its own way from the start.

    Args:
        work: the run.
        ring: the ranks.
        start: see Member.
        steps: how many updates.
    """
    note(Stage.COMPUTING, 0)
    per_epoch = len(list_rounds(work))
    member = Member(work, ring, start, per_epoch)
    alone = Copy(work, work.config.seed, epochs_of=per_epoch) if ring.rank == 0 else None
    sends, notes = work.config.distributed.broadcast_buffers, Notes()
    for number, shares, samples in iterate_rounds(work, steps):
        note(Stage.COMPUTING, number)
        before = member.copy.weights.flat
        gradient = member.find_gradient(shares, samples)
        member.copy.step(gradient, number)
        combined = add_up(member.own, ring.gradients)
        spread = find_spread(member.copy.weights.flat, ring.gradients)
        buffers = {name: each for name, each in member.copy.buffers.items() if each.is_floating_point() and each.numel()}
        # What the first rank has is what all begin their next pass with, where it is sent around
        kept = [0.0 if sends else float(find_spread(each, ring.gradients).max()) for each in buffers.values()]
        norms = compare_norms(member.copy, ring)
        if alone is None:
            continue
        notes.at.append(number)
        union = alone.draw(samples[list(shares.places)])
        portion = union if len(shares.kept) == len(shares.places) else union.take(shares.kept)
        right = alone.look_from(before, portion)
        alone.step(alone.differentiate([portion])[0], number)
        for name, one, other in (
            ("gradient", gradient, right),
            ("combined", combined, right),
            ("weight", member.copy.weights.flat, alone.weights.flat),
        ):
            absolute, relative = measure_difference(work.layout, one, other)
            notes.add(f"{name}-difference-abs", absolute)
            notes.add(f"{name}-difference", relative)
            notes.add(f"{name}-error", find_error(one, other))
        notes.add("rank-spread", find_extents(work.layout, spread) / find_measure(work.layout, alone.weights.flat))
        notes.add("gradient-factor", find_factor(gradient, right))
        notes.add("gradient-size", right.abs().max())
        extents = [max(float(alone.buffers[name].abs().max()), 1e-12) for name in buffers]
        apart = [float((each - alone.buffers[name]).abs().max()) for name, each in buffers.items()]
        notes.add("buffer-difference", max((a / e for a, e in zip(apart, extents, strict=True)), default=0.0))
        notes.add("buffer-spread", max((k / e for k, e in zip(kept, extents, strict=True)), default=0.0))
        notes.add("norm-spread", norms)
        notes.add("samples", float(len(shares.kept)))
        notes.add("repeated", float(len(shares.places) - len(shares.kept)))
        notes.add("smallest-share", float(min(shares.sizes)))
        notes.add("largest-share", float(max(shares.sizes)))
    return notes.stack()


def find_spread(values: Tensor, group: dist.ProcessGroup) -> Tensor:
    """The largest less the smallest of the ranks' numbers, each by itself."""
    return find_largest(values, group) + find_largest(-values, group)


def compare_norms(copy: Copy, ring: Ring) -> Tensor:
    """By how many standard deviations the means that batch norm took off differ between the ranks, `[norm]`.

    The mean over the channels. A batch norm that is synchronised is left out.
    """
    found = []
    for given in copy.seen.iterate():
        mean, deviation = (each.to(copy.weights.flat.device) for each in given)
        knows = torch.isfinite(mean)
        high = find_largest(torch.where(knows, mean, -torch.inf), ring.gradients)
        low = -find_largest(torch.where(knows, -mean, -torch.inf), ring.gradients)
        wide = find_largest(torch.where(torch.isfinite(deviation), deviation, 0.0), ring.gradients)
        found.append(((high - low) / torch.where(wide > 0, wide, 1.0)).mean())
    return torch.stack(found) if found else torch.zeros(0)


def measure_times(work: Work, ring: Ring) -> dict[str, float]:
    """Median seconds of an update by the ranks, of its all-reduce, and of an update by one process on the same samples.

    Of the slowest rank. Known on the first.
    """
    per_epoch = len(list_rounds(work))
    _, shares, samples = next(iterate_rounds(work, 1))
    whole: list[float] = []
    member = Member(work, ring, None, per_epoch)
    for _ in range(WARM + TIMED):
        wait_for_all(ring.gradients)
        began = time.perf_counter()
        member.copy.step(member.find_gradient(shares, samples), 1)
        _finish(member.copy)
        whole.append(time.perf_counter() - began)
    meeting: list[float] = []
    for _ in range(WARM + TIMED):
        wait_for_all(ring.gradients)
        began = time.perf_counter()
        add_up(member.copy.weights.flat, ring.gradients)
        _finish(member.copy)
        meeting.append(time.perf_counter() - began)
    alone: list[float] = []
    if ring.rank == 0:
        single = Copy(work, work.config.seed, epochs_of=per_epoch)
        for _ in range(WARM + TIMED):
            note(Stage.COMPUTING)
            began = time.perf_counter()
            gradient, _ = single.differentiate([single.draw(samples[list(shares.places)])])
            single.step(gradient, 1)
            _finish(single)
            alone.append(time.perf_counter() - began)
    slowest = find_largest(torch.tensor([_median(whole), _median(meeting)], device=member.copy.weights.flat.device), ring.gradients)
    return {"step_s": float(slowest[0]), "all_reduce_s": float(slowest[1]), "one_process_s": _median(alone)}


def _finish(copy: Copy) -> None:
    """A GPU is told what to do, and does it later."""
    if copy.weights.flat.is_cuda:
        torch.cuda.synchronize(copy.weights.flat.device)


def _median(seconds: Sequence[float]) -> float:
    return statistics.median(seconds[WARM:]) if seconds else 0.0
