"""What the tables of a comparison of ranks with one process say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainlab.config import Config
from trainlab.report import Column, Table, Trace
from trainlab.studies._arms import make_arm
from trainlab.studies._switches import IDEAL, Cause, make_ideal

UNEXPLAINED = "none that is known"
ROUNDING = 1e-9
"""Relative difference in float64 up to which only the order of a sum can differ: a thousand times what was ever seen of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a cause does to the base.

    Attributes:
        cause: what was switched.
        single: how far it alone, all else mended, puts the gradient off, in the run's number format.
        alone: the same in float64.
        without: how far off it is when it alone is mended, in float64; None where there is nothing else.
        buffers: by how much running statistics differ between the ranks, with it alone.
        left: how far off it is in float64 where every known cause is mended.
    """

    cause: Cause
    single: float
    alone: float
    without: float | None
    buffers: float
    left: float = 0.0

    @property
    def is_felt(self) -> bool:
        """It does more than the order of the sums, and than what no known cause explains."""
        return max(abs(self.alone - self.left), self.buffers) > ROUNDING


def find_worst(arm: Sequence[Trace], name: str) -> float:
    """The largest value of a series over updates, parameters and seeds; 0 where nothing was measured."""
    return max((float(trace.series[name].values.max()) for trace in arm if name in trace.series), default=0.0)


def find_arm(
    arms: Mapping[str, Sequence[Trace]], base: Sequence[Trace], config: Config, patch: Mapping[str, Any]
) -> Sequence[Trace] | None:
    return arms.get(make_arm(config, patch).name) if patch else base


def tabulate_arms(shown: Mapping[str, Sequence[Trace]], verdicts: Mapping[str, str]) -> Table:
    rows = []
    for name, arm in shown.items():
        factors = np.concatenate([trace.series["gradient-factor-float64"].values for trace in arm])
        rows.append(
            (
                name,
                verdicts[name],
                find_worst(arm, "gradient-error"),
                find_worst(arm, "gradient-error-float64"),
                find_worst(arm, "gradient-difference-abs-float64"),
                float(factors[int(np.argmax(np.abs(factors - 1)))]),
                find_worst(arm, "weight-error"),
                find_worst(arm, "weight-error-float64"),
                find_worst(arm, "buffer-difference-float64"),
                find_worst(arm, "rank-spread-float64"),
            )
        )
    precision = next(iter(shown.values()))[0].config.train.precision
    return Table(
        name="arms",
        title="ranks against one process: how far off, as a share of the length",
        columns=(
            Column(name="run"),
            Column(name="verdict", kind="verdict"),
            Column(name=f"gradient {precision}" if precision != "float64" else "gradient", kind="number"),
            Column(name="gradient float64", kind="number"),
            Column(name="absolute", kind="number", priority=4),
            Column(name="times as long", kind="number", priority=1),
            Column(name=f"weights {precision}" if precision != "float64" else "weights", kind="number", priority=6),
            Column(name="weights float64", kind="number", priority=2),
            Column(name="buffers", kind="number", priority=5),
            Column(name="between ranks", kind="number", priority=3),
        ),
        rows=tuple(rows),
    )


def tabulate_causes(effects: Sequence[Effect], arms: Mapping[str, Sequence[Trace]], base: Sequence[Trace]) -> Table:
    """What each cause does to the gradient of the base; the order of the sums is what is left when all are mended."""
    config = base[0].config
    rows: list[tuple[Any, ...]] = [
        (each.cause.name, each.alone, each.single, each.without, each.buffers, each.cause.setting) for each in effects
    ]
    ideal = find_arm(arms, base, config, make_ideal(config))
    if ideal is not None:
        left = find_worst(ideal, "gradient-error-float64")
        name = IDEAL if left <= ROUNDING or ideal is base else UNEXPLAINED
        rows.append((name, left, find_worst(ideal, "gradient-error"), None, 0.0, ""))
    return Table(
        name="causes",
        title="what the gradient of base is off by, and why",
        columns=(
            Column(name="cause"),
            Column(name="alone", kind="number"),
            Column(name=f"alone in {config.train.precision}", kind="number", priority=2),
            Column(name="without it", kind="number", priority=1),
            Column(name="buffers apart", kind="number", priority=3),
            Column(name="setting"),
        ),
        rows=tuple(rows),
    )


def tabulate_layers(base: Sequence[Trace]) -> Table:
    names = ("gradient-difference-abs", "gradient-difference", "gradient-difference-float64", "weight-difference-float64")
    worst = {name: np.max([trace.series[name].values.max(axis=0) for trace in base], axis=0) for name in names}
    at = base[0].series["gradient-difference-float64"]
    rows = [
        (
            parameter.name,
            *(float(worst[name][column]) for name in names),
            int(at.at[int(np.argmax(at.values[:, column]))]),
        )
        for column, parameter in enumerate(base[0].parameters)
    ]
    return Table(
        name="layers",
        title="layers of base: largest difference of any update",
        columns=(
            Column(name="layer"),
            Column(name="absolute", kind="number", priority=2),
            Column(name="relative", kind="number"),
            Column(name="in float64", kind="number"),
            Column(name="weights float64", kind="number", priority=1),
            Column(name="at update", kind="number", priority=3),
        ),
        rows=tuple(rows),
    )


def tabulate_updates(base: Sequence[Trace]) -> Table:
    trace = base[0]
    rows = []
    for row, update in enumerate(trace.series["samples"].at):
        pick = {
            name: float(trace.series[name].values[row].max())
            for name in (
                *("samples", "smallest-share", "largest-share", "repeated"),
                *("gradient-error", "gradient-error-float64", "weight-error-float64"),
            )
        }
        shares = f"{pick['smallest-share']:g}"
        shares += f" to {pick['largest-share']:g}" if pick["largest-share"] > pick["smallest-share"] else ""
        rows.append(
            (
                int(update),
                int(pick["samples"]),
                shares,
                int(pick["repeated"]),
                pick["gradient-error"],
                pick["gradient-error-float64"],
                pick["weight-error-float64"],
            )
        )
    return Table(
        name="updates",
        title="updates of base",
        columns=(
            Column(name="update", kind="number"),
            Column(name="samples", kind="number", priority=2),
            Column(name="a rank"),
            Column(name="repeated", kind="number", priority=3),
            Column(name="gradient", kind="number"),
            Column(name="in float64", kind="number"),
            Column(name="weights float64", kind="number", priority=1),
        ),
        rows=tuple(rows),
    )


def tabulate_work(shown: Mapping[str, Sequence[Trace]]) -> Table:
    rows = []
    for name, arm in shown.items():
        trace, section = arm[0], arm[0].config.distributed
        accumulate = trace.config.train.accumulate
        own = trace.config.train.batch_size
        samples = trace.sizes["train"]
        alone = math.ceil(math.ceil(samples / own) / accumulate) if own is not None else 1
        metrics = trace.metrics
        rows.append(
            (
                name,
                trace.how.removeprefix("by "),
                section.sharding,
                metrics["samples_per_rank"],
                metrics["effective_batch"],
                metrics["updates_per_epoch"],
                alone,
            )
        )
    return Table(
        name="work",
        title="who does what",
        columns=(
            Column(name="run"),
            Column(name="computed by", priority=3),
            Column(name="sharding", priority=2),
            Column(name="samples a rank", kind="number", priority=1),
            Column(name="effective batch", kind="number"),
            Column(name="updates an epoch", kind="number"),
            Column(name="by one process", kind="number"),
        ),
        rows=tuple(rows),
    )


def tabulate_speed(shown: Mapping[str, Sequence[Trace]]) -> Table:
    rows = []
    for name, arm in shown.items():
        step, meeting, alone = (float(np.median([trace.metrics[key] or np.nan for trace in arm])) for key in _TIMES)
        ranks = arm[0].config.distributed.ranks
        rows.append((name, ranks, 1e3 * step, 1e3 * meeting, 1e3 * alone, alone / step, ranks, alone / step / ranks))
    return Table(
        name="times",
        title="milliseconds an update (medians)",
        columns=(
            Column(name="run"),
            Column(name="ranks", kind="number", priority=3),
            Column(name="update", kind="number"),
            Column(name="all-reduce", kind="number"),
            Column(name="one process", kind="number", priority=1),
            Column(name="speed-up", kind="number"),
            Column(name="ideal", kind="number", priority=2),
            Column(name="of the ideal", kind="percent"),
        ),
        rows=tuple(rows),
    )


_TIMES = ("step_s", "all_reduce_s", "one_process_s")
