"""What each remedy did next to the control: the answer and the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from trainlab.comparing import compare_accuracy
from trainlab.config import Config
from trainlab.plan import Conclusion, Options
from trainlab.report import Answer, Column, Comparison, Finding, Skipped, Table, Trace
from trainlab.studies._arms import HELD_BACK, by_arm, count_held, mean, say_seeds
from trainlab.studies._gap import count_tested, gap_interval, judge_base, name_measure, read_parts, say_gap
from trainlab.studies._trials import (
    ENSEMBLE,
    MC,
    choose_strengths,
    list_curve,
    list_trials,
    say_remedy,
    score_trial,
    wants,
)

STATES = {"diverged": {"G006", "L003"}, "overfits": {"F001"}, "underfits": {"F002"}, "overtrains": {"F004"}}  # the worst first
FLIPPED: Mapping[str, Literal["helps", "no-difference", "harms"]] = {"helps": "harms", "harms": "helps"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row: what was tried, in words, and its runs; the base is the first."""

    label: str
    runs: Sequence[Trace]

    @property
    def name(self) -> str:
        """Of its runs."""
        return self.runs[0].name


def conclude(
    config: Config, options: Options, traces: Sequence[Trace], findings: Sequence[Finding], skipped: Sequence[Skipped]
) -> Conclusion:
    """The gap of the base, what closes it and by how much, and what was not significant."""
    entries = list_entries(config, options, traces)
    arms = by_arm(traces)
    curve = [(share, arms[arm.name]) for share, arm in list_curve(config) if arm.name in arms]
    compared = {each.run: each for each in compare_accuracy([each.runs for each in entries] + [runs for _, runs in curve])}
    named = {entries[0].name, *(arm.name for arm in options.arms)}
    tables = [
        _tabulate_remedies(entries, compared, findings),
        _tabulate_weights(entries),
        _tabulate_curve(curve, entries[0], compared),
        _tabulate_doubts(entries),
        _tabulate_strengths(config, options, traces),
    ]
    return Conclusion(
        answer=_answer(entries, compared, findings, skipped),
        tables=tuple(table for table in tables if table.rows),
        comparisons=tuple(compared.values()),
        findings=tuple(each for each in findings if each.run in named),
    )


def list_entries(config: Config, options: Options, traces: Sequence[Trace]) -> list[Entry]:
    """The base, the arms asked for, then each remedy at the strength that was chosen, as far as they were trained."""
    arms = by_arm(traces)
    entries = [Entry(label=arm.name, runs=arms[arm.name]) for arm in options.arms if arm.name in arms]
    chosen = choose_strengths(config, options, traces)
    dropping = entries[0]
    for name, trials in list_trials(config, options).items():
        trial = chosen.get(name, trials[0])
        if trial.arm.name not in arms or any(each.name == trial.arm.name for each in entries):
            continue
        entry = Entry(label=say_remedy(name, trial.arm.patch), runs=arms[trial.arm.name])
        dropping = entry if name == "dropout" else dropping
        if wants(options, name):
            entries.append(entry)
    entries += [Entry(label=name, runs=runs) for name, runs in arms.items() if name.startswith(f"{ENSEMBLE} of ")]
    averaged = [_average_passes(trace) for trace in dropping.runs if "mc_passes" in trace.metrics]
    if wants(options, MC) and averaged:
        entries.append(Entry(label="MC " + (dropping.label if dropping is not entries[0] else "dropout"), runs=averaged))
    return entries


def _average_passes(trace: Trace) -> Trace:
    """The network as it is when the mean of many passes with dropout decides."""
    metrics, arrays = trace.metrics, trace.arrays
    scores = {f"test-{kind}": arrays[f"mc-{kind}"] for kind in ("correct", "fit") if f"mc-{kind}" in arrays}
    measure = name_measure([trace])
    return replace(
        trace,
        name=f"{trace.name}, mean of {metrics['mc_passes']:g} passes",
        metrics={f"train_{measure}": metrics.get(f"train_{measure}"), f"test_{measure}": metrics[f"mc_test_{measure}"]},
        arrays=dict(arrays) | scores,
    )


