"""How far the runs of a plan are, and what they have come to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trainlab.engine._recorder import Recorder
from trainlab.engine._work import Work
from trainlab.report import Trace

LOOK_SECONDS = 0.2  # between two looks at the losses, which on a GPU cost a transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a plan is. Updates and epochs are counted over all runs.

    Attributes:
        best: the lowest mean training loss of an epoch so far; None before the first.
        looking: the probe that is measuring what some runs have come to; empty while they train.
    """

    runs: int
    runs_done: int
    updates: int
    updates_done: int
    epochs: int
    epochs_done: int
    best: float | None = None
    looking: str = ""


Listen = Callable[[Progress], bool]


class Course:
    """What has been trained of a plan, and whether to go on.

    Attributes:
        going: nobody has asked to stop.
        device: the kind that all runs are on.
        traces: of the runs that are done, by position in the plan.
    """

    def __init__(self, works: Sequence[Work], listen: Listen) -> None:
        self.going = True
        self.traces: dict[int, Trace] = {}
        self.device = works[0].train.inputs.device.type if works else "cpu"
        self._works, self._listen = works, listen
        self._updates = sum(work.updates for work in works)
        self._epochs = sum(count_epochs(work, work.updates) for work in works)
        self._updates_done = self._epochs_done = 0
        self._best = math.inf
        self._looked = 0.0

    @property
    def updates_left(self) -> int:
        """Of the runs that are not done, over all of them."""
        return self._updates - self._updates_done

    def measure(self, positions: Sequence[int]) -> int:
        """How long runs take, as far as sizes tell: samples times parameters of all their updates."""
        return sum(self._works[each].updates * self._works[each].batch_size * self._works[each].layout.total for each in positions)

    def look(self, doing: Sequence[tuple[Sequence[int], int]], recorder: Recorder | None = None) -> bool:
        """Tell how far it is.

        Args:
            doing: the runs in training, by position, each part with the number of updates behind it.
            recorder: what those that train here have come to.

        Returns:
            Whether to go on.
        """
        now = time.perf_counter()
        if recorder is not None and now - self._looked > LOOK_SECONDS:
            self._looked = now
            self._best = min([self._best, *recorder.read_last("loss", "epoch")])
        self.going = self.going and self._listen(
            Progress(
                runs=len(self._works),
                runs_done=len(self.traces),
                updates=self._updates,
                updates_done=self._updates_done + sum(len(runs) * updates for runs, updates in doing),
                epochs=self._epochs,
                epochs_done=self._epochs_done
                + sum(len(runs) * (updates // self._works[runs[0]].updates_per_epoch) for runs, updates in doing),
                best=self._best if math.isfinite(self._best) else None,
                looking="" if recorder is None else recorder.looking,
            )
        )
        return self.going

    def note(self, positions: Sequence[int], traces: Sequence[Trace]) -> None:
        """Take in what some runs came to; those that were stopped before their first update are left out."""
        for position, trace in zip(positions, traces, strict=True):
            work = self._works[position]
            self._updates_done += work.updates
            self._epochs_done += count_epochs(work, work.updates)
            if self.going or trace.updates or not work.updates:
                self.traces[position] = trace
            if "loss" in trace.series:
                self._best = min([self._best, *(each for each in trace.series["loss"].values[-1:].tolist() if math.isfinite(each))])


def count_epochs(work: Work, updates: int) -> int:
    """Epochs begun by so many updates."""
    return math.ceil(updates / work.updates_per_epoch)
