"""Collects what probes measure, and hands it out run by run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from trainlab.report import Series

BLOCK = 64
"""Measurements that lie in one piece of memory: kept one by one, thousands of small ones would scatter over all of it.

The first pieces are smaller, 1, 1, 2, 4 and so on: where runs keep ending, a segment has few.
"""


class Recorder:
    """Rows of measurements, kept on the device until the end: one transfer, not one an update.

    Attributes:
        looking: the probe that is measuring what the runs have come to; empty before.
    """

    def __init__(self) -> None:
        self.looking = ""
        # series name -> segments during which the same runs were training: (rows, when, blocks of values `[BLOCK, row, ...]`)
        self._segments: dict[tuple[str, Literal["update", "epoch"]], list[tuple[list[int], list[int], list[Tensor]]]] = {}

    def add(self, name: str, per: Literal["update", "epoch"], at: int, values: Tensor, rows: list[int]) -> None:
        """Note `values` `[row, ...]` at `at` for the runs `rows`; a row of -1 is padding."""
        segments = self._segments.setdefault((name, per), [])
        if not segments or segments[-1][0] is not rows:
            segments.append((rows, [], []))
        _, when, blocks = segments[-1]
        place = _find_place(len(when))
        if not place:
            blocks.append(values.new_empty((min(BLOCK, max(1, len(when))), *values.shape)))
        blocks[-1][place] = values
        when.append(at)

    def read_last(self, name: str, per: Literal["update", "epoch"]) -> list[float]:
        """The latest values of a series of single numbers, one a row, those that are finite."""
        segments = self._segments.get((name, per))
        if not segments:
            return []
        _, when, blocks = segments[-1]
        return [value for value in blocks[-1][_find_place(len(when) - 1)].tolist() if math.isfinite(value)]

    def collect(self, runs: int) -> list[dict[str, Series]]:
        """For each run, its series by name. Takes what it hands out: nothing is left here.

        Runs measured at the same times share them, and a run that was never parted from the others is a view of what was recorded:
        thousands of runs weigh as much as their values.
        """
        collected: list[dict[str, Series]] = [{} for _ in range(runs)]
        for name, per in list(self._segments):
            segments = self._segments.pop((name, per))
            when: list[list[np.ndarray]] = [[] for _ in range(runs)]
            values: list[list[np.ndarray]] = [[] for _ in range(runs)]
            for rows, at, blocks in segments:
                kept = [position for position, run in enumerate(rows) if run >= 0]
                values_at = torch.cat(blocks)[: len(at), kept].transpose(0, 1).cpu()
                blocks.clear()
                measured = np.ascontiguousarray(values_at.double().numpy())  # [run, time, ...]
                times = np.asarray(at, dtype=np.int64)
                for position, row in zip(kept, measured, strict=True):
                    when[rows[position]].append(times)
                    values[rows[position]].append(row)
            for run in range(runs):
                if when[run]:
                    collected[run][name] = Series(per=per, at=_join(when[run]), values=_join(values[run]))
        return collected


def _find_place(position: int) -> int:
    """Where in its piece the measurement at a position of a segment lies."""
    if position >= BLOCK:
        return position % BLOCK
    return position - (1 << position.bit_length() - 1) if position else 0


def _join(parts: Sequence[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def choose_updates(total: int, limit: int = 200) -> frozenset[int]:
    """The updates to measure closely: all up to `limit`, else the first ten, where runs die, and others evenly to the last."""
    if total <= limit:
        return frozenset(range(1, total + 1))
    return frozenset(range(1, 11)) | {round(each) for each in np.linspace(10, total, limit - 9).tolist()}