def _answer(
    entries: Sequence[Entry], compared: Mapping[str, Comparison], findings: Sequence[Finding], skipped: Sequence[Skipped]
) -> Answer:
    base = entries[0].runs
    train, test = read_parts(base)
    values: dict[str, Any] = {"verdict": _find_state(entries[0], findings), "helps": None}
    if train is None or test is None:
        return Answer(text="The network could not be measured on both parts.", values=values)
    measure = name_measure(base)
    interval = gap_interval(base)
    values |= {f"train_{measure}": train, f"test_{measure}": test, "gap": train - test, "gap_interval": interval}
    text = f"{judge_base(base, findings, skipped)}: {say_gap(base, train, test, interval)}."
    tried = [each for each in entries[1:] if each.name in compared]
    judged = {word: [each for each in tried if compared[each.name].verdict == word] for word in ("helps", "harms", "no-difference")}
    judged["helps"].sort(key=lambda each: -compared[each.name].difference)
    values |= {"not_significant": [each.name for each in judged["no-difference"]], "harms": [each.name for each in judged["harms"]]}
    if judged["helps"]:
        values |= {"helps": judged["helps"][0].name, "also_help": [each.name for each in judged["helps"][1:]]}
    folded = len({trace.seed for trace in base}) < len(base)
    return Answer(text=text + _say_effects(judged, compared, count_tested(base), folded=folded), values=values)


def _say_effects(judged: Mapping[str, Sequence[Entry]], compared: Mapping[str, Comparison], samples: int, *, folded: bool) -> str:
    helps, harms, equal = judged["helps"], judged["harms"], judged["no-difference"]
    advice = "" if folded else "; --folds 5 tests on every sample"
    parts = []
    if helps:
        best = helps[0]
        train, test = read_parts(best.runs)
        gap = "" if train is None or test is None else f" closes it to {_say_points(best.runs, train - test)}:"
        parts.append(f"{_capitalize(best.label)}{gap} {_say_change(best.runs, compared[best.name], test)}.")
        parts += [f"So {'does' if len(helps) == 2 else 'do'}, by less: {_join(helps[1:])}."] * (len(helps) > 1)
    elif equal:
        most = max(equal, key=lambda each: compared[each.name].difference)
        change = compared[most.name]
        nearest = f" (most: {most.label}, {say_difference(change)}{_say_alone(change, len(compared))})"
        parts.append(
            f"Nothing tried raises the test {_say_measure(most.runs)} by more than chance could at n = {samples}"
            f"{nearest if change.difference > 0 else ''}{advice}."
        )
    if helps and equal:
        parts.append(f"Not significant at n = {samples}: {_join(equal)}{advice}.")
    if harms:
        parts.append(f"It falls with {_join(harms)}.")
    return "".join(f" {part}" for part in parts)


def _say_measure(runs: Sequence[Trace]) -> str:
    return "R2" if name_measure(runs) == "r2" else "accuracy"


def _say_points(runs: Sequence[Trace], value: float) -> str:
    return f"{value:.3g}" if name_measure(runs) == "r2" else f"{100 * value:.1f} points"


def _say_change(runs: Sequence[Trace], comparison: Comparison, test: float | None) -> str:
    reached = "" if test is None else f"{test:.3g}, " if comparison.metric == "test_r2" else f"{100 * test:.1f} %, "
    return f"test {_say_measure(runs)} {reached}{say_difference(comparison)}"


def _say_alone(comparison: Comparison, tried: int) -> str:
    """What the plain interval would say of it, had nothing else been tried."""
    if min(comparison.interval) <= 0 <= max(comparison.interval):
        return ""
    return f"; alone, not among {tried}, it would count: {_say_plain(comparison)}"


def _say_plain(comparison: Comparison) -> str:
    """`+1.0 to +10.3`: the interval that is not corrected."""
    return say_difference(replace(comparison, corrected=comparison.interval)).partition(" (")[2].rstrip(")")


def say_difference(comparison: Comparison, unit: str = "", to: str = " to ") -> str:
    """`+5.5 points (+1.0 to +10.3)`, in points of accuracy or in R2; the corrected interval."""
    numbers = (comparison.difference, *comparison.corrected)
    told = [f"{number:+.3f}" if comparison.metric == "test_r2" else f"{100 * number:+.1f}" for number in numbers]
    return f"{told[0]}{unit} ({told[1]}{to}{told[2]})"


