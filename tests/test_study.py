"""A study from plan to report, on small networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from tests.studies.plans import make_options
from trainlab import engine, study
from trainlab.config import Config, find_config, load, validate
from trainlab.config.data import Classification, Linear, Ones
from trainlab.config.model import MLP, BatchNorm
from trainlab.config.training import Train
from trainlab.errors import UserError
from trainlab.plan import PlannedRun
from trainlab.report import Finding, Report
from trainlab.study import Settings, choose_exit_code, prepare

CHAIN = validate(load(find_config("configs/gradients")).values)
TOY = Config(
    model=MLP(width=8, output="sigmoid"), data=Classification(samples=100, test_fraction=0.4), loss="bce", train=Train(epochs=20)
)


def run(
    command: str, config: Config, *patches: Mapping[str, Any], settings: Mapping[str, Any] | None = None, **options: Any
) -> Report:
    listen = options.pop("listen", lambda _: True)
    return study.run(command, config, make_options(config, *patches, **options), Settings(**(settings or {})), listen)


def finding(severity: str, *, known: bool = False) -> Finding:
    return Finding(code="X001", name="x", severity=severity, message="m", known=known)  # type: ignore[arg-type]


class TestRun:
    def test_a_whole_report(self) -> None:
        report = run("gradients", CHAIN, {"model.activation": "relu"}, seeds=(4, 5))
        assert (report.command, report.complete, report.exit_code) == ("gradients", True, 0)
        assert [(each.name, each.seed) for each in report.runs] == [
            ("base", 4),
            ("base", 5),
            ("model.activation=relu", 4),
            ("model.activation=relu", 5),
        ]
        assert report.environment["device"] == "cpu"
        assert report.environment["torch"] == torch.__version__
        assert set(report.seconds) == {"train_s", "judge_s"}
        assert [each.code for each in report.findings] == ["G001"]

    def test_what_is_not_reported_changes_no_answer(self) -> None:
        whole = run("gradients", CHAIN)
        for settings in ({"ignore": ("G",)}, {"select": ("G006",)}):
            part = run("gradients", CHAIN, settings=settings)
            assert part.answer == whole.answer
            assert part.tables == whole.tables
            assert part.findings == ()

    def test_nothing_that_is_reported_could_be_judged(self) -> None:
        assert run("gradients", CHAIN, settings={"ignore": ("G",)}).exit_code == 4

    def test_rules_beside_those_of_the_study_get_their_probes(self) -> None:
        report = run("gradients", TOY, settings={"select": ("C005", "F001")}, steps=20)
        assert "total-norm" in report.runs[0].series
        assert "test_accuracy" in report.runs[0].metrics

    @pytest.mark.parametrize(("fail_on", "code"), [("never", 0), ("warning", 1), ("error", 1)])
    def test_fail_on(self, fail_on: str, code: int) -> None:
        assert run("gradients", CHAIN, settings={"fail_on": fail_on}).exit_code == code

    def test_what_stands_in_the_baseline_does_not_count(self) -> None:
        first = run("gradients", CHAIN, settings={"fail_on": "error"})
        known = frozenset((each.code, each.run, each.where, each.severity) for each in first.findings)
        again = run("gradients", CHAIN, settings={"fail_on": "error", "baseline": known})
        assert (again.exit_code, [each.known for each in again.findings]) == (0, [True])
        other = run(
            "gradients", CHAIN, settings={"fail_on": "error", "baseline": frozenset({("G001", "base", "elsewhere", "error")})}
        )
        assert other.exit_code == 1

    def test_a_config_may_set_thresholds_and_ignore(self) -> None:
        loose = dataclasses.replace(CHAIN, rules={"G001": {"ratio": 1e-25}})
        assert run("gradients", loose).findings == ()
        silenced = dataclasses.replace(CHAIN, rules={"ignore": [{"code": "G001", "reason": "a demonstration"}]})
        report = run("gradients", silenced, settings={"fail_on": "error"})
        assert (report.findings, report.exit_code) == ((), 0)
        assert report.skipped[0].reason == "ignored by the config: a demonstration"

    def test_a_second_plan_is_trained_and_judged_too(self) -> None:
        config = validate(load(find_config("configs/clip")).values | {"clip": {"mode": "norm", "threshold": 1.0}})
        report = run("clip", config)
        assert [each.name for each in report.runs][-1] == "clip.mode=none,optimizer.lr=0.0003"
        assert report.environment["seed"] == 0

    def test_networks_that_cannot_be_stacked_are_said_to_train_one_by_one(self) -> None:
        model = {"kind": "layers", "modules": [{"Linear": [4, 3]}, {"RReLU": []}]}
        config = validate({"model": model, "data": "iris", "loss": "cross_entropy"})
        (note,) = run("gradients", config).notes
        assert note.startswith("trained one by one")
        assert note.endswith("(base)")


class TestMixedPrecision:
    CONFIG = validate(
        {
            "data": {"name": "random", "samples": 41, "features": 9, "classes": 4},
            "loss": "sum",
            "model": {"width": 7},
            "train": {"epochs": 3, "batch_size": 8, "precision": "fp16"},
        }
    )

    def test_many_skipped_updates_are_told_and_are_no_divergence(self) -> None:
        report = run("lr-sweep", self.CONFIG, {"optimizer.lr": 0.001}, seeds=(0, 1), settings={"select": ("G006", "L003")})
        assert report.findings == ()
        skipped = sum(each.metrics["skipped_updates"] for each in report.runs if each.name == "base")
        assert skipped >= 6
        (note,) = [each for each in report.notes if "skipped" in each]
        assert note.startswith(
            f"updates skipped because a gradient overflowed in fp16: {skipped} of 36 in base, whose loss scale ends at "
        )

    def test_gradients_that_underflow_are_zeros(self) -> None:
        chain = dataclasses.replace(CHAIN, train=dataclasses.replace(CHAIN.train, precision="fp16"))
        report = run("gradients", chain)
        assert [each.code for each in report.findings] == ["G001", "G005"]  # what underflows to 0 reaches no weight
        norms = [each["grad_norm"] for each in report.runs[0].layers]
        assert norms[0] == 0.0
        assert norms[-1] == pytest.approx(0.148091, rel=1e-3)
        # The last gradient that the scale of 32768 holds is the smallest number of fp16
        assert min(norm for norm in norms if norm) * 32768 == pytest.approx(2.0**-24, rel=0.5)
        assert report.answer.values["first"]["grad_norm"] == 0.0


class TestSkipped:
    def test_a_change_that_cannot_run_once_for_all_seeds(self) -> None:
        report = run("gradients", CHAIN, {"model.norm": "batch"}, seeds=(0, 1))
        (skipped,) = report.skipped
        assert (skipped.code, skipped.run) == ("run", "model.norm=batch")

    def test_a_base_that_cannot_run(self) -> None:
        config = dataclasses.replace(CHAIN, model=dataclasses.replace(CHAIN.model, norm=BatchNorm()))
        with pytest.raises(UserError, match="batch norm cannot train on one sample"):
            run("gradients", config)
        with pytest.raises(UserError, match="batch norm cannot train on one sample"):
            study.estimate("gradients", config, make_options(config), Settings())

    def test_a_later_plan_has_no_base_that_must_run(self) -> None:
        broken_run = PlannedRun(
            name="a", patch={}, config=dataclasses.replace(TOY, loss="sum", data=Ones(), model=MLP(norm=BatchNorm()))
        )
        assert prepare([broken_run], torch.device("cpu"), must=False)[2][0].run == "a"
        with pytest.raises(UserError):
            prepare([broken_run], torch.device("cpu"))

    @pytest.mark.parametrize(
        "error",
        [
            MemoryError(),
            torch.OutOfMemoryError("CUDA out of memory"),
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000000000000 bytes"),
        ],
    )
    def test_a_network_that_does_not_fit(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        def refuse(*_: Any) -> None:
            raise error

        monkeypatch.setattr(engine, "prepare", refuse)
        with pytest.raises(UserError, match="do not fit into memory"):
            run("gradients", CHAIN)
        monkeypatch.undo()
        monkeypatch.setattr(engine, "train", refuse)
        with pytest.raises(UserError, match="do not fit into memory"):
            run("gradients", CHAIN)

    def test_any_other_error_is_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: Any) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(engine, "train", fail)
        with pytest.raises(RuntimeError, match="a bug"):
            run("gradients", CHAIN)


class TestStopping:
    def test_before_the_first_update(self) -> None:
        report = run("overfit", TOY, quick=True, listen=lambda _: False)
        assert (report.complete, report.exit_code, report.runs) == (False, 4, ())
        assert report.answer.text == "Nothing was measured: the study was stopped before its first update."
        assert {each.reason for each in report.skipped if each.code == "run"} == {"stopped before its first update"}

    @pytest.mark.parametrize("command", ["overfit", "lr-sweep", "clip", "gradients"])
    @pytest.mark.parametrize("batch_size", [None, 7])
    def test_at_any_update_there_is_an_answer(self, command: str, batch_size: int | None) -> None:
        config = dataclasses.replace(TOY, train=Train(epochs=20, batch_size=batch_size))
        for stop in (1, 2, 3, 11):
            calls: list[int] = []

            def listen(progress: engine.Progress, calls: list[int] = calls, stop: int = stop) -> bool:
                calls.append(progress.updates_done)
                return len(calls) <= stop

            own = {"lr-sweep": {"lr": (0.1, 0.2)}, "gradients": {"steps": 50}, "overfit": {"quick": True}}
            report = run(command, config, listen=listen, **own.get(command, {}))
            assert not report.complete
            assert report.answer.text
            assert len(report.runs) >= 1
            assert max(each.metrics["updates"] for each in report.runs) <= stop

    def test_time_is_up(self) -> None:
        config = dataclasses.replace(TOY, train=Train(epochs=1_000_000))
        report = run("overfit", config, quick=True, settings={"seconds": 0.3})
        assert not report.complete
        assert report.runs[0].metrics["updates"] > 0

    def test_progress_counts_up_to_the_plan(self) -> None:
        seen: list[engine.Progress] = []
        run("overfit", TOY, quick=True, listen=lambda progress: not seen.append(progress))  # type: ignore[func-returns-value]
        assert {each.updates for each in seen} == {40}
        done = [each.updates_done for each in seen]
        assert done == sorted(done)
        assert done[0] == 0
        assert done[-1] < 40


class TestBudget:
    def test_every_arm_has_its_first_seed_before_any_has_its_second(self) -> None:
        report = run("overfit", TOY, quick=True, seeds=(0, 1, 2), settings={"trainings": 4})
        names = [(each.name, each.seed) for each in report.runs]
        assert names == [("base", 0), ("base", 1), ("optimizer.weight_decay=0.04", 0), ("optimizer.weight_decay=0.04", 1)]
        reasons = {each.run: each.reason for each in report.skipped if each.code == "run"}
        assert reasons["base"] == "1 of 3 seeds are beyond the budget of 4 trainings"
        assert report.complete

    def test_an_arm_left_out_altogether(self) -> None:
        report = run("overfit", TOY, quick=True, settings={"trainings": 1})
        reasons = {each.run: each.reason for each in report.skipped if each.code == "run"}
        assert reasons == {"optimizer.weight_decay=0.04": "beyond the budget of 1 training"}

    def test_a_dear_arm_is_left_out_and_a_cheap_one_is_not(self) -> None:
        report = run("overfit", TOY, {"train.epochs": 100}, {"train.epochs": 10}, settings={"trainings": 2})
        assert [each.name for each in report.runs] == ["base", "train.epochs=10"]

    def test_the_first_run_is_always_made(self) -> None:
        assert [each.name for each in run("overfit", TOY, quick=True, settings={"trainings": 0.01}).runs] == ["base"]

    def test_the_estimate_knows_it_too(self) -> None:
        cost = study.estimate("overfit", TOY, make_options(TOY, seeds=(0, 1), quick=True), Settings(trainings=3))
        assert (cost.runs, cost.updates) == (3, 60)
        assert [each.run for each in cost.skipped] == ["optimizer.weight_decay=0.04"]
        assert cost.seconds > 0
        assert cost.bytes > 0


def test_an_estimate_refuses_unknown_rules() -> None:
    with pytest.raises(UserError):
        study.estimate("overfit", TOY, make_options(TOY), Settings(select=("Q",)))


@pytest.mark.parametrize(
    ("findings", "judged", "fail_on", "code"),
    [
        ([], 3, "error", 0),
        ([], 0, "never", 4),
        ([finding("error")], 1, "never", 0),
        ([finding("error")], 1, "error", 1),
        ([finding("error")], 1, "warning", 1),
        ([finding("warning")], 1, "error", 0),
        ([finding("warning")], 1, "warning", 1),
        ([finding("info")], 1, "warning", 0),
        ([finding("error", known=True)], 1, "error", 0),
        ([finding("error", known=True), finding("error")], 1, "error", 1),
    ],
)
def test_exit_codes(findings: list[Finding], judged: int, fail_on: str, code: int) -> None:
    assert choose_exit_code(findings, judged, fail_on) == code


def test_a_study_on_a_straight_line_is_quick() -> None:
    config = Config(model=MLP(width=4), data=Linear(test_fraction=0.2), loss="mse", train=Train(epochs=2))
    assert run("overfit", config).answer.text
