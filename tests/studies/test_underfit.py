"""Which trainings are made, which cause is named, and what each test says: on plans and traces, without training."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.studies.plans import list_runs, make_finding, make_options, make_run, read_rows
from trainlab.config import Config, apply_patch
from trainlab.plan import Arm
from trainlab.report import Finding, Series, Skipped, Trace
from trainlab.studies import underfit
from trainlab.studies._changes import Kind, Trial, list_trials
from trainlab.studies._first_cause import Tried, find_cause
from trainlab.studies._levels import find_gain, find_level

WINE = {"data": {"name": "wine"}, "loss": "cross_entropy", "train": {"epochs": 10, "batch_size": 16}}


def make_config(**patch: Any) -> Config:
    return apply_patch(Config(), {**WINE, **{key.replace("__", "."): value for key, value in patch.items()}}).config


def make_base(config: Config | None = None, name: str = "base", *, train: float = 0.4, test: float = 0.4, **fields: Any) -> Trace:
    metrics = {
        "train_accuracy": train,
        "test_accuracy": test,
        "constant_accuracy": 0.4,
        "linear_accuracy": 1.0,
        "train_loss": 1.1,
        "constant_loss": 1.1,
        "linear_loss": 0.01,
    }
    given: dict[str, Any] = {
        "config": config or make_config(),
        "loss": [1.2, 1.1],
        "total": [3.0],
        "task": "multiclass",
        "samples": (142, 36),
        "arrays": {"train-class-count": [47, 57, 38]},
        "metrics": {**metrics, **fields.pop("metrics", {})},
    }
    return make_run(name, **{**given, **fields})


def make_tried(kind: Kind, gain: float, what: str = "x", lowers: bool = False, **patch: Any) -> Tried:
    config = make_config()
    patch = {key.replace("__", "."): value for key, value in patch.items()}
    arm = Arm(name=what, patch=patch, config=config)
    trace = make_run(what, patch, config=config)
    return Tried(trial=Trial(kind=kind, what=what, arm=arm, lowers=lowers), arm=[trace], gain=gain)


def name_trials(config: Config, base: Trace | None = None) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for trial in list_trials(config, base or make_base(config)):
        found.setdefault(trial.kind, []).append(trial.arm.name if trial.arm else f"no: {trial.reason}")
    return found


class TestFirst:
    def test_the_base_comes_alone(self) -> None:
        config = make_config()
        plan = underfit.first(config, make_options(config, seeds=(0, 1)))
        assert list_runs(plan) == [("base", {}, 0), ("base", {}, 1)]
        assert plan.runs[0].judged

    @pytest.mark.parametrize("patch", [{"loss": "sum"}, {"data": {"name": "ones"}, "loss": "sum"}])
    def test_without_a_target_there_is_nothing_to_ask(self, patch: dict[str, Any]) -> None:
        config = apply_patch(make_config(), patch).config
        with pytest.raises(Exception, match="nothing is learned from"):
            underfit.first(config, make_options(config))


class TestThen:
    def plan(self, base: Trace, *findings: Finding) -> list[str]:
        config = make_config()
        plan = underfit.then(config, make_options(config), [base], lambda _: findings)
        assert plan is not None
        assert not any(run.judged for run in plan.runs)
        return [run.name for run in plan.runs]

    def test_a_base_that_learned_is_looked_at_and_not_mended(self) -> None:
        names = self.plan(make_base(train=1.0, test=1.0))
        assert len(names) == 4
        assert [name for name in names if name.startswith("data.label_noise")] == ["data.label_noise=0.6667"]
        assert not any(name.startswith("optimizer") for name in names)

    def test_one_that_did_not_is_tried_to_be_mended(self) -> None:
        names = self.plan(make_base())
        assert "data.standardize=true" in names
        assert len(names) < 20

    def test_so_is_one_with_a_fault(self) -> None:
        assert "data.standardize=true" in self.plan(make_base(train=1.0, test=1.0), make_finding("M001"))
        info = make_finding("M001", severity="info")
        assert "data.standardize=true" not in self.plan(make_base(train=1.0, test=1.0), info)

    def test_there_is_no_third_plan(self) -> None:
        config = make_config()
        traces = [make_base(), make_base(name="data.standardize=true")]
        assert underfit.then(config, make_options(config), traces, lambda _: []) is None


class TestTrials:
    def test_few_samples_are_learned_without_anything_that_keeps_the_network_from_it(self) -> None:
        config = make_config(optimizer__weight_decay=0.1, model__dropout=0.5, schedule={"name": "cosine"}, data__imbalance=2.0)
        trial = next(each for each in list_trials(config, make_base(config)) if each.kind == "subset")
        assert trial.arm is not None
        taken = trial.arm.config
        assert round(taken.data.fraction * 142) == 32  # type: ignore[union-attr]
        assert (taken.train.batch_size, taken.train.epochs, taken.schedule.name) == (None, 200, "constant")
        assert (taken.optimizer.weight_decay, taken.model.dropout, taken.data.imbalance) == (0.0, 0.0, 1.0)  # type: ignore[union-attr]

    @pytest.mark.parametrize(("planned", "epochs"), [(10, 200), (700, 700), (50_000, 2000)])
    def test_their_updates_are_bounded(self, planned: int, epochs: int) -> None:
        trial = next(each for each in list_trials(make_config(), make_base(planned=planned)) if each.kind == "batch")
        assert trial.arm is not None
        assert trial.arm.config.train.epochs == epochs

    def test_a_full_batch_is_no_test_of_one_batch(self) -> None:
        assert name_trials(make_config(train__batch_size=None))["batch"] == [
            "no: each update sees half of them or more: see the tiny subset"
        ]
        small = make_base(samples=(20, 5))
        assert name_trials(make_config(), small)["subset"] == ["no: there are 20 samples in all"]

    def test_random_labels_keep_nothing(self) -> None:
        numbers = make_base(task="regression", arrays={})
        assert name_trials(make_config(), numbers)["labels"] == ["data.label_noise=1.0"]
        drawn = make_config(data={"name": "classification"})
        assert name_trials(drawn)["labels"] == ["data.label_noise=0.999"]

    def test_only_what_is_there_is_taken_away(self) -> None:
        plain = name_trials(make_config())
        assert "penalty" not in plain
        assert "model" not in plain
        assert "loss" not in plain
        held = name_trials(make_config(model__bias=False, optimizer__weight_decay=0.1, loss="mse", model__output="softmax"))
        assert held["model"] == ["model.bias=true"]
        assert held["penalty"] == ["optimizer.weight_decay=0.0"]
        assert held["loss"] == ["loss=cross_entropy,model.output=none"]

    def test_rates_go_down_where_the_base_blew_up(self) -> None:
        from tests.rules.traces import broken

        rates = [name for name in name_trials(make_config())["rate"] if name.startswith("optimizer.lr")]
        assert rates == [f"optimizer.lr={rate}" for rate in ("1e-05", "0.001", "0.1", "1.0", "10.0")]
        blown = [name for name in name_trials(make_config(), make_base(nonfinite=broken()))["rate"] if "lr" in name]
        assert blown == [f"optimizer.lr={rate}" for rate in ("1e-06", "1e-05", "0.0001", "0.001")]

    def test_other_initial_weights_are_those_of_the_activation_and_torchs_own(self) -> None:
        def list_inits(name: str) -> list[str]:
            return [each for each in name_trials(make_config(model__init=name))["start"] if "init" in each]

        assert list_inits("zeros") == ["model.init={name: auto}", "model.init={name: default}"]
        assert list_inits("default") == ["model.init={name: auto}"]
        assert list_inits("auto") == []

    def test_recurrent_weights_go_with_them(self) -> None:
        recurrent = {"kind": "rnn", "recurrent_init": {"name": "identity", "gain": 5}}
        config = apply_patch(make_config(data={"name": "digits"}), {"model": recurrent}).config
        assert [each for each in name_trials(config)["start"] if "init" in each] == [
            "model.init={name: auto},model.recurrent_init={name: orthogonal}",
            "model.init={name: default},model.recurrent_init={name: orthogonal}",
        ]

    def test_a_list_of_widths_grows_with_the_layers(self) -> None:
        names = name_trials(make_config(model__layers=3, model__width=[8, 4]))["capacity"]
        assert names == ["model.width=[32,16]", "model.layers=4,model.width=[8,4,4]"]
        linear = name_trials(make_config(model__layers=1))["capacity"]
        assert linear == ["model.layers=2"]

    @pytest.mark.parametrize("kind", ["cnn", "resnet", "rnn", "lstm", "gru", "transformer"])
    def test_every_kind_of_network_can_be_tried(self, kind: str) -> None:
        config = apply_patch(make_config(data={"name": "digits"}), {"model.kind": kind}).config
        trials = list_trials(config, make_base(config))
        assert {trial.kind for trial in trials} >= {"batch", "subset", "labels", "rate", "optimizer", "capacity"}
        assert not [trial.reason for trial in trials if trial.reason]


class TestLevels:
    def test_it_is_the_share_of_the_way_from_a_constant(self) -> None:
        base = [make_base(train=0.7)]
        assert find_level(base, base) == pytest.approx(0.5)
        assert find_level([make_base(train=0.3)], base) == 0

    def test_where_nothing_else_is_known_it_is_the_share_of_the_first_loss_that_is_gone(self) -> None:
        def make(train: float | None, **fields: Any) -> list[Trace]:
            trace = make_base(task="none", metrics={"train_loss": train, "test_loss": 0.5}, **fields)
            known = {name: value for name, value in trace.metrics.items() if not name.endswith("_accuracy")}
            first = Series(per="update", at=np.array([1, 2]), values=np.array([2.0, 9.0]))
            return [replace(trace, metrics=known, series={**trace.series, "batch-loss": first})]

        base = make(1.5)
        assert find_level(base, base) == pytest.approx(0.25)
        assert find_level(make(0.5), base) == pytest.approx(0.75)
        assert find_level(make(0.5), base, "test") == pytest.approx(0.75)
        assert find_level(make(3.0), base) == 0
        assert math.isnan(find_level(make(-1.0), base)), "a loss below 0 has no share"
        assert math.isnan(find_level(make(None), base))

    def test_what_is_learned_by_heart_is_no_gain(self) -> None:
        base = [make_base(train=0.7, test=0.7)]
        assert find_gain([make_base(train=1.0, test=0.71)], base) == 0
        assert find_gain([make_base(train=1.0, test=0.9)], base) == pytest.approx(0.5)


class TestCause:
    def test_a_rule_is_believed_where_nothing_shows_otherwise(self) -> None:
        fault = make_finding("L002", name="learning-rate-too-low")
        cause = find_cause([fault], [make_tried("rate", 0.0), make_tried("capacity", 0.05)])
        assert cause is not None
        assert (cause.code, cause.words, cause.proof) == ("L002", "the steps are too short", None)

    def test_measured_comes_before_suspected(self) -> None:
        fault = make_finding("L002", name="learning-rate-too-low")
        cause = find_cause([fault], [make_tried("rate", 0.0), make_tried("capacity", 0.5)])
        assert cause is not None
        assert (cause.code, cause.kind, cause.doubt) == ("", "capacity", "L002")

    def test_what_mends_twice_as_much_is_the_cause_and_less_is_none(self) -> None:
        fault = make_finding("L002", name="learning-rate-too-low")
        tried = [make_tried("rate", 0.2, optimizer__lr=0.3), make_tried("capacity", 0.5)]
        cause = find_cause([fault], tried)
        assert cause is not None
        assert (cause.code, cause.kind, cause.doubt) == ("", "capacity", "L002")
        cause = find_cause([fault], [make_tried("rate", 0.3, optimizer__lr=0.3), make_tried("capacity", 0.5)])
        assert cause is not None
        assert (cause.code, cause.kind, cause.doubt) == ("L002", "rate", "")

    def test_initial_weights_are_proven_by_other_initial_weights_alone(self) -> None:
        """Norms mend too much to prove anything, and what is taken away explains more than what is added."""
        fault = make_finding("G007", name="poor-initialisation")
        norm, init = make_tried("start", 0.9, model__norm="batch"), make_tried("start", 0.8, model__init="auto")
        cause = find_cause([fault], [norm, make_tried("start", 0.0, model__init="auto"), make_tried("penalty", 0.95)])
        assert cause is not None
        assert (cause.code, cause.kind, cause.doubt) == ("", "penalty", "G007")
        for tried in ([norm, init], [norm, make_tried("start", 0.0, model__init="auto")]):
            cause = find_cause([fault], tried)
            assert cause is not None
            assert (cause.code, cause.proof) == ("G007", norm), "where nothing else mends as much, they do"

    def test_initial_weights_that_mend_are_named(self) -> None:
        cause = find_cause([], [make_tried("start", 0.9, model__init="auto")])
        assert cause is not None
        assert cause.words == "the initial weights do not suit the network"

    def test_faults_that_no_patch_mends_are_not_doubted(self) -> None:
        fault = make_finding("D003", name="label-noise")
        cause = find_cause([fault], [make_tried("capacity", 0.5)])
        assert cause is not None
        assert cause.code == "D003"

    def test_a_symptom_names_no_cause(self) -> None:
        fault = make_finding("F002", name="underfitting")
        assert find_cause([fault], [make_tried("rate", 0.05)]) is None
        cause = find_cause([fault], [make_tried("rate", 0.4, lowers=True, optimizer__lr=0.001), make_tried("capacity", 0.42)])
        assert cause is not None
        assert cause.words == "the learning rate is too high"

    def test_what_gains_far_less_is_no_first_cause(self) -> None:
        cause = find_cause([], [make_tried("rate", 0.2), make_tried("capacity", 0.9)])
        assert cause is not None
        assert cause.words == "the network is too small"

    def test_a_consequence_is_no_cause(self) -> None:
        faults = [make_finding("D001", name="unscaled-features"), make_finding("G007", name="poor-initialisation", because="D001")]
        cause = find_cause(faults, [make_tried("data", 0.5), make_tried("start", 0.6)])
        assert cause is not None
        assert (cause.code, cause.kind) == ("D001", "data")


class TestConclude:
    def conclude(self, traces: list[Trace], findings: list[Finding], skipped: list[Skipped] | None = None) -> Any:
        config = make_config()
        return underfit.conclude(config, make_options(config), traces, findings, skipped or [])

    def arm(self, name: str, **fields: Any) -> Trace:
        config = make_config()
        trial = next(each for each in list_trials(config, make_base(config)) if each.arm and each.arm.name.startswith(name))
        assert trial.arm is not None
        return make_base(trial.arm.config, trial.arm.name, **fields)

    @pytest.mark.parametrize(
        ("base", "few", "words"),
        [
            (0.4, 0.4, "It cannot even learn 16 samples by heart: more units would not help."),
            (0.5, 1.0, "by heart, but not all."),
            (1.0, 1.0, "Nothing hinders it: "),
        ],
    )
    def test_three_outcomes_of_few_samples(self, base: float, few: float, words: str) -> None:
        findings = [] if base == 1 else [make_finding("F002", name="underfitting")]
        runs = [
            make_base(train=base, test=base),
            self.arm("data.fraction=0.11", train=few),
            self.arm("data.fraction=0.22", train=few),
        ]
        assert words in self.conclude(runs, findings).answer.text

    @pytest.mark.parametrize(
        ("skill", "few", "test", "named"),
        [(0.01, 1.0, 0.4, True), (0.3, 1.0, 0.4, False), (0.01, 0.4, 0.4, False), (0.01, 1.0, 0.6, False), (0.19, 1.0, 0.4, False)],
    )
    def test_where_neither_it_nor_a_forest_tells_new_samples_there_is_nothing_to_learn(
        self, skill: float, few: float, test: float, named: bool
    ) -> None:
        metrics = {"oob_skill": skill, "oob_skill_error": 0.02}
        runs = [make_base(train=0.5, test=test, metrics=metrics), self.arm("data.fraction=0.22", train=few)]
        answer = self.conclude(runs, [make_finding("F002", name="underfitting")]).answer
        assert ("nothing in the inputs tells about the targets" in answer.text) == named
        assert (answer.values["cause"] == "data") == named

    def test_a_network_that_only_a_larger_one_outdoes_is_not_hindered(self) -> None:
        """On text, say, where nothing is right to the last character: every larger network gets further."""
        larger = self.arm("model.width=", train=0.8, test=0.8)
        told = self.conclude([make_base(train=0.62, test=0.62), larger], [])
        assert told.answer.text.startswith("Nothing hinders it but its size: 62.0 % of the training part right")
        assert f"With {larger.name}: 80.0 % right." in told.answer.text
        assert told.answer.values["verdict"] == "limited"

    def test_it_is_where_a_larger_one_gets_twice_as_far_or_a_rule_finds_a_fault(self) -> None:
        larger = self.arm("model.width=", train=1.0, test=1.0)
        told = self.conclude([make_base(train=0.62, test=0.62), larger], [])
        assert (told.answer.values["verdict"], told.answer.values["cause"]) == ("hindered", "capacity")
        fault = make_finding("F002", name="underfitting", run="base")
        told = self.conclude([make_base(train=0.8, test=0.8), larger], [fault])
        assert (told.answer.values["verdict"], told.answer.values["cause"]) == ("hindered", "capacity")

    def test_a_rule_that_cannot_judge_passes_nothing(self) -> None:
        conclusion = self.conclude([make_base()], [], [Skipped(code="M003", reason="too few")])
        rows = {row["test"]: row["verdict"] for row in read_rows(conclusion, "tests")}
        assert rows["samples do not mix in a batch"] == "not judged"
        assert rows["penalties leave the weights"] == "passed"
        assert rows["fits one batch"] == "not judged"

    def test_labels_that_may_as_well_be_random_fail(self) -> None:
        noise = self.arm("data.label_noise", train=1.0, test=0.4)
        rows = {
            row["test"]: row["verdict"] for row in read_rows(self.conclude([make_base(train=1.0, test=0.4), noise], []), "tests")
        }
        assert rows["random labels cost it something"] == "failed"
        rows = {
            row["test"]: row["verdict"] for row in read_rows(self.conclude([make_base(train=1.0, test=0.9), noise], []), "tests")
        }
        assert rows["random labels cost it something"] == "passed"

    def test_a_training_part_of_one_class_has_no_level(self) -> None:
        alone = {"metrics": {"constant_accuracy": 1.0}}
        runs = [make_base(**alone), self.arm("data.fraction=0.11", train=1.0, **alone), self.arm("data.label_noise", **alone)]
        rows = {row["test"]: row for row in read_rows(self.conclude(runs, []), "tests")}
        for test in ("fits one batch (16 samples)", "random labels cost it something"):
            assert (rows[test]["measured"], rows[test]["verdict"]) == (None, "not judged")

    def test_a_number_beyond_its_limit_may_do_no_harm(self) -> None:
        conclusion = self.conclude([make_base(metrics={"feature_spread": 900.0})], [])
        row = next(row for row in read_rows(conclusion, "tests") if row["test"] == "features have one scale")
        assert (row["measured"], row["limit"], row["verdict"]) == ("900 times, harmless", "10 times", "passed")

    def test_the_cost_is_counted_in_trainings_of_the_config(self) -> None:
        conclusion = self.conclude([make_base(), self.arm("data.standardize", train=1.0, test=1.0, updates=50)], [])
        assert conclusion.answer.values["trainings"] == 1.5
        assert conclusion.answer.values["cause"] == "data"
        assert "the features are not scaled. With data.standardize=true: 100.0 % right." in conclusion.answer.text
