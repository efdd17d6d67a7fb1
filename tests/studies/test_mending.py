"""The search for what mends a config, on traces made by hand: each run's verdict follows from its config."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from tests.studies.plans import make_finding
from tests.studies.searching import CONFIG, SAMPLES, look, measure, too_high
from trainlab.config import Config, apply_patch
from trainlab.plan import PlannedRun
from trainlab.report import Finding, Trace
from trainlab.studies._exploring import AGAIN, ONCE, STAGE, Measured
from trainlab.studies._mending import Outcome, follow, search
from trainlab.studies._proposing import Change, propose
from trainlab.studies._telling import tabulate_trials


def by_rate(config: Config) -> float:
    return {0.03: 0.95, 0.3: 0.9, 0.01: 0.8}.get(config.optimizer.lr, 0.1)


def test_the_best_strength_is_kept_and_measured_with_fresh_seeds() -> None:
    outcome, made = look(by_rate, too_high)
    assert outcome.kept is not None
    assert outcome.kept.change.patch == {"optimizer.lr": 0.03}
    assert outcome.kept.verdict == "helps"
    (effect, *_) = outcome.kept.effects
    assert effect.metric == "validation_accuracy"
    assert (effect.before, effect.after) == pytest.approx((0.1, 0.95))
    fresh = [run for run in made if run.name.endswith(AGAIN)]
    assert sorted({run.config.seed for run in fresh}) == [1, 2, 3]
    assert {run.name for run in fresh} == {f"control{AGAIN}", f"optimizer.lr=0.03{AGAIN}", f"optimizer.lr=0.3{AGAIN}"}
    assert outcome.cost == len(made)


def test_a_verdict_that_the_loss_decided_says_so() -> None:
    outcome, _ = look(by_rate, too_high)
    assert outcome.kept is not None
    (accuracy, *_) = outcome.kept.effects
    unclear = replace(accuracy, verdict="no difference")
    lower = replace(accuracy, metric="validation_loss", scale="ratio", verdict="helps")
    kept = replace(outcome.kept, effects=(unclear, lower))
    (table,) = tabulate_trials(replace(outcome, trials=(outcome.kept, kept)))
    assert [row[-1] for row in table.rows] == ["control", "helps", "helps the loss"]


def test_arms_are_compared_on_a_validation_part_and_the_patch_has_none() -> None:
    outcome, made = look(by_rate, too_high)
    assert {run.config.data.validation_fraction for run in made[1:]} == {0.2}  # type: ignore[union-attr]
    assert outcome.kept is not None
    assert "data.validation_fraction" not in outcome.kept.change.patch


def test_a_patch_that_needs_the_validation_part_brings_it() -> None:
    """The config as written has no part that was only held back to choose by."""
    outcome, made = look(
        lambda config: 0.9 if config.train.early_stopping.patience else 0.5,
        lambda config: [] if config.train.early_stopping.patience else [make_finding("F004")],
    )
    assert outcome.kept is not None
    assert outcome.kept.change.patch["data.validation_fraction"] == 0.2
    for run in made[1:]:
        assert run.config.data.validation_fraction == 0.2  # type: ignore[union-attr]


def neglect(config: Config) -> list[Finding]:
    return [make_finding("D004")] if config.data.class_weights is None else []  # type: ignore[union-attr]


def test_what_makes_up_for_a_rare_class_is_compared_by_the_recall_of_all_classes() -> None:
    """Weights cost some accuracy here, and make the loss another one."""

    def measure_both(run: PlannedRun) -> Trace:
        weighted = run.config.data.class_weights is not None  # type: ignore[union-attr]
        trace = measure(run, 0.7 if weighted else 0.9)
        balanced = (np.arange(SAMPLES) < (0.8 if weighted else 0.5) * SAMPLES).astype(float)
        metrics = {**trace.metrics, "validation_balanced_accuracy": float(balanced.mean())}
        return replace(trace, metrics=metrics, arrays={**trace.arrays, "validation-balanced": balanced})

    def look_at(score: Literal["correct", "balanced"]) -> Outcome:
        traces = [measure_both(PlannedRun(name="base", patch={}, config=CONFIG))]
        found = list(neglect(CONFIG))
        while True:
            step = follow(search(CONFIG, neglect(CONFIG), (0,), 30), Measured(traces=traces, findings=found, score=score))
            if isinstance(step, Outcome):
                return step
            traces += map(measure_both, step)
            found += [make_finding("D004", name) for name in {run.name for run in step if neglect(run.config)}]

    kept = look_at("balanced").kept
    assert kept is not None
    assert kept.change.patch == {"data.class_weights": "balanced"}
    assert [effect.metric for effect in kept.effects] == ["validation_balanced_accuracy"]  # two losses are not compared
    assert (kept.effects[0].before, kept.effects[0].after) == pytest.approx((0.5, 0.8))
    assert look_at("correct").kept is None


def test_nothing_is_kept_that_does_not_help() -> None:
    outcome, made = look(lambda _: 0.5, lambda _: [make_finding("L001")])
    assert outcome.kept is None
    assert outcome.trials
    assert {trial.verdict for trial in outcome.trials} == {"dropped early"}
    assert not any(run.name.endswith(AGAIN) for run in made)


def test_fewer_faults_mend_where_the_measure_stays() -> None:
    outcome, _ = look(lambda _: 0.5, too_high)
    assert outcome.kept is not None
    assert outcome.kept.verdict == "mends"


def test_a_change_that_harms_is_not_kept_whatever_it_silences() -> None:
    outcome, _ = look(lambda config: 0.9 if config.optimizer.lr > 0.5 else 0.2, too_high)
    assert outcome.kept is None or outcome.kept.change.config.optimizer.lr > 0.5


def test_what_is_left_is_mended_on_top() -> None:
    """Two faults, each with its own patch."""

    def faults(config: Config) -> list[Finding]:
        shuffled = [] if getattr(config.data, "standardize", False) else [make_finding("D001", severity="warning")]
        return [*too_high(config), *shuffled]

    def share(config: Config) -> float:
        return 0.1 + 0.4 * (config.optimizer.lr <= 0.5) + 0.4 * getattr(config.data, "standardize", False)

    outcome, _ = look(share, faults)
    assert outcome.kept is not None
    assert outcome.kept.change.patch["data.standardize"] is True
    assert outcome.kept.change.patch["optimizer.lr"] <= 0.5
    assert set(outcome.kept.change.codes) == {"L001", "D001"}


def test_a_step_that_adds_nothing_is_dropped() -> None:
    """The second fault stays whatever is tried, and what is tried against it does nothing."""
    outcome, _ = look(by_rate, lambda config: [*too_high(config), make_finding("C001", severity="warning")])
    assert outcome.kept is not None
    assert outcome.kept.change.patch == {"optimizer.lr": 0.03}


def test_faults_that_no_remedy_knows_are_left_alone_with_all_that_follows() -> None:
    outcome, made = look(lambda _: 0.5, lambda _: [make_finding("D003"), make_finding("F002", because="D003")])
    assert (outcome.kept, outcome.trials, len(made)) == (None, (), 1)


def test_the_budget_holds_and_keeps_room_for_fresh_seeds() -> None:
    for budget in (14, 18, 22):
        outcome, _ = look(by_rate, too_high, budget=budget)
        assert outcome.cost <= budget
        assert outcome.kept is not None
    assert look(by_rate, too_high, budget=5)[0].trials == ()


def test_runs_that_could_not_be_made_are_no_obstacle() -> None:
    wanted = follow(
        search(CONFIG, [make_finding("L001")], (0,), 30),
        Measured(traces=[measure(PlannedRun(name="base", patch={}, config=CONFIG), 0.1)], findings=[]),
    )
    assert isinstance(wanted, list)
    *_, lost = wanted
    base = measure(PlannedRun(name="base", patch={}, config=CONFIG), 0.1)
    traces = [base, *(measure(run, 0.1) for run in wanted if run is not lost)]
    outcome = follow(search(CONFIG, [make_finding("L001")], (0,), 30), Measured(traces=traces, findings=[]), last=True)
    assert isinstance(outcome, Outcome)
    assert lost.name not in {f"{trial.change.name}{ONCE}" for trial in outcome.trials}
    none = follow(search(CONFIG, [make_finding("L001")], (0,), 30), Measured(traces=[base], findings=[]), last=True)
    assert none == Outcome(cost=1.0)


def start(config: Config = CONFIG) -> Change:
    return Change(name="control", patch={}, config=config)


def test_the_remedy_that_fits_best_comes_first_and_the_cause_before_what_follows() -> None:
    findings = [make_finding("L001"), make_finding("G003", because="L001")]
    names = [change.remedies[0] for change in propose(start(), start(), findings)]
    assert names[:2] in (["falling-rate", "lower-rate"], ["lower-rate", "falling-rate"])
    assert names.index("lower-rate") < names.index("leaky-relu")
    patches = [change.patch for change in propose(start(), start(), findings)]
    assert patches.index({"optimizer.lr": 0.3}) < patches.index({"optimizer.lr": 0.03})


def test_one_config_is_proposed_once_and_never_the_base() -> None:
    changes = propose(start(), start(), [make_finding("L001"), make_finding("L003"), make_finding("G007")])
    configs = [change.config for change in changes]
    assert all(config not in configs[:place] for place, config in enumerate(configs))
    assert CONFIG not in configs


def test_only_a_rate_is_changed_twice() -> None:
    for finding, patch, remedy, again in (
        ("F002", {"model.width": 256}, "larger-network", False),
        ("L001", {"optimizer.lr": 0.3}, "lower-rate", True),
    ):
        base = replace(start(apply_patch(CONFIG, patch).config), remedies=(remedy,))
        proposed = propose(start(), base, [make_finding(finding)])
        assert any(change.remedies[-1] == remedy for change in proposed) is again


def test_a_later_patch_takes_the_place_of_an_earlier_one() -> None:
    first = next(change for change in propose(start(), start(), [make_finding("L001")]) if change.patch == {"optimizer.lr": 0.3})
    again: dict[str, Any] = {str(change.patch): change for change in propose(start(), first, [make_finding("L001")])}
    assert again["{'optimizer.lr': 0.03}"].remedies == ("lower-rate",)
    assert again["{'optimizer.lr': 0.3, 'schedule': {'name': 'cosine'}}"].config.schedule.name == "cosine"


def test_the_second_best_takes_over_where_fresh_seeds_have_it_so() -> None:
    """0.03 is the best with the first seed only."""

    def share(config: Config) -> float:
        return 0.3 if config.optimizer.lr == 0.03 and config.seed > 0 else by_rate(config)

    outcome, _ = look(share, too_high)
    assert outcome.kept is not None
    assert outcome.kept.change.patch == {"optimizer.lr": 0.3}


@pytest.mark.parametrize(("right", "kept"), [(0.905, 0.3), (0.9, 0.03)])
def test_of_two_that_chance_may_tell_apart_the_one_that_is_better_on_average(right: float, kept: float) -> None:
    def share(config: Config) -> float:
        if config.seed == 0:
            return by_rate(config)
        return {0.03: 0.9, 0.3: right}.get(config.optimizer.lr, 0.1)

    outcome, _ = look(share, too_high)
    assert outcome.kept is not None
    assert outcome.kept.change.patch == {"optimizer.lr": kept}


@pytest.mark.parametrize("code", ["F001", "F004"])
def test_of_remedies_that_fit_alike_the_proven_ones_come_first(code: str) -> None:
    names = [change.remedies[0] for change in propose(start(), start(), [make_finding(code)])]
    assert {"weight-decay", "early-stopping", "dropout"} <= set(names[:STAGE])
    assert names.index("weight-decay") < names.index("adversarial")


def test_a_fault_that_most_seeds_of_the_base_have_is_mended_also_where_few_fresh_ones_have_it() -> None:
    def make(held: int) -> Outcome:
        findings = [make_finding("L001", held=held, of=3)]
        made, traces, found = [], [measure(PlannedRun(name="base", patch={}, config=CONFIG), 0.5)], list(findings)
        while True:
            step = follow(search(CONFIG, findings, (0,), 30), Measured(traces=traces, findings=found))
            if isinstance(step, Outcome):
                return step
            made += step
            traces += [measure(run, 0.5) for run in step]
            found += [make_finding("L001", run.name) for run in step if run.config.optimizer.lr > 0.5 and run.name.endswith(ONCE)]

    assert make(1).kept is None
    kept = make(2).kept
    assert kept is not None
    assert kept.verdict == "mends"


def test_beyond_the_last_rate_that_was_tried_a_better_one_is_looked_for() -> None:
    rates = {0.003: 0.8, 0.001: 0.95, 0.0003: 0.5}
    outcome, made = look(
        lambda config: rates.get(config.optimizer.lr, 0.1),
        lambda config: [make_finding("L001")] if config.optimizer.lr > 0.005 else [],
    )
    assert outcome.kept is not None
    assert outcome.kept.change.patch == {"optimizer.lr": 0.001}
    assert outcome.kept.change.remedies == ("lower-rate",)
    _, inside = look(by_rate, too_high)
    assert {run.config.optimizer.lr for run in made} - {run.config.optimizer.lr for run in inside} == {0.001, 0.0003}


def test_an_error_that_one_fresh_seed_shows_is_mended_too() -> None:
    """0.03 is the best in the seed that it was tried with; with others it fails in one of three, as 0.003 does not."""
    findings = [make_finding("L001")]
    traces, found = [measure(PlannedRun(name="base", patch={}, config=CONFIG), 0.1)], list(findings)
    while True:
        step = follow(search(CONFIG, findings, (0,), 30), Measured(traces=traces, findings=found))
        if isinstance(step, Outcome):
            break
        good = (0.03, 0.003) if AGAIN in step[-1].name else (0.03,)
        traces += [measure(run, 0.95 if run.config.optimizer.lr in good else 0.1) for run in step]
        for run in {run.name: run for run in step}.values():
            if run.config.optimizer.lr > 0.5:
                found.append(make_finding("L001", run.name))
            elif run.config.optimizer.lr == 0.03 and run.name.endswith(AGAIN):
                found.append(make_finding("L001", run.name, held=1, of=3))
    assert step.kept is not None
    assert step.kept.change.patch == {"optimizer.lr": 0.003}
    tried = next(trial for trial in step.trials if trial.change.patch == {"optimizer.lr": 0.03})
    assert [each.code for each in tried.standing.rare] == ["L001"]
    (table,) = tabulate_trials(step)
    rows = {row[0]: row for row in table.rows}
    assert "L001 in 1 of 3 seeds" in rows["optimizer.lr=0.03"]


def test_where_much_is_left_to_gain_what_mends_is_tuned() -> None:
    """0.3 leaves no fault and half of the samples wrong; Adam tells more of them."""

    def share(config: Config) -> float:
        if config.optimizer.name == "adam":
            return {0.01: 0.9, 0.03: 0.94}.get(config.optimizer.lr, 0.3)
        return 0.5 if config.optimizer.lr == 0.3 else 0.1

    outcome, made = look(share, too_high)
    assert outcome.kept is not None
    assert outcome.kept.change.patch == {"optimizer.name": "adam", "optimizer.lr": 0.03}
    assert outcome.kept.change.remedies == ("adaptive-optimizer", "higher-rate"), "the lower rate gave way to Adam's"
    fresh = {run.name.removesuffix(AGAIN) for run in made if run.name.endswith(AGAIN)}
    assert "optimizer.name=adam,optimizer.lr=0.01" not in fresh, "of the tuning, only what it ends at"
    assert "optimizer.lr=0.3" in fresh


def test_tuning_that_gains_no_more_than_chance_is_dropped() -> None:
    """With other seeds 0.9 comes to no more than 0.3 does."""
    lucky = lambda config: 0.93 if config.optimizer.lr == 0.9 and config.seed == 0 else by_rate_alone(config)  # noqa: E731
    outcome, made = look(lucky, lambda config: [make_finding("L001")] if config.optimizer.lr > 1 else [])
    assert any(run.name == f"optimizer.lr=0.9{AGAIN}" for run in made)
    assert outcome.kept is not None
    assert outcome.kept.change.patch == {"optimizer.lr": 0.3}


def by_rate_alone(config: Config) -> float:
    return {0.3: 0.8, 0.9: 0.805}.get(config.optimizer.lr, 0.1)


def test_tuning_that_brings_a_fault_is_dropped() -> None:
    def share(config: Config) -> float:
        return {0.3: 0.5, 0.9: 0.9}.get(config.optimizer.lr, 0.1)

    outcome, _ = look(share, lambda config: [make_finding("L001")] if config.optimizer.lr > 0.5 else [])
    assert outcome.kept is not None
    assert outcome.kept.change.patch == {"optimizer.lr": 0.3}
