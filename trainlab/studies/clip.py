"""Is clipping needed, by value or by norm, at which threshold?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainlab.config import Config
from trainlab.config.training import ClipBy, NoClip
from trainlab.plan import Conclusion, Find, Options, Plan
from trainlab.report import Answer, Column, Finding, Skipped, Table, Trace
from trainlab.studies._arms import MISTAKES, by_arm, count_held, find_end, list_seeds, make_arm, plan_runs, say_seeds
from trainlab.studies._thresholds import TIGHT, propose, say_guard, tabulate_norms

PROBES = ("total-norm", "used-norm", "clip-angle", "accuracy", "baselines", "gradient-norm", "gradient-max-abs")
CLIPPING = ("clipping-needed", "clipping-too-much", "clipping-turns-gradient", "clipping-idle")
RULES = ("non-finite", "diverged", "exploding-gradient", "outlier-gradient", *CLIPPING, "outliers", *MISTAKES)
ROUNDING = 1e-5
MOST = 0.5  # share of the updates: clipping more is a low learning rate in disguise
TURN = 10.0  # degrees
TURNED = 1e-3  # degrees: less is rounding
CLOSE = 9.9  # thresholds within this factor of each other are no decades apart
LEARNED = 0.05  # of the loss of the best constant: to end less far below it is to have learned nothing
OUTLIERS = "D005"
SAME = 0.1  # of a loss: less is no difference worth a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One arm over all seeds.

    Attributes:
        how: "unclipped", "by norm at 100".
        threshold: infinite where it does not clip.
        beside: whether it differs from the base in nothing but clipping.
        state: survives; survives, does not learn; diverged.
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


def first(config: Config, options: Options) -> Plan:  # noqa: ARG001  # the base is the first of the arms
    """The config as it is, and unclipped; by value and by norm at each threshold where any is given; then each `--vs`.

    Without a threshold, neither of the command nor of the config, this is a pilot run: what it shows decides where to clip.
    """
    base, *others = options.arms
    patches: list[dict[str, Any]] = [{"clip.mode": "none"}]
    for threshold in _list_thresholds(options):
        patches += [{"clip.mode": mode, "clip.threshold": threshold} for mode in ("value", "norm")]
    arms = [arm for arm in (make_arm(base.config, patch) for patch in patches) if arm.config != base.config]
    return Plan(runs=plan_runs([base, *arms, *others], _list_seeds(options)), probes=PROBES, rules=RULES)


def _list_thresholds(options: Options) -> tuple[float, ...]:
    own = options.arms[0].config.clip
    return options.chosen.get("threshold") or ((own.threshold,) if isinstance(own, ClipBy) else ())


def _list_seeds(options: Options) -> tuple[int, ...]:
    """Those asked for; of a search three where none are."""
    return options.seeds if _list_thresholds(options) else list_seeds(options)


def then(config: Config, options: Options, traces: Sequence[Trace], find: Find) -> Plan | None:  # noqa: ARG001
    """Both ways of clipping at what the pilot suggests; then a tenth of the rate unclipped, where clipping would be the rule.

    Advice is measured, not given.
    """
    base, arms = options.arms[0], by_arm(traces)
    unclipped = next((arm for arm in arms.values() if _is_pilot(arm)), None)
    if unclipped is None or _overflows_forward(unclipped):
        return None
    survives = all(map(_learns, unclipped))
    tried = [arm for arm in arms.values() if _is_beside(arm[0]) and _clips(arm[0])]
    tightest = min((arm[0].config.clip.threshold for arm in tried), default=None)  # type: ignore[union-attr]  # they clip
    saved = any(all(map(_learns, arm)) for arm in tried)
    if not _list_thresholds(options) and (not tried or not (survives or saved or tightest == TIGHT[-1])):
        ways = [make_arm(base.config, patch) for patch in propose(unclipped, survives=survives, tried=bool(tried))]
        return Plan(runs=plan_runs(ways, _list_seeds(options)), probes=PROBES, rules=RULES) if ways else None
    if survives or any("optimizer.lr" in arm[0].patch for arm in arms.values()):
        return None
    if any(all(map(_learns, arm)) and _mean_share(arm) <= MOST for arm in arms.values()):
        return None
    slower = {"clip.mode": "none", "optimizer.lr": float(f"{base.config.optimizer.lr / 10:.6g}")}
    return Plan(runs=plan_runs([make_arm(base.config, slower)], _list_seeds(options)), probes=PROBES, rules=RULES)


def _is_pilot(arm: Sequence[Trace]) -> bool:
    return not _clips(arm[0]) and _is_beside(arm[0])


def _is_beside(trace: Trace) -> bool:
    """It differs from the base in nothing but clipping."""
    return all(key.startswith("clip.") for key in trace.patch)


def conclude(
    config: Config,  # noqa: ARG001  # one signature for all studies
    options: Options,  # noqa: ARG001
    traces: Sequence[Trace],
    findings: Sequence[Finding],
    skipped: Sequence[Skipped],  # noqa: ARG001
) -> Conclusion:
    """Whether the unclipped run survives, and what each way of clipping does.

    Of the findings, those of the config as it is stay, and what is new in the way recommended: what another threshold did is a row
    of the table.
    """
    ways = [_weigh(name, arm, findings) for name, arm in by_arm(traces).items()]
    unclipped = {way.name for way in ways if way.beside and way.how == "unclipped"}
    answer, best = _answer(ways, frozenset(each.code for each in findings if each.run in unclipped))
    own = [each for each in findings if each.run == ways[0].name]
    told = {(each.code, each.message) for each in own}
    own += [
        each
        for each in findings
        if best is not None and each.run == best.name != ways[0].name and (each.code, each.message) not in told
    ]
    pilot = next((way.traces for way in ways if way.beside and way.how == "unclipped"), ())
    norms = tabulate_norms(pilot) if pilot else None
    tables = (_tabulate(ways), *([norms] if norms is not None else []))
    return Conclusion(answer=answer, tables=tables, findings=tuple(own))


def share_clipped(trace: Trace) -> float:
    """Share of the updates in which clipping changed the gradient."""
    raw, used, angle = (trace.series[name].values for name in ("total-norm", "used-norm", "clip-angle"))
    return float(np.mean((used < raw * (1 - ROUNDING)) | (angle > TURNED)))


def _mean_share(arm: Sequence[Trace]) -> float:
    return float(np.mean([share_clipped(trace) for trace in arm]))


def _clips(trace: Trace) -> bool:
    return not isinstance(trace.config.clip, NoClip)


def _learns(trace: Trace) -> bool:
    values = trace.series["loss"].values
    return trace.nonfinite is None and (len(values) < 2 or find_end(trace) < values[0])  # a single epoch has no course


def _overflows_forward(arm: Sequence[Trace]) -> bool:
    fatal = arm[0].nonfinite
    return fatal is not None and fatal.direction == "forward" and fatal.update == 1


def _weigh(name: str, arm: Sequence[Trace], findings: Sequence[Finding]) -> Way:
    dead = max(sum(trace.nonfinite is not None for trace in arm), count_held(findings, name, {"L003"}))
    state = "survives" if all(map(_learns, arm)) else "survives, does not learn"
    clip = arm[0].config.clip
    how = f"by {clip.mode} at {clip.threshold:g}" if isinstance(clip, ClipBy) else "unclipped"
    return Way(
        name=name,
        how=how,
        threshold=clip.threshold if isinstance(clip, ClipBy) else np.inf,
        beside=_is_beside(arm[0]),
        traces=tuple(arm),
        state=say_seeds("diverged", dead, len(arm)) if dead else state,
        final=float(np.median([find_end(trace) for trace in arm])),
        share=_mean_share(arm),
        angles=np.concatenate([_angles(trace) for trace in arm]),
    )


def _angles(trace: Trace) -> np.ndarray:
    """Angles of the updates that were clipped, in degrees."""
    angles = trace.series["clip-angle"].values
    clipped = trace.series["used-norm"].values < trace.series["total-norm"].values * (1 - ROUNDING)
    chosen = angles[np.isfinite(angles) & clipped]
    return np.where(chosen > TURNED, chosen, 0.0)


def _answer(ways: Sequence[Way], found: frozenset[str]) -> tuple[Answer, Way | None]:
    """The answer, and the way of clipping that it recommends; `found`: codes of what is wrong with the unclipped run."""
    beside = [way for way in ways if way.beside]
    unclipped = next((way for way in beside if way.how == "unclipped"), None)
    clipping = [way for way in beside if way is not unclipped]
    values: dict[str, Any] = {"needed": None, "states": {way.name: way.state for way in ways}}
    if unclipped is not None and _overflows_forward(unclipped.traces):
        values["needed"] = False
        reason = "the forward pass overflows before there is a gradient to clip"
        text = f"Clipping cannot help: unclipped, the run {_say_death(unclipped)}; {reason}."
        return Answer(text=text + _say_slower(ways), values=values), None
    if unclipped is None or not clipping:
        return Answer(text="Nothing can be said: not both ways, clipped and unclipped, could be run.", values=values), None
    best = _choose(clipping)
    values["needed"] = not unclipped.learns and best is not None
    if unclipped.learns:
        return Answer(text=_say_not_needed(unclipped, clipping, found), values=values), None
    death = f"unclipped, the run {_say_death(unclipped)}"
    if best is None:
        text = f"Clipping does not save this network: {death}, and no way of clipping makes it learn."
        return Answer(text=text + _say_slower(ways), values=values), None
    values["recommended"] = best.name
    there = ", as the config does" if not best.traces[0].patch else ""
    text = f"Clipping is needed: {death}. Clip {best.how}{there}: the loss ends at {best.final:.4g}, "
    text += f"and {_percent(best.share)} of the updates are clipped." + _say_turn(best, clipping)
    if best.share > MOST:
        text += " That many clipped updates are a lower learning rate in disguise." + _say_slower(ways)
    constant = _find_constant([best])
    if constant is not None and OUTLIERS in found:
        text += " What is left of the loss is that of the outliers."
    elif constant is not None:
        updates = min(trace.updates for trace in best.traces)
        text += f" But in {updates} updates it has learned next to nothing: a constant reaches {constant:.4g}."
    return Answer(text=text, values=values), best


def _say_turn(best: Way, clipping: Sequence[Way]) -> str:
    """What clipping by value does to the direction, and what that is worth where its loss is the lower one."""
    turning = max((way for way in clipping if way.turns), key=lambda way: float(way.angles.max()), default=None)
    if turning is None:
        return ""
    text = f" {turning.how[0].upper()}{turning.how[1:]} it turns the gradient by up to {turning.angles.max():.1f} degrees"
    if turning is best:
        return f"{text}: no way by norm makes it learn."
    lower = turning.learns and turning.final < best.final
    return f"{text}, though the loss ends at {turning.final:.4g}." if lower else f"{text}."


def _choose(ways: Sequence[Way]) -> Way | None:
    """The way to recommend, among those that every seed survives: the first of their order.

    Better than a constant before no better, few updates clipped before many, the gradient kept before turned; then the loosest
    threshold. The loosest of a grid of decades, that is: of thresholds closer together than that, the one that ends lowest.
    """
    alive = [way for way in ways if way.learns]
    ranks = {way.name: (_find_constant([way]) is not None, way.share > MOST, way.turns) for way in alive}
    best = min(alive, key=lambda way: (*ranks[way.name], -way.threshold), default=None)
    if best is None:
        return None
    near = [way for way in alive if ranks[way.name] == ranks[best.name]]
    return min((way for way in near if way.threshold > best.threshold / CLOSE), key=lambda way: way.final)


def _say_death(way: Way) -> str:
    fatal = next((trace.nonfinite for trace in way.traces if trace.nonfinite), None)
    if fatal is None:
        return way.state
    return way.state.replace("diverged", f"diverges at update {fatal.update} ({fatal.value} in {fatal.where})", 1)


def _say_not_needed(unclipped: Way, clipping: Sequence[Way], found: frozenset[str]) -> str:
    updates = min(trace.updates for trace in unclipped.traces)
    if updates == 1:
        return "Clipping is not needed: unclipped, the run survives its only update. Train longer to be sure."
    text = f"Clipping is not needed: unclipped, the run survives its {updates} updates and ends at a loss of {unclipped.final:.4g}."
    text += say_guard(unclipped.traces, heavy="C002" in found)
    constant = _find_constant([unclipped, *clipping])
    if constant is not None:
        text += f" But it has learned next to nothing, clipped or not: a constant reaches {constant:.4g}."
    idle = [way.how for way in clipping if way.share == 0]
    if idle:
        text += f" Clipping {' or '.join(idle)} never acts."
    for way in clipping:
        if not way.learns:
            text += f" Clipped {way.how} it {way.state}."
        elif abs(way.final - unclipped.final) > SAME * max(abs(way.final), abs(unclipped.final)):
            text += f" Clipped {way.how} it ends at {way.final:.4g}."
    return text


def _say_slower(ways: Sequence[Way]) -> str:
    """What a lower learning rate did instead, if it was tried."""
    slower = [way for way in ways if not _clips(way.traces[0]) and "optimizer.lr" in way.traces[0].patch]
    if not slower:
        return ""
    way = slower[0]
    rate = way.traces[0].config.optimizer.lr
    if way.learns:
        return f" Unclipped at a learning rate of {rate:g} it survives and ends at {way.final:.4g}: lower the rate instead."
    return f" A learning rate of {rate:g} without clipping does not help, though."


def _find_constant(ways: Sequence[Way]) -> float | None:
    """The loss of the best constant, if none of these ways ends noticeably below it."""
    constant = ways[0].traces[0].metrics.get("constant_loss")
    if constant is None or any(way.final < constant - LEARNED * abs(constant) for way in ways):
        return None
    return constant


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share == 0 or share >= 0.01 else f"{100 * share:.1g} %"


def _tabulate(ways: Sequence[Way]) -> Table:
    rows = []
    for way in ways:
        raw = np.concatenate([trace.series["total-norm"].values for trace in way.traces])
        used = np.concatenate([trace.series["used-norm"].values for trace in way.traces])
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
                float(raw.max()),
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


def _median(norms: np.ndarray) -> float | None:
    finite = norms[np.isfinite(norms)]
    return float(np.median(finite)) if len(finite) else None


def _find_rate(way: Way) -> float | None:
    """The learning rate times what clipping leaves of the gradient's length: what a typical update has moved by."""
    raw, used = (np.concatenate([trace.series[name].values for trace in way.traces]) for name in ("total-norm", "used-norm"))
    known = np.isfinite(raw) & (raw > 0)
    return float(way.traces[0].config.optimizer.lr * np.median(used[known] / raw[known])) if known.any() else None
