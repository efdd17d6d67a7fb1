from __future__ import annotations

from typing import Any

import pytest

from tests.studies.plans import list_runs, make_options, make_run
from trainlab.config import Config, apply_patch, validate
from trainlab.errors import UserError
from trainlab.plan import Options, Plan
from trainlab.report import Trace
from trainlab.studies import overfit
from trainlab.studies._trials import choose_strengths, list_choices, plan_chosen, say_remedy

VALUES: dict[str, Any] = {
    "data": {"name": "classification"},
    "loss": "bce_logits",
    "optimizer": {"name": "adam"},
    "train": {"epochs": 400},
}
CONFIG = validate(VALUES)
HELD = apply_patch(CONFIG, {"data.validation_fraction": 0.1}).config
PART = "data.validation_fraction=0.2"


def ask(*remedies: str, seeds: tuple[int, ...] = (0, 1, 2, 3), config: Config = CONFIG, **chosen: Any) -> Options:
    return make_options(config, seeds=seeds, remedy=remedies or None, **chosen)


def plan(*remedies: str, config: Config = CONFIG, **chosen: Any) -> Plan:
    return overfit.first(config, ask(*remedies, config=config, **chosen))


def measure(options: Options, accuracies: dict[str, float], config: Config = CONFIG) -> list[Trace]:
    """What the first plan would give, each run with its accuracy on the validation part; 0.5 where none is given."""
    return [
        make_run(
            run.name,
            run.patch,
            seed=run.config.seed,
            config=config,
            task="binary",
            metrics={"validation_accuracy": accuracies.get(run.name, 0.5), "validation_loss": 1.0},
        )
        for run in overfit.first(config, options).runs
    ]


class TestFirst:
    def test_a_strength_is_chosen_on_a_part_of_the_training_data(self) -> None:
        names = dict.fromkeys(name for name, _, _ in list_runs(plan("weight-decay")))
        assert list(names) == ["base", *(f"optimizer.weight_decay={strength},{PART}" for strength in (0.04, 0.01, 0.1))]

    def test_by_three_seeds_the_base_with_all(self) -> None:
        runs = plan("weight-decay").runs
        assert [run.config.seed for run in runs if run.name == "base"] == [0, 1, 2, 3]
        assert [run.config.seed for run in runs if "0.01" in run.name] == [0, 1, 2]
        assert all("test" not in key for run in runs for key in run.patch)

    def test_only_the_base_is_judged(self) -> None:
        assert [run.name for run in plan("dropout").runs if run.judged] == ["base"] * 4

    def test_with_a_validation_part_there_is_nothing_to_make(self) -> None:
        runs = plan("weight-decay", config=HELD).runs
        assert {run.name for run in runs} >= {"optimizer.weight_decay=0.04"}
        assert len(runs) == 4 * 4

    def test_one_strength_needs_no_choice(self) -> None:
        assert {run.name for run in plan("batch-norm").runs} == {"base", "model.norm=batch"}

    def test_the_learning_curve(self) -> None:
        assert {run.name for run in plan("more-data").runs} == {"base", "data.fraction=0.25", "data.fraction=0.5"}

    def test_an_ensemble_is_a_group_of_resamples(self) -> None:
        made = plan("ensemble")
        (group,) = made.groups
        assert group.members == tuple(f"data.bootstrap={number}" for number in range(5))
        assert {run.name for run in made.runs} == {"base", *group.members}
        assert "votes" in made.probes

    def test_passes_with_dropout_need_dropout(self) -> None:
        assert any("model.dropout" in run.name for run in plan("mc-dropout").runs)

    def test_all_of_them(self) -> None:
        keys = {key for run in plan().runs for key in run.patch}
        assert len({run.name for run in plan().runs}) > 35
        assert keys >= {"regularize.l1", "model.width", "data.bootstrap", "data.fraction", "train.early_stopping"}
        assert plan("all").runs == plan().runs

    def test_five_seeds_where_none_are_asked_for_and_one_with_folds(self) -> None:
        def count(**chosen: Any) -> set[int]:
            options = ask("batch-norm", seeds=(7,), **chosen)
            options = Options(arms=options.arms, seeds=options.seeds, seeds_given=False, chosen=options.chosen)
            return {run.config.seed for run in overfit.first(CONFIG, options).runs}

        assert count() == {7, 8, 9, 10, 11}
        assert count(folds=3) == {7}

    def test_every_fold_of_every_run(self) -> None:
        runs = plan("batch-norm", seeds=(0,), folds=3).runs
        assert [(run.name, run.config.data.fold) for run in runs] == [
            (name, fold) for name in ("base", "model.norm=batch") for fold in range(3)
        ]

    def test_changes_and_remedies_side_by_side(self) -> None:
        options = make_options(CONFIG, {"model.width": 8}, remedy=("batch-norm",))
        assert [(run.name, run.judged) for run in overfit.first(CONFIG, options).runs] == [
            ("base", True),
            ("model.width=8", True),
            ("model.norm=batch", False),
        ]