def _join(entries: Sequence[Entry]) -> str:
    return ", ".join(each.label for each in entries)


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def _find_state(entry: Entry, findings: Sequence[Finding]) -> str:
    held = ((word, count_held(findings, entry.name, codes)) for word, codes in STATES.items())
    return next((say_seeds(word, count, len(entry.runs)) for word, count in held if count), "ok")


def _say_verdict(entry: Entry, comparison: Comparison | None) -> str:
    lost = sum(trace.nonfinite is not None for trace in entry.runs)
    words = [comparison.verdict.replace("-", " ")] if comparison else []
    return "; ".join([*words, *([say_seeds("diverged", lost, len(entry.runs))] if lost else [])])


def _tabulate_remedies(entries: Sequence[Entry], compared: Mapping[str, Comparison], findings: Sequence[Finding]) -> Table:
    """The base, then what helps most first."""
    base = entries[0]
    numbers = name_measure(base.runs) == "r2"
    kind: Literal["percent", "number"] = "number" if numbers else "percent"
    order = sorted(entries[1:], key=lambda each: -compared[each.name].difference if each.name in compared else np.inf)
    rows = []
    for entry in (base, *order):
        train, test = read_parts(entry.runs)
        comparison, interval = compared.get(entry.name), gap_interval(entry.runs)
        scale, form = (1, ".3g") if numbers else (100, ".1f")
        rows.append(
            (
                entry.label,
                train,
                test,
                None if train is None or test is None else train - test,
                say_difference(comparison, to=", ") if comparison else None,
                _find_state(base, findings) if entry is base else _say_verdict(entry, comparison),
                _say_plain(comparison) if comparison else None,
                f"{scale * interval[0]:{form}} to {scale * interval[1]:{form}}" if interval else None,
                mean(entry.runs, "train_loss"),
                mean(entry.runs, "test_loss"),
                entry.name,
            )
        )
    what = "R2" if numbers else "accuracy"
    return Table(
        name="remedies",
        title=f"remedies, {what} ({_say_means(base.runs)}; change with 95 % interval, corrected)",
        columns=(
            Column(name="remedy"),
            Column(name="train", kind=kind, priority=1 if numbers else 0),  # intervals of R2 are wide
            Column(name="test", kind=kind),
            Column(name="gap", kind=kind),
            Column(name="change of test"),
            Column(name="verdict", kind="verdict"),
            Column(name="plain interval", priority=1),
            Column(name="interval of the gap", priority=1),
            Column(name="train loss", kind="number", priority=2),
            Column(name="test loss", kind="number", priority=2),
            Column(name="run", priority=3),
        ),
        rows=tuple(rows),
        compares=True,
    )


def _say_means(runs: Sequence[Trace]) -> str:
    seeds = len({trace.seed for trace in runs})
    folds = len(runs) // seeds
    return f"means over {seeds} seed{'s' * (seeds > 1)}" + (f" x {folds} folds" if folds > 1 else "")


def _tabulate_weights(entries: Sequence[Entry]) -> Table:
    names = ("zero_weights", "zero_inputs", "shaken", "flipped")
    rows = [(each.label, *(mean(each.runs, name) for name in names)) for each in entries]
    told = [row for row in rows if any(value is not None for value in row[1:])]
    classes = any(row[4] is not None for row in told)
    return Table(
        name="weights",
        title="weights, and what noise of 0.1 on the inputs does (in units of each feature's spread)",
        columns=(
            Column(name="remedy"),
            Column(name="zero weights", kind="percent"),
            Column(name="inputs unread", kind="percent"),
            Column(name="output moves", kind="number"),
            *((Column(name="classes flip", kind="percent"),) if classes else ()),
        ),
        rows=tuple(row if classes else row[:4] for row in told),
    )


