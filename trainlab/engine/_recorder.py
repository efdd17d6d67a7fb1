"""Collects what probes measure, and hands it out run by run."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from trainlab.report import Series


class Recorder:
    """Rows of measurements, kept on the device until the end: one transfer, not one an update."""

    def __init__(self) -> None:
        # series name -> segments during which the same runs were training: (rows, when, values)
        self._segments: dict[tuple[str, Literal["update", "epoch"]], list[tuple[list[int], list[int], list[Tensor]]]] = {}

    def add(self, name: str, per: Literal["update", "epoch"], at: int, values: Tensor, rows: list[int]) -> None:
        """Note `values` `[row, ...]` at `at` for the runs `rows`; a row of -1 is padding."""
        segments = self._segments.setdefault((name, per), [])
        if not segments or segments[-1][0] is not rows:
            segments.append((rows, [], []))
        segments[-1][1].append(at)
        segments[-1][2].append(values)

    def collect(self, runs: int) -> list[dict[str, Series]]:
        """For each run, its series by name."""
        collected: list[dict[str, Series]] = [{} for _ in range(runs)]
        for (name, per), segments in self._segments.items():
            when: list[list[np.ndarray]] = [[] for _ in range(runs)]
            values: list[list[np.ndarray]] = [[] for _ in range(runs)]
            for rows, at, tensors in segments:
                block = torch.stack(tensors, dim=1).cpu().double().numpy()  # [row, time, ...]
                for position, run in enumerate(rows):
                    if run >= 0:
                        when[run].append(np.asarray(at, dtype=np.int64))
                        values[run].append(block[position])
            for run in range(runs):
                if when[run]:
                    collected[run][name] = Series(per=per, at=np.concatenate(when[run]), values=np.concatenate(values[run]))
        return collected


def choose_updates(total: int, limit: int = 200) -> frozenset[int]:
    """The updates to measure closely: all up to `limit`, else the first ten, where runs die, and others evenly to the last."""
    if total <= limit:
        return frozenset(range(1, total + 1))
    return frozenset(range(1, 11)) | {round(each) for each in np.linspace(10, total, limit - 9).tolist()}
