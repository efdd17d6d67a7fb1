"""Is clipping needed, by value or by norm, at which threshold?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from trainlab.config import Config
from trainlab.config.training import NoClip
from trainlab.plan import Arm, Conclusion, Options, Plan
from trainlab.report import Answer, Column, Finding, Table, Trace
from trainlab.studies._arms import by_arm, make_arm, plan_runs

PROBES = ("total-norm", "used-norm", "clip-angle", "accuracy", "baselines", "gradient-norm")
RULES = ("non-finite", "diverged", "exploding-gradient", "clipping-too-much", "clipping-turns-gradient", "clipping-idle")
ROUNDING = 1e-5


def first(config: Config, options: Options) -> Plan:
    """Unclipped, then by value and by norm at each threshold, then each `--vs`."""
    base = options.arms[0]
    own = getattr(config.clip, "threshold", 1.0)
    unclipped = replace(base.config, clip=NoClip())
    arms = [Arm(name=base.name, patch={}, config=unclipped)]
    for threshold in options.chosen.get("threshold") or (own,):
        for mode in ("value", "norm"):
            arms.append(
                make_arm(
                    unclipped, {"clip.mode": mode, "clip.threshold": threshold}, name=f"clip.mode={mode},threshold={threshold:g}"
                )
            )
    return Plan(runs=plan_runs([*arms, *options.arms[1:]], options.seeds), probes=PROBES, rules=RULES)


def then(config: Config, options: Options, traces: Sequence[Trace]) -> None:  # noqa: ARG001  # one plan is enough
    """Nothing more."""
    return


def conclude(config: Config, options: Options, traces: Sequence[Trace], findings: Sequence[Finding]) -> Conclusion:  # noqa: ARG001
    """Whether the unclipped run survives, and what each way of clipping does."""
    arms = by_arm(traces)
    states = {name: _state(arm, findings) for name, arm in arms.items()}
    return Conclusion(answer=_answer(arms, states), tables=(_tabulate(arms, states),), findings=tuple(findings))


def share_clipped(trace: Trace) -> float:
    """Share of the updates in which clipping changed the gradient."""
    raw, used, angle = (trace.series[name].values for name in ("total-norm", "used-norm", "clip-angle"))
    return float(np.mean((used < raw * (1 - ROUNDING)) | (angle > 0.01)))


def _state(arm: Sequence[Trace], findings: Sequence[Finding]) -> str:
    dead = [trace for trace in arm if trace.nonfinite is not None]
    if dead:
        return "diverged" if len(dead) == len(arm) else f"diverged in {len(dead)} of {len(arm)} seeds"
    if any(each.run == arm[0].name and each.code == "L003" for each in findings):
        return "diverged"
    losses = [trace.series["loss"].values for trace in arm]
    falls = all(np.median(values[-max(1, len(values) // 10) :]) < values[0] for values in losses)
    return "survives" if falls else "survives, does not learn"


def _answer(arms: dict[str, list[Trace]], states: dict[str, str]) -> Answer:
    names = list(arms)
    base, others = names[0], names[1:]
    values: dict[str, Any] = {"needed": states[base].startswith("diverged"), "states": states}
    alive = [name for name in others if states[name] == "survives"]
    if not values["needed"]:
        idle = [name for name in others if max(map(share_clipped, arms[name])) == 0]
        text = "Clipping is not needed: the unclipped run survives."
        text += f" {', '.join(idle)} never takes effect." if idle else ""
        return Answer(text=text, values=values)
    fatal = arms[base][0].nonfinite
    death = (
        f"the unclipped run diverges at update {fatal.update} ({fatal.value} in {fatal.where})"
        if fatal
        else "the unclipped run diverges"
    )
    if not alive:
        text = f"Clipping does not save this network: {death}, and so do the clipped ones."
        if fatal and fatal.direction == "forward" and fatal.update == 1:
            text = f"Clipping cannot help: {death}; the forward pass itself overflows before there is a gradient to clip."
        return Answer(text=text, values=values)
    best = min(alive, key=lambda name: np.median([_final(trace) for trace in arms[name]]))
    values["recommended"] = best
    share = float(np.mean([share_clipped(trace) for trace in arms[best]]))
    text = (
        f"Clipping is needed: {death}; with {best} it trains to a loss of {np.median([_final(trace) for trace in arms[best]]):.4g}"
    )
    text += f", clipping {100 * share:.0f} % of the updates"
    turned = {name: max(_angles(trace).max(initial=0.0) for trace in arms[name]) for name in alive}
    by_value = next((name for name in alive if "value" in name and turned[name] > 1), None)
    text += f". Clipping by value turns the gradient by up to {turned[by_value]:.1f} degrees, by norm by none." if by_value else "."
    if share > 0.5:
        text += " More than half of the updates are clipped: lower the learning rate instead."
    return Answer(text=text, values=values)


def _final(trace: Trace) -> float:
    values = trace.series["loss"].values
    return float(np.median(values[-max(1, len(values) // 10) :]))


def _angles(trace: Trace) -> np.ndarray:
    """Angles of the updates that were clipped, in degrees."""
    angles = trace.series["clip-angle"].values
    return angles[np.isfinite(angles) & (trace.series["used-norm"].values < trace.series["total-norm"].values * (1 - ROUNDING))]


def _tabulate(arms: dict[str, list[Trace]], states: dict[str, str]) -> Table:
    rows = []
    for name, arm in arms.items():
        raw = np.concatenate([trace.series["total-norm"].values for trace in arm])
        used = np.concatenate([trace.series["used-norm"].values for trace in arm])
        angles = np.concatenate([_angles(trace) for trace in arm])
        rows.append(
            (
                name,
                states[name],
                _final(arm[0]) if len(arm) == 1 else float(np.median([_final(trace) for trace in arm])),
                float(np.mean([share_clipped(trace) for trace in arm])),
                float(np.median(angles)) if len(angles) else 0.0,
                float(angles.max()) if len(angles) else 0.0,
                float(np.median(raw[np.isfinite(raw)])) if np.isfinite(raw).any() else None,
                float(raw.max()),
                float(np.median(used[np.isfinite(used)])) if np.isfinite(used).any() else None,
                arm[0].series["loss"].values.tolist(),
                min(trace.updates for trace in arm),
            )
        )
    seeds = len(next(iter(arms.values())))
    return Table(
        name="arms",
        title="clipping" + (f" ({seeds} seeds)" if seeds > 1 else ""),
        columns=(
            Column(name="run"),
            Column(name="verdict", kind="verdict"),
            Column(name="final loss", kind="number"),
            Column(name="clipped", kind="percent"),
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
