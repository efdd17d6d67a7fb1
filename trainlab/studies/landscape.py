"""Where did it stop: minimum, saddle or plateau; flat or sharp?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from trainlab.config import Config
from trainlab.critical import CURVATURE, GRADIENT, Point, read_point
from trainlab.plan import Arm, Conclusion, Options, Plan
from trainlab.report import Answer, Finding, Skipped, Table, Trace
from trainlab.studies._arms import by_arm, plan_runs
from trainlab.studies._places import find_limit, find_swing, read_rate, say_limit, say_share
from trainlab.studies._views import (
    describe_plane,
    tabulate_escape,
    tabulate_places,
    tabulate_sharpness,
    tabulate_spectrum,
    tabulate_surface,
)

PROBES = ("curvature", "escape", "sharpness", "surface", "learning-rate", "accuracy")
RULES = ("saddle-point", "non-finite", "diverged")
RADIUS = 0.05
PLACES = {
    "minimum": "at a minimum, uphill every way",
    "degenerate minimum": "at a degenerate minimum, a valley with a level floor",
    "saddle": "at a saddle, uphill one way and downhill another",
    "maximum": "at a maximum, downhill every way",
    "plateau": "on a plateau, level as far as can be seen",
}
EDGE = 0.95  # of the highest stable rate: at it a run swings


def first(config: Config, options: Options) -> Plan:  # noqa: ARG001  # the base is the first of the arms
    """Every arm to its end; or the weights of a file as they are, beside those of other files."""
    radius = options.chosen.get("radius", RADIUS)
    probes = tuple(f"{name}={radius!r}" if name == "sharpness" else name for name in PROBES)
    arms = options.arms
    file = options.chosen.get("weights")
    if file is not None:
        base, *others = arms
        arms = (_keep_still(base, file), *(_keep_still(arm, arm.config.weights) for arm in others if "weights" in arm.patch))
    return Plan(runs=plan_runs(arms, options.seeds), probes=probes, rules=RULES)


def _keep_still(arm: Arm, weights: Any) -> Arm:
    config = replace(arm.config, weights=weights, train=replace(arm.config.train, updates=0))
    return replace(arm, config=config)


def conclude(
    config: Config,
    options: Options,
    traces: Sequence[Trace],
    findings: Sequence[Finding],
    skipped: Sequence[Skipped],  # noqa: ARG001  # one signature for all studies
) -> Conclusion:
    """What kind of place every run has come to; of the base what its surroundings look like."""
    limits = _read_limits(config)
    arms = by_arm(traces)
    points = [(trace, read_point(trace, **limits)) for trace in traces]
    base, point = points[0]
    tables: list[Table | None] = [tabulate_places(points), tabulate_sharpness(points, options.chosen.get("radius", RADIUS))]
    if point is not None:
        if point.kind in ("saddle", "maximum") and "escape-steps" in base.arrays:
            tables.append(tabulate_escape(base, point))
        tables += [tabulate_spectrum(base, limits["curvature"]), tabulate_surface(base)]
    answer = _answer([each for each in points if each[0] in next(iter(arms.values()))], limits)
    return Conclusion(answer=answer, tables=tuple(each for each in tables if each is not None), findings=tuple(findings))


def _read_limits(config: Config) -> dict[str, float]:
    """The tolerances that L005 goes by, as the config has them."""
    given = config.rules.get("L005", {})
    return {name: float(given.get(name, default)) for name, default in (("gradient", GRADIENT), ("curvature", CURVATURE))}


def _answer(points: Sequence[tuple[Trace, Point | None]], limits: dict[str, float]) -> Answer:
    """Of the base: the first seed, and in how many of the others it is the same."""
    trace, point = points[0]
    if point is None:
        text = "Nothing can be said of the place where it stopped: the loss or its curvatures are not finite."
        if "point_loss" not in trace.metrics:
            text = "Nothing can be said of the place where it stopped: the command was ended before its curvatures were known."
        if trace.nonfinite is not None:
            text = f"It did not stop anywhere: it left the finite numbers at update {trace.nonfinite.update}."
        return Answer(text=text, values={"kind": None})
    kinds = Counter(each.kind for _, each in points if each is not None)
    norm = trace.metrics.get("point_gradient") or 0.0
    gains = f"{say_share(point.gain)} of the loss (limit {say_share(limits['gradient'])})"
    if point.kind == "not critical":
        text = f"It did not stop at a critical point: the gradient is {norm:.4g}, and a step against it still gains {gains}."
        text += _say_fault(trace, point)
    else:
        text = f"It stopped {PLACES[point.kind]}: the gradient is {norm:.4g}, a step against it gains {gains}; "
        text += f"{_say_curvatures(trace, point)}."
        text += _say_escape(trace, point)
    if len(points) > 1:
        text += f" So in {kinds[point.kind]} of {len(points)} seeds."
    values = {
        "kind": point.kind,
        "seeds": dict(kinds),
        "gradient": norm,
        "gain": point.gain,
        "tolerance": limits,
        "lowest": point.lowest,
        "highest": point.highest,
        "minimum_ratio": point.positive,
        "stable_rate": find_limit(trace, point.highest),
        "rate": read_rate(trace),
        "plane": describe_plane(trace),
    }
    return Answer(text=text + _say_sharpness(trace, point), values=values)


def _say_curvatures(trace: Trace, point: Point) -> str:
    """Their range, and how many are above 0."""
    weights = sum(math.prod(parameter.shape) for parameter in trace.parameters)
    if weights == 1:
        return f"the curvature is {point.highest:.4g}"
    span = f"the curvatures go from {point.lowest:.4g} to {point.highest:.4g}"
    if point.kind == "minimum":
        return f"{span}, all above 0"
    whole = trace.metrics.get("curvature_whole")
    above = f"{round(point.positive * weights)} of {weights}" if whole else f"about {say_share(point.positive)}"
    rest = ", the others 0" if point.kind == "degenerate minimum" and point.negative == 0 else ""
    return f"{span}, {above} above 0{rest}"


def _say_escape(trace: Trace, point: Point) -> str:
    escaped, step = trace.metrics.get("escape_loss"), trace.metrics.get("escape_step")
    if point.kind not in ("saddle", "maximum") or escaped is None or step is None:
        return ""
    if escaped >= point.loss:
        return f" The way out is flat: no step along the escape direction lowers the loss of {point.loss:.4g}."
    return f" A step of {step:g} along the escape direction takes the loss from {point.loss:.4g} to {escaped:.4g}."


def _say_fault(trace: Trace, point: Point) -> str:
    """Why it has not come to rest: the rate, or the time."""
    if not trace.updates:
        return " These weights are still on a slope: train on from them."
    rate, limit, swing = read_rate(trace), find_limit(trace, point.highest), find_swing(trace)
    size = trace.config.train.batch_size
    is_noisy = size is not None and size < trace.sizes.get("train", 0)
    if swing is not None and not is_noisy:
        return f" The rate is at fault: at {rate:.4g} the loss swings between {swing[0]:.4g} and {swing[1]:.4g}; lower it."
    if limit is not None and rate >= EDGE * limit:
        return f" The rate is at fault: {rate:.4g}, where {limit:.4g} is the highest that is stable here; lower it."
    if is_noisy:
        return " It is still on its way, or its batches keep it moving: train longer, or let the rate fall."
    return " It is still on its way: train longer, or at a higher rate."


def _say_sharpness(trace: Trace, point: Point) -> str:
    """What the highest curvature allows; said where there is one, and not said twice."""
    limit, rate = find_limit(trace, point.highest), read_rate(trace)
    if limit is None or not trace.updates or rate >= EDGE * limit or point.kind == "not critical":
        return ""
    share = f"{rate:.4g} is {say_share(rate / limit)} of it"
    return f" The highest curvature is stable up to a rate of {limit:.4g} ({say_limit(trace)}); {share}."