def _tabulate_curve(curve: Sequence[tuple[float, Sequence[Trace]]], base: Entry, compared: Mapping[str, Comparison]) -> Table:
    """The less data first; what the rest of the samples brings is the difference turned round."""
    kind: Literal["percent", "number"] = "number" if name_measure(base.runs) == "r2" else "percent"
    rows = []
    for share, runs in (*curve, (1.0, base.runs)):
        train, test = read_parts(runs)
        comparison = compared.get(runs[0].name)
        brought = verdict = None
        if comparison is not None:
            low, high = comparison.corrected
            turned = replace(comparison, difference=-comparison.difference, corrected=(-high, -low))
            brought, verdict = say_difference(turned, to=", "), FLIPPED.get(comparison.verdict, "no-difference").replace("-", " ")
        gap = None if train is None or test is None else train - test
        rows.append((f"{100 * share:g} %", runs[0].sizes.get("train"), train, test, gap, brought, verdict))
    return Table(
        name="learning-curve",
        title="learning curve, by share of the training part",
        columns=(
            Column(name="share"),
            Column(name="samples", kind="number"),
            Column(name="train", kind=kind),
            Column(name="test", kind=kind),
            Column(name="gap", kind=kind),
            Column(name="the rest brings"),
            Column(name="more data", kind="verdict"),
        ),
        rows=tuple(rows) if curve else (),
    )


def _tabulate_doubts(entries: Sequence[Entry]) -> Table:
    """What MC dropout says of answers that are right and of those that are wrong."""
    runs = [trace for each in entries for trace in each.runs if "mc-spread" in trace.arrays and "passes" in trace.name]
    spread = np.concatenate([trace.arrays["mc-spread"] for trace in runs]) if runs else np.empty(0)
    rows: list[tuple[Any, ...]] = []
    columns: tuple[str, ...] = ("answers", "samples", "R2", "spread")
    if runs and "mc-sure" in runs[0].arrays:
        columns = ("answers", "samples", "sure in one pass", "sure over all", "spread")
        still, often = (np.concatenate([trace.arrays[f"{name}-sure"] for trace in runs]) for name in ("rest", "mc"))
        right = np.concatenate([trace.arrays["mc-correct"] for trace in runs]) > 0
        for word, chosen in (("right", right), ("wrong", ~right)):
            if chosen.any():
                rows.append((word, int(chosen.sum()), *(float(each[chosen].mean()) for each in (still, often, spread))))
        most = int((still - often).argmax())
        rows.append(("largest change", 1, float(still[most]), float(often[most]), float(spread[most])))
    elif runs:
        fit = np.concatenate([trace.arrays["mc-fit"] for trace in runs])
        sure = spread <= np.median(spread)
        for word, chosen in (("surest half", sure), ("other half", ~sure)):
            if chosen.any():
                rows.append((word, int(chosen.sum()), float(fit[chosen].mean()), float(spread[chosen].mean())))
    return Table(
        name="uncertainty",
        title="MC dropout: what many passes with dropout say of the test part, all seeds together",
        columns=tuple(Column(name=name, kind="number" if at else "text") for at, name in enumerate(columns)),
        rows=tuple(rows),
    )


def _tabulate_strengths(config: Config, options: Options, traces: Sequence[Trace]) -> Table:
    """Each strength with what it reached on the validation part, by which one was chosen."""
    chosen = choose_strengths(config, options, traces)
    rows, numbers = [], name_measure(traces) == "r2"
    size = 0
    seeds: list[int] = []
    for name, trials in list_trials(config, options).items():
        if name not in chosen:
            continue
        told = []
        for trial in trials:
            score = score_trial(trial, traces)
            reached = "-" if score is None else f"{score[0]:.3g}" if numbers else f"{100 * score[0]:.1f}"
            told.append(f"{say_remedy('', trial.arm.patch)}: {reached}")
            runs = [trace for trace in traces if trace.name == trial.choosing.name]
            size = max([size, *(trace.sizes.get("validation", 0) for trace in runs)])
            seeds.append(len({trace.seed for trace in runs}))
        rows.append((say_remedy(name, chosen[name].arm.patch), "; ".join(told)))
    own = bool(getattr(config.data, "validation_fraction", 0.0))
    source = "the validation part" if own else f"a validation part made of {100 * HELD_BACK:g} % of the data, then trained on all"
    measure, least = "R2" if numbers else "% right", min(seeds, default=0)
    return Table(
        name="strengths",
        title=f"strengths, chosen on {source} ({measure} of {size} samples, {least} seed{'s' * (least > 1)})",
        columns=(Column(name="chosen"), Column(name="tried")),
        rows=tuple(rows),
    )
