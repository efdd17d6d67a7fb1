"""Ways of clipping, and none, next to each other: what became of each, and which is the one to use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainlab.config.training import ClipBy, NoClip
from trainlab.report import Column, Finding, Table, Trace
from trainlab.studies._arms import count_held, find_end, say_seeds

ROUNDING = 1e-5
MOST = 0.5  # share of the updates: clipping more is a low learning rate in disguise
TURN = 10.0  # degrees
TURNED = 1e-3  # degrees: less is rounding
CLOSE = 9.9  # thresholds within this factor of each other are no decades apart
LEARNED = 0.05  # of the loss of the best constant: to end less far below it is to have learned nothing
COLLAPSED = "L008"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One arm over all seeds.

    Attributes:
        how: "unclipped", "by norm at 100".
        threshold: infinite where it does not clip.
        beside: whether it differs from the base in nothing but clipping.
        state: survives; survives, does not learn; collapsed; diverged.
        final: median loss over the last tenth of the epochs.
        share: of the updates that were clipped.
        angles: degrees by which each clipped update was turned.
    """

    name: str
    how: str
    threshold: float
    beside: bool
    traces: tuple[Trace, ...]
    state: str
    final: float
    share: float
    angles: np.ndarray

    @property
    def learns(self) -> bool:
        """Every seed survives, and ends below where it began."""
        return self.state == "survives"

    @property
    def turns(self) -> bool:
        """It turns a typical clipped gradient further than it should."""
        return len(self.angles) > 0 and float(np.median(self.angles)) > TURN

    @property
    def idle(self) -> int:
        """How many seeds end no noticeable bit below the best constant; 0 where there is none to compare with."""
        constant = self.constant
        if constant is None:
            return 0
        return sum(not find_end(trace) < constant - LEARNED * abs(constant) for trace in self.traces)

    @property
    def constant(self) -> float | None:
        """The loss of the best constant, where the task has one."""
        return self.traces[0].metrics.get("constant_loss")


def weigh(name: str, arm: Sequence[Trace], findings: Sequence[Finding]) -> Way:
    """One arm: its traces, and what the rules found in all of them."""
    dead = max(sum(trace.nonfinite is not None for trace in arm), count_held(findings, name, {"L003"}))
    fallen = count_held(findings, name, {COLLAPSED})
    state = "survives" if all(map(ends_lower, arm)) else "survives, does not learn"
    state = say_seeds("collapsed", fallen, len(arm)) if fallen else state
    clip = arm[0].config.clip
    return Way(
        name=name,
        how=f"by {clip.mode} at {clip.threshold:g}" if isinstance(clip, ClipBy) else "unclipped",
        threshold=clip.threshold if isinstance(clip, ClipBy) else np.inf,
        beside=is_beside(arm[0]),
        traces=tuple(arm),
        state=say_seeds("diverged", dead, len(arm)) if dead else state,
        final=float(np.median([find_end(trace) for trace in arm])),
        share=float(np.mean([share_clipped(trace) for trace in arm])),
        angles=np.concatenate([_angles(trace) for trace in arm]),
    )


def is_beside(trace: Trace) -> bool:
    """It differs from the base in nothing but clipping."""
    return all(key.startswith("clip.") for key in trace.patch)


def clips(trace: Trace) -> bool:
    """Its config clips."""
    return not isinstance(trace.config.clip, NoClip)


def ends_lower(trace: Trace) -> bool:
    """It survives, and ends below where it began."""
    values = trace.series["loss"].values
    return trace.nonfinite is None and (len(values) < 2 or find_end(trace) < values[0])  # a single epoch has no course


def overflows_forward(arm: Sequence[Trace]) -> bool:
    """In some seed the first forward pass leaves the finite numbers: there is no gradient to clip."""
    fatal = [trace.nonfinite for trace in arm if trace.nonfinite]
    return any(each.direction == "forward" and each.update == 1 for each in fatal)


def share_clipped(trace: Trace) -> float:
    """Share of the updates in which clipping changed the gradient."""
    raw, used, angle = (trace.series[name].values for name in ("total-norm", "used-norm", "clip-angle"))
    return float(np.mean((used < raw * (1 - ROUNDING)) | (angle > TURNED)))


def _angles(trace: Trace) -> np.ndarray:
    """Angles of the updates that were clipped, in degrees."""
    angles = trace.series["clip-angle"].values
    clipped = trace.series["used-norm"].values < trace.series["total-norm"].values * (1 - ROUNDING)
    chosen = angles[np.isfinite(angles) & clipped]
    return np.where(chosen > TURNED, chosen, 0.0)


def choose(ways: Sequence[Way]) -> Way | None:
    """The way to recommend, among those that every seed survives: the first of their order.

    Better than a constant in more seeds before in fewer, few updates clipped before many, the gradient kept before turned; then the
    loosest threshold. The loosest of a grid of decades, that is: of thresholds closer together than that, the one that ends lowest.
    """
    alive = [way for way in ways if way.learns]
    ranks = {way.name: (way.idle, way.share > MOST, way.turns) for way in alive}
    best = min(alive, key=lambda way: (*ranks[way.name], -way.threshold), default=None)
    if best is None:
        return None
    near = [way for way in alive if ranks[way.name] == ranks[best.name]]
    return min((way for way in near if way.threshold > best.threshold / CLOSE), key=lambda way: way.final)


def tabulate(ways: Sequence[Way]) -> Table:
    """One row a way."""
    rows = []
    for way in ways:
        raw, used = (_join(way, name) for name in ("total-norm", "used-norm"))
        rows.append(
            (
                way.name,
                way.how,
                way.state,
                way.final,
                way.share,
                _find_rate(way),
                float(np.median(way.angles)) if len(way.angles) else None,
                float(way.angles.max()) if len(way.angles) else None,
                _median(raw),
                float(np.nanmax(raw)) if not np.isnan(raw).all() else None,
                _median(used),
                way.traces[0].series["loss"].values.tolist(),
                min(trace.updates for trace in way.traces),
            )
        )
    seeds = max(len(way.traces) for way in ways)
    return Table(
        name="arms",
        title="clipping" + (f" ({seeds} seeds)" if seeds > 1 else ""),
        columns=(
            Column(name="run"),
            Column(name="clipping", priority=7),
            Column(name="verdict", kind="verdict"),
            Column(name="final loss", kind="number"),
            Column(name="clipped", kind="percent"),
            Column(name="effective rate", kind="number", priority=8),
            Column(name="median angle", kind="number", priority=3),
            Column(name="largest angle", kind="number"),
            Column(name="median raw norm", kind="number", priority=2),
            Column(name="largest raw norm", kind="number", priority=1),
            Column(name="median used norm", kind="number", priority=4),
            Column(name="loss", kind="curve", priority=5),
            Column(name="updates", kind="number", priority=6),
        ),
        rows=tuple(rows),
    )


def _join(way: Way, name: str) -> np.ndarray:
    joined: np.ndarray = np.concatenate([trace.series[name].values for trace in way.traces])
    return joined


def _median(norms: np.ndarray) -> float | None:
    finite = norms[np.isfinite(norms)]
    return float(np.median(finite)) if len(finite) else None


def _find_rate(way: Way) -> float | None:
    """The learning rate times what clipping leaves of the gradient's length: what a typical update has moved by."""
    raw, used = (_join(way, name) for name in ("total-norm", "used-norm"))
    known = np.isfinite(raw) & (raw > 0)
    return float(way.traces[0].config.optimizer.lr * np.median(used[known] / raw[known])) if known.any() else None
