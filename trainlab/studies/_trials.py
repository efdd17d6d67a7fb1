"""Which remedies are tried, at which strengths, and which strength is judged: the one that is best on a validation part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trainlab.config import Config, apply_patch
from trainlab.errors import Problem, UserError, find_nearest
from trainlab.plan import Arm, Group, Options, Plan, PlannedRun
from trainlab.report import Trace
from trainlab.studies._arms import hold_back, list_seeds, make_arm, plan_runs
from trainlab.studies._remedies import choose_remedies

PROBES = ("accuracy", "robustness", "sparsity", "mc-dropout", "votes")
CODES = {"F001", "F004"}  # what a remedy of this study mends
SEEDS = 5  # where none are asked for
CHOOSING = 3  # of them, by which a strength is chosen
FRACTIONS = (0.25, 0.5)  # of the training part, beside all of it
MEMBERS = 5
CURVE, ENSEMBLE, MC = "more-data", "ensemble", "mc-dropout"
OWN = (CURVE, ENSEMBLE, MC)
"""What is tried beside the remedies of one patch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One remedy at one strength.

    Attributes:
        arm: as it is judged.
        choosing: the same with a validation part to choose by; the arm itself where it has one.
    """

    arm: Arm
    choosing: Arm


def list_choices() -> list[str]:
    """Names that `--remedy` takes."""
    return sorted({*choose_remedies(CODES), *OWN})


def wants_trials(options: Options) -> bool:
    """Whether remedies are tried at all: not where the user has named changes to compare, or wants it quick."""
    return bool(options.chosen.get("remedy")) or not (options.chosen.get("quick") or len(options.arms) > 1)


def wants(options: Options, name: str) -> bool:
    """Whether this one is tried."""
    chosen = options.chosen.get("remedy")
    return not chosen or name in chosen or "all" in chosen


def choose_seeds(options: Options) -> tuple[int, ...]:
    """Those asked for; five where none are, and where the folds differ already one."""
    return list_seeds(options, 1 if options.chosen.get("folds") else SEEDS)


def list_trials(config: Config, options: Options) -> dict[str, list[Trial]]:
    """The strengths of each remedy that is wanted, the likeliest first.

    Raises:
        UserError: a remedy that was asked for by name does not exist, or has no use for this config.
    """
    remedies = choose_remedies(CODES)
    asked = [name for name in options.chosen.get("remedy") or () if name != "all"]
    problems = [_miss(name) for name in asked if name not in {*remedies, *OWN}]
    held = hold_back(config)
    found: dict[str, list[Trial]] = {}
    for name, remedy in remedies.items():
        if not (wants(options, name) or (name == "dropout" and wants(options, MC))):
            continue
        trials = []
        for patch in remedy.propose(config):
            choosing = dict(patch) | {key: value for key, value in held.items() if key not in patch}
            trials.append(Trial(arm=make_arm(config, patch), choosing=make_arm(config, choosing)))
        if trials:
            found[name] = trials
        elif name in asked and name not in OWN:
            message = "has no use here: it is in use already, or this config leaves it nothing to change"
            problems.append(Problem(message=message, key="--remedy", value=name))
    if problems:
        raise UserError(problems)
    return found


def plan_trials(config: Config, options: Options, arms: Sequence[Arm]) -> tuple[tuple[PlannedRun, ...], tuple[Group, ...]]:
    """The arms with every seed; beside them, not judged by rules, what is tried with as many seeds as it needs.

    Args:
        config: the base.
        options: of the study.
        arms: the base first.

    Returns:
        Runs, and the ensemble as a group of them.
    """
    seeds = choose_seeds(options)
    runs = list(plan_runs(arms, seeds))
    tried: dict[tuple[str, int], PlannedRun] = {}
    for trials in list_trials(config, options).values():
        if len(trials) == 1 or not hold_back(config):
            extra = plan_runs([trial.arm for trial in trials], seeds)
        else:
            extra = plan_runs([trial.choosing for trial in trials], seeds[:CHOOSING])
        tried |= {(run.name, run.config.seed): run for run in extra}
    groups: tuple[Group, ...] = ()
    if wants(options, CURVE):
        tried |= {(run.name, run.config.seed): run for run in plan_runs([arm for _, arm in list_curve(config)], seeds)}
    if wants(options, ENSEMBLE) and getattr(config.data, "bootstrap", 0) is None:
        members = [make_arm(config, {"data.bootstrap": number}) for number in range(MEMBERS)]
        tried |= {(run.name, run.config.seed): run for run in plan_runs(members, seeds)}
        groups = (Group(name=f"ensemble of {MEMBERS}", members=tuple(arm.name for arm in members)),)
    known = {run.name for run in runs}
    runs += [replace(run, judged=False) for run in tried.values() if run.name not in known]
    return tuple(cut_folds(runs, options)), groups


def list_curve(config: Config) -> list[tuple[float, Arm]]:
    """Fractions of the training part and the arms that have them; nothing where the data have no such setting."""
    whole = getattr(config.data, "fraction", None)
    return [] if whole is None else [(share, make_arm(config, {"data.fraction": share * whole})) for share in FRACTIONS]


def plan_chosen(config: Config, options: Options, traces: Sequence[Trace]) -> Plan | None:
    """The strengths that were chosen, on the whole training part; None where they were trained on it already."""
    if not hold_back(config):
        return None
    trained = {(trace.name, trace.seed) for trace in traces}
    names = {name for name, _ in trained}
    chosen = choose_strengths(config, options, traces)
    if any(trial.arm.name in names and trial.arm.name != trial.choosing.name for trial in chosen.values()):
        return None  # that was the last plan
    runs = plan_runs([trial.arm for trial in chosen.values()], choose_seeds(options))
    left = [replace(run, judged=False) for run in runs if (run.name, run.config.seed) not in trained]
    return Plan(runs=tuple(cut_folds(left, options)), probes=PROBES) if left else None


def choose_strengths(config: Config, options: Options, traces: Sequence[Trace]) -> dict[str, Trial]:
    """For each remedy with several strengths the one that does best on the validation part, its loss parting equals."""
    chosen = {}
    for name, trials in list_trials(config, options).items():
        scored = [(score, trial) for trial in trials if (score := score_trial(trial, traces)) is not None]
        if len(trials) > 1 and scored:
            chosen[name] = max(scored, key=lambda each: each[0])[1]  # of equals the first, which is the likeliest
    return chosen


def score_trial(trial: Trial, traces: Sequence[Trace]) -> tuple[float, float] | None:
    """Mean accuracy, or R2, on the validation part, and minus the mean loss; None if there is none."""
    runs = [trace for trace in traces if trace.name == trial.choosing.name]
    if not runs:
        return None
    measure = "validation_r2" if runs[0].task == "regression" else "validation_accuracy"
    means = [_mean(runs, measure), -_mean(runs, "validation_loss")]
    return (means[0], means[1]) if all(map(np.isfinite, means)) else None


def cut_folds(runs: Sequence[PlannedRun], options: Options) -> Iterator[PlannedRun]:
    """Each run once for each fold; as they are without `--folds`."""
    folds = options.chosen.get("folds")
    if not folds:
        yield from runs
        return
    for run in runs:
        for fold in range(folds):
            yield replace(run, config=apply_patch(run.config, {"data.folds": folds, "data.fold": fold}).config)


def say_remedy(name: str, patch: Mapping[str, Any]) -> str:
    """A remedy with its strength: `weight decay 0.04`, `smaller network 8`, `smaller network 2 layers`."""
    values = [
        f"{value:g}" if isinstance(value, float) else f"{value}{UNITS.get(key, '')}"
        for key, value in patch.items()
        if key not in SILENT
    ]
    words = {"l1": "L1", "l1-l2": "L1 and L2"}.get(name, name.replace("-", " "))
    return words if name in PLAIN else " ".join([words, ", ".join(values)]).strip()


SILENT = ("data.validation_fraction",)
UNITS = {"model.layers": " layers"}  # beside the same remedy in units
PLAIN = ("batch-norm", "shuffle")


def _miss(name: str) -> Problem:
    choices = ["all", *list_choices()]
    return Problem(
        message="is no remedy of this study",
        key="--remedy",
        value=name or "''",
        choices=tuple(choices),
        nearest=find_nearest(name.replace("_", "-"), choices),
    )


def _mean(runs: Sequence[Trace], name: str) -> float:
    values = [value if (value := run.metrics.get(name)) is not None else np.nan for run in runs]
    return float(np.mean(values))
