"""What was tried against the faults of a config, told: in the answer, as suggestions, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from trainlab.report import Answer, Column, Finding, Suggestion, Table
from trainlab.studies._mending import Outcome, Trial
from trainlab.studies._standing import Effect, Standing, list_values, read_mean


def say_outcome(answer: Answer, outcome: Outcome, findings: Sequence[Finding]) -> Answer:
    """The answer, and then what mends the config, by how much, and what finding it has cost."""
    kept = outcome.kept
    values = {
        **answer.values,
        "mended": dict(kept.change.patch) if kept else None,
        "tried": len(outcome.trials),
        "cost": outcome.cost,
    }
    cost = f"Tried: {_count(len(outcome.trials), 'change')}, {outcome.cost:.3g} trainings in all."
    if kept is not None:
        rest = _say_rest(kept)
        text = f"{kept.change.name} {'mends it' if not rest else 'helps'}: {_say_effect(kept)}{rest}. {cost}"
    elif outcome.trials:
        text = f"None of the remedies mends it. {cost}"
    elif outcome.needs is not None:
        text = f"No remedy was tried: that takes a budget of {outcome.needs:g}x or more."
    else:
        codes = ", ".join(dict.fromkeys(each.code for each in findings if each.severity != "info" and each.because is None))
        text = f"No remedy was tried: for {codes} there is no patch."
    return Answer(text=f"{answer.text} {text}", values=values)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _list_left(standing: Standing) -> list[str]:
    """Codes of the faults that follow from no other."""
    return list(dict.fromkeys(each.code for each in standing.findings if each.severity != "info" and each.because is None))


def _say_left(standing: Standing) -> str:
    """And what only some seeds show."""
    rare = [f"{each.code} in {each.seeds['held']} of {each.seeds['of']} seeds" for each in standing.rare]
    return ", ".join([*_list_left(standing), *rare])


def _say_rest(trial: Trial) -> str:
    left = _say_left(trial.standing)
    return f"; {left} {'is' if len(_list_left(trial.standing)) + len(trial.standing.rare) == 1 else 'are'} left" if left else ""


def _find_effect(trial: Trial) -> Effect | None:
    """The measure that decided."""
    return next((each for each in trial.effects if each.verdict != "no difference"), trial.effects[0] if trial.effects else None)


def _say_effect(trial: Trial) -> str:
    effect = _find_effect(trial)
    if effect is None:
        return "what was found is gone, and there is no measure to compare"
    what = effect.metric.replace("_", " ").replace("r2", "R2")
    text = f"{what} {_say(effect, effect.before)} to {_say(effect, effect.after)}"
    return f"{text} ({_say_change(effect)}, 95 % interval {_say_interval(effect)}, {trial.seeds} fresh seeds)"


def _say(effect: Effect, value: float) -> str:
    if effect.metric.endswith("accuracy"):
        return f"{100 * value:.1f} %"
    return f"{value:.4g}" if value < 1e29 else "not finite"


def _say_change(effect: Effect) -> str:
    if effect.scale == "ratio":
        return _say_ratio(effect.change)
    return f"{100 * effect.change:+.1f} points" if effect.metric.endswith("accuracy") else f"{effect.change:+.3g}"


def _say_ratio(ratio: float) -> str:
    return f"x {ratio:.3g}" if 1e-20 < ratio < 1e20 else "x 0" if ratio < 1 else "x inf"


def _say_interval(effect: Effect) -> str:
    if effect.interval is None:
        return ""
    if effect.scale == "ratio":
        return " to ".join(_say_ratio(end)[2:] for end in effect.interval)
    if effect.metric.endswith("accuracy"):
        return " to ".join(f"{100 * end:+.1f}" for end in effect.interval)
    return " to ".join(f"{end:+.3g}" for end in effect.interval)


def suggest(findings: Sequence[Finding], outcome: Outcome, base: str) -> list[Finding]:
    """What mends the config, at every finding on the base that it was for. Only what was measured is suggested."""
    kept = outcome.kept
    if kept is None:
        return list(findings)
    suggestion = Suggestion(
        remedy=", ".join(kept.change.remedies),
        patch=kept.change.patch,
        reason=kept.change.reason,
        measured=_measured(kept, outcome),
    )
    return [
        replace(each, suggestions=(suggestion,)) if each.run == base and each.code in kept.change.codes else each
        for each in findings
    ]


def _measured(trial: Trial, outcome: Outcome) -> dict[str, Any]:
    return {
        "verdict": trial.verdict,
        "seeds": trial.seeds,
        **list_values(trial.effects),
        "left": _list_left(trial.standing),
        "cost": outcome.cost,
    }


def tabulate_trials(outcome: Outcome) -> tuple[Table, ...]:
    """One row for each change that was tried, what was kept first."""
    if not outcome.trials or outcome.control is None:
        return ()
    metric = next((each.effects[0].metric for each in outcome.trials if each.effects), None)
    reached = metric.replace("_", " ").replace("r2", "R2") if metric else "measure"
    kind: Any = "percent" if metric and metric.endswith("accuracy") else "number"
    return (
        Table(
            name="remedies",
            title="what was tried, next to doing nothing",
            columns=(
                Column(name="change"),
                Column(name="remedy", priority=2),
                Column(name="for", priority=3),
                Column(name="seeds", kind="number", priority=4),
                Column(name=reached, kind=kind),
                Column(name="difference", priority=1),
                Column(name="95 % interval", priority=1),
                Column(name="still wrong"),
                Column(name="verdict", kind="verdict"),
            ),
            rows=(
                (
                    "nothing",
                    None,
                    None,
                    *_list_control(outcome.control, metric),
                    _say_left(outcome.control) or None,
                    "control",
                ),
                *(_list_row(trial, metric) for trial in outcome.trials),
            ),
        ),
    )


def _list_control(control: Standing, metric: str | None) -> tuple[Any, ...]:
    """Seeds, the measure, and no difference."""
    reached = read_mean(control, metric) if metric and not (control.diverged and metric.endswith("loss")) else None
    return len(control.traces), reached, None, None


def _list_row(trial: Trial, metric: str | None) -> tuple[Any, ...]:
    effect = next((each for each in trial.effects if each.metric == metric), None)
    return (
        trial.change.name,
        ", ".join(trial.change.remedies),
        ", ".join(trial.change.codes),
        trial.seeds,
        effect.after if effect is not None and effect.after < 1e29 else None,
        _say_change(effect) if effect is not None else None,
        (_say_interval(effect) or None) if effect is not None else None,
        _say_left(trial.standing) or None,
        _say_verdict(trial, metric),
    )


def _say_verdict(trial: Trial, metric: str | None) -> str:
    """With the loss named where that decided, and not the measure in the row."""
    effect = _find_effect(trial)
    decided = effect is not None and effect.verdict == trial.verdict and effect.metric != metric
    return f"{trial.verdict} the loss" if decided and trial.verdict != "no difference" else str(trial.verdict)
