"""Is clipping needed, by value or by norm, at which threshold?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainlab.config import Config
from trainlab.config.training import ClipBy
from trainlab.plan import Conclusion, Find, Options, Plan
from trainlab.report import Answer, Finding, Skipped, Trace
from trainlab.studies._arms import MISTAKES, by_arm, count_held, list_seeds, make_arm, plan_runs, say_seeds
from trainlab.studies._thresholds import TIGHT, propose, say_guard, tabulate_norms
from trainlab.studies._ways import COLLAPSED, MOST, Way, choose, clips, ends_lower, is_beside, overflows_forward, tabulate, weigh

PROBES = ("total-norm", "used-norm", "clip-angle", "accuracy", "baselines", "gradient-norm", "gradient-max-abs")
CLIPPING = ("clipping-needed", "clipping-too-much", "clipping-turns-gradient", "clipping-idle")
RULES = ("non-finite", "diverged", "collapsed", "exploding-gradient", "outlier-gradient", *CLIPPING, "outliers", *MISTAKES)
OUTLIERS, NEEDED = "D005", "C002"
SAME = 0.1  # of a loss: less is no difference worth a sentence,
NEAR = 0.02  # of the fall from the first loss: nor is less than this


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
    """Both ways of clipping at what the pilot suggests; then a tenth of the rate unclipped, where clipping is no answer by itself.

    Advice is measured, not given.
    """
    base, arms = options.arms[0], by_arm(traces)
    unclipped = next((arm for arm in arms.values() if _is_pilot(arm)), None)
    if unclipped is None or overflows_forward(unclipped):
        return None
    survives = all(map(ends_lower, unclipped)) and not count_held(find(traces), unclipped[0].name, {COLLAPSED})
    tried = [arm for arm in arms.values() if is_beside(arm[0]) and clips(arm[0])]
    tightest = min((arm[0].config.clip.threshold for arm in tried), default=None)  # type: ignore[union-attr]  # they clip
    saved = any(all(map(ends_lower, arm)) for arm in tried)
    if not _list_thresholds(options) and (not tried or not (survives or saved or tightest == TIGHT[-1])):
        ways = [make_arm(base.config, patch) for patch in propose(unclipped, survives=survives, tried=bool(tried))]
        return Plan(runs=plan_runs(ways, _list_seeds(options)), probes=PROBES, rules=RULES) if ways else None
    if survives or any("optimizer.lr" in arm[0].patch for arm in arms.values()):
        return None
    died = any(trace.nonfinite for trace in unclipped)  # it is saved; where it lives and learns nothing, it has to learn
    best = choose([weigh(arm[0].name, arm, ()) for arm in tried])
    if best is not None and best.share <= MOST and (died or not best.idle):
        return None
    slower = {"clip.mode": "none", "optimizer.lr": float(f"{base.config.optimizer.lr / 10:.6g}")}
    return Plan(runs=plan_runs([make_arm(base.config, slower)], _list_seeds(options)), probes=PROBES, rules=RULES)


def _is_pilot(arm: Sequence[Trace]) -> bool:
    return not clips(arm[0]) and is_beside(arm[0])


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
    ways = [weigh(name, arm, findings) for name, arm in by_arm(traces).items()]
    unclipped = {way.name for way in ways if way.beside and way.how == "unclipped"}
    answer, best = _answer(ways, frozenset(each.code for each in findings if each.run in unclipped))
    own = [
        each
        for each in findings
        if each.run == ways[0].name and (best is not None or each.code != NEEDED or each.severity == "info")
    ]
    told = {(each.code, each.message) for each in own}
    own += [
        each
        for each in findings
        if best is not None and each.run == best.name != ways[0].name and (each.code, each.message) not in told
    ]
    pilot = next((way.traces for way in ways if way.beside and way.how == "unclipped"), ())
    norms = tabulate_norms(pilot) if pilot else None
    tables = (tabulate(ways), *([norms] if norms is not None else []))
    return Conclusion(answer=answer, tables=tables, findings=tuple(own))


def _answer(ways: Sequence[Way], found: frozenset[str]) -> tuple[Answer, Way | None]:
    """The answer, and the way of clipping that it recommends; `found`: codes of what is wrong with the unclipped run."""
    beside = [way for way in ways if way.beside]
    unclipped = next((way for way in beside if way.how == "unclipped"), None)
    clipping = [way for way in beside if way is not unclipped]
    values: dict[str, Any] = {"needed": None, "states": {way.name: way.state for way in ways}}
    if unclipped is not None and overflows_forward(unclipped.traces):
        values["needed"] = False
        reason = "the forward pass overflows before there is a gradient to clip"
        text = f"Clipping cannot help: unclipped, the run {_say_death(unclipped)}; {reason}."
        return Answer(text=text + _say_slower(ways), values=values), None
    if unclipped is None or not clipping:
        return Answer(text="Nothing can be said: not both ways, clipped and unclipped, could be run.", values=values), None
    best = choose(clipping)
    values["needed"] = not unclipped.learns and best is not None and _helps(best, unclipped)
    if unclipped.learns:
        return Answer(text=_say_not_needed(unclipped, clipping, found), values=values), None
    if best is None or not values["needed"]:
        return Answer(text=_say_no_help(unclipped, clipping) + _say_slower(ways), values=values), None
    values["recommended"] = best.name
    there = ", as the config does" if not best.traces[0].patch else ""
    text = f"Clipping is needed: unclipped, the run {_say_death(unclipped)}. Clip {best.how}{there}: the loss ends at "
    text += f"{best.final:.4g}, and {_percent(best.share)} of the updates are clipped."
    text += _say_looser(best, clipping) + _say_turn(best, clipping)
    if best.share > MOST:
        text += " That many clipped updates are a lower learning rate in disguise." + _say_slower(ways)
    if best.idle and OUTLIERS in found:
        text += " What is left of the loss is that of the outliers."
    elif best.idle:
        updates = min(trace.updates for trace in best.traces)
        nothing = say_seeds("learned next to nothing", best.idle, len(best.traces))
        text += f" But in {updates} updates it has {nothing}: a constant reaches {best.constant:.4g}."
    return Answer(text=text, values=values), best


def _helps(best: Way, unclipped: Way) -> bool:
    """A run that dies is saved by surviving; one that lives and learns nothing has to end noticeably lower."""
    if unclipped.state.startswith("diverged") or (best.constant is not None and not best.idle):
        return True
    return unclipped.final - best.final > SAME * abs(unclipped.final)


def _say_no_help(unclipped: Way, clipping: Sequence[Way]) -> str:
    """Why none of the ways is recommended where the unclipped run does not learn."""
    death = f"unclipped, the run {_say_death(unclipped)}"
    if unclipped.state.startswith("diverged"):
        return f"Clipping does not save this network: {death}, and no way of clipping makes it learn."
    lowest, constant = min(way.final for way in clipping), unclipped.constant
    text = f"Clipping does not help: {death} and ends at {unclipped.final:.4g}; no way of clipping ends lower than {lowest:.4g}"
    return text + (f", and a constant reaches {constant:.4g}." if constant is not None else ".")


def _say_looser(best: Way, clipping: Sequence[Way]) -> str:
    """The loosest threshold by norm that every seed survives, where the one recommended is tighter because that learns less."""
    looser = [way for way in clipping if way.learns and way.how.startswith("by norm") and way.threshold > best.threshold]
    way = max(looser, key=lambda way: way.threshold, default=None)
    if way is None or way.idle <= best.idle:
        return ""
    nothing = say_seeds("learns next to nothing", way.idle, len(way.traces))
    return f" {way.how[0].upper()}{way.how[1:]} every seed survives too, but it {nothing}."


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


def _say_death(way: Way) -> str:
    """What becomes of it unclipped, after "the run"."""
    if way.state.startswith("collapsed"):
        return f"survives a giant step {way.state} ({COLLAPSED})"
    fatal = min((trace.nonfinite for trace in way.traces if trace.nonfinite), key=lambda each: each.update, default=None)
    if fatal is None:
        return way.state
    return way.state.replace("diverged", f"diverges at update {fatal.update} ({fatal.value} in {fatal.where})", 1)


def _say_not_needed(unclipped: Way, clipping: Sequence[Way], found: frozenset[str]) -> str:
    updates = min(trace.updates for trace in unclipped.traces)
    if updates == 1:
        return "Clipping is not needed: unclipped, the run survives its only update. Train longer to be sure."
    text = f"Clipping is not needed: unclipped, the run survives its {updates} updates and ends at a loss of {unclipped.final:.4g}."
    text += say_guard(unclipped.traces, heavy="C002" in found)
    if all(2 * way.idle > len(way.traces) for way in (unclipped, *clipping)):
        text += f" But it has learned next to nothing, clipped or not: a constant reaches {unclipped.constant:.4g}."
    idle = [way.how for way in clipping if way.share == 0]
    if idle:
        text += f" Clipping {' or '.join(idle)} never acts."
    near = NEAR * abs(float(unclipped.traces[0].series["loss"].values[0]) - unclipped.final)
    for way in clipping:
        if not way.learns:
            text += f" Clipped {way.how} it {way.state}."
        elif abs(way.final - unclipped.final) > max(SAME * max(abs(way.final), abs(unclipped.final)), near):
            text += f" Clipped {way.how} it ends at {way.final:.4g}."
    return text


def _say_slower(ways: Sequence[Way]) -> str:
    """What a lower learning rate did instead, if it was tried."""
    slower = [way for way in ways if not clips(way.traces[0]) and "optimizer.lr" in way.traces[0].patch]
    if not slower:
        return ""
    way = slower[0]
    rate = way.traces[0].config.optimizer.lr
    if way.learns:
        return f" Unclipped at a learning rate of {rate:g} it survives and ends at {way.final:.4g}: lower the rate instead."
    return f" A learning rate of {rate:g} without clipping does not help, though."


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share == 0 or share >= 0.01 else f"{100 * share:.1g} %"