class TestMistakes:
    def test_no_such_remedy(self) -> None:
        with pytest.raises(UserError) as caught:
            plan("weight_decy", "shuffel")
        first, second = caught.value.problems
        assert (first.key, first.nearest, second.nearest) == ("--remedy", "weight-decay", "shuffle")
        assert set(first.choices) == {"all", *list_choices()}

    def test_no_use_for_it_here(self) -> None:
        with pytest.raises(UserError, match="shuffle") as caught:
            plan("shuffle", "dropout")
        assert len(caught.value.problems) == 1

    def test_what_mends_something_else_is_no_choice(self) -> None:
        assert {"weight-decay", "ensemble", "more-data", "mc-dropout", "shuffle"} <= set(list_choices())
        assert len(list_choices()) >= 16


class TestThen:
    def test_the_best_on_the_validation_part_is_trained_on_everything(self) -> None:
        options = ask("weight-decay", "dropout")
        traces = measure(options, {f"optimizer.weight_decay=0.1,{PART}": 0.9, f"model.dropout=0.5,{PART}": 0.8})
        made = plan_chosen(CONFIG, options, traces)
        assert made is not None
        assert [(run.name, run.config.seed) for run in made.runs] == [
            (name, seed) for name in ("model.dropout=0.5", "optimizer.weight_decay=0.1") for seed in range(4)
        ]
        assert not any(run.judged for run in made.runs)
        assert all(run.config.data.validation_fraction == 0 for run in made.runs)

    def test_of_equals_the_likeliest(self) -> None:
        options = ask("weight-decay")
        chosen = choose_strengths(CONFIG, options, measure(options, {}))
        assert chosen["weight-decay"].arm.name == "optimizer.weight_decay=0.04"

    def test_once(self) -> None:
        options = ask("weight-decay")
        traces = [*measure(options, {}), make_run("optimizer.weight_decay=0.04", task="binary")]
        assert plan_chosen(CONFIG, options, traces) is None

    def test_early_stopping_keeps_its_part_and_needs_only_the_other_seeds(self) -> None:
        options = ask("early-stopping")
        made = plan_chosen(CONFIG, options, measure(options, {}))
        assert made is not None
        assert [(run.name, run.config.seed) for run in made.runs] == [(f"train.early_stopping=20,{PART}", 3)]

    def test_nothing_where_the_config_has_a_validation_part(self) -> None:
        options = ask("weight-decay", config=HELD)
        assert plan_chosen(HELD, options, measure(options, {}, HELD)) is None

    def test_a_strength_that_diverged_is_not_chosen(self) -> None:
        options = ask("weight-decay")
        chosen = choose_strengths(CONFIG, options, measure(options, {f"optimizer.weight_decay=0.04,{PART}": float("nan")}))
        assert chosen["weight-decay"].arm.name == "optimizer.weight_decay=0.01"


@pytest.mark.parametrize(
    ("name", "patch", "words"),
    [
        ("weight-decay", {"optimizer.weight_decay": 0.04}, "weight decay 0.04"),
        ("l1-l2", {"regularize.l1": 0.001, "optimizer.weight_decay": 0.01}, "L1 and L2 0.001, 0.01"),
        ("early-stopping", {"train.early_stopping": 20, "data.validation_fraction": 0.2}, "early stopping 20"),
        ("batch-norm", {"model.norm": "batch"}, "batch norm"),
        ("smaller-network", {"model.width": 2}, "smaller network 2"),
        ("smaller-network", {"model.layers": 2}, "smaller network 2 layers"),
    ],
)
def test_a_remedy_in_words(name: str, patch: dict[str, Any], words: str) -> None:
    assert say_remedy(name, patch) == words
