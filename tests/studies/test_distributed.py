"""What is planned, and what is said of traces made up by hand; no rank is started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.rules.real_ranks import make_ranks
from tests.studies.plans import list_runs, make_finding, make_options, read_rows
from trainlab.config import Config, apply_patch, name_patch, validate
from trainlab.plan import Conclusion, Options
from trainlab.report import Finding, Trace
from trainlab.studies.distributed import conclude, first

PLAIN = {"loss": "mse", "train": {"batch_size": 10}, "distributed": {"ranks": 4, "remainder": "drop"}}
MANY = {
    "model": {"norm": "batch", "dropout": 0.2},
    "loss": "mse",
    "train": {"batch_size": 10, "accumulate": 3},
    "distributed": {"ranks": 4, "reduction": "sum", "same_start": False, "delay": 2},
}
IDEAL = {
    "distributed.reduction": "weighted",
    "distributed.remainder": "uneven",
    "train.accumulate": 1,
    "train.batch_size": 30,
    "distributed.sync_batch_norm": True,
    "distributed.dropout": "union",
    "distributed.delay": 0,
    "distributed.same_start": True,
}


def make_config(values: dict[str, Any], **section: Any) -> Config:
    return validate({**values, "distributed": {**values["distributed"], **section}})


class TestPlan:
    def test_where_nothing_can_differ_the_base_is_alone(self) -> None:
        plan = first(make_config(PLAIN), make_options(make_config(PLAIN)))
        assert list_runs(plan) == [("base", {}, 0)]
        assert plan.ranks is not None
        assert (plan.ranks.steps, plan.ranks.timeout, plan.ranks.timed) == (5, 60.0, False)

    def test_every_cause_is_switched_by_itself(self) -> None:
        config = make_config(MANY)
        plan = first(config, make_options(config))
        base, *beside = plan.runs
        assert base.judged
        assert not any(run.judged for run in beside)
        patches = [dict(run.patch) for run in beside]
        assert patches[0] == IDEAL
        alone = [{key for key in IDEAL if key not in patch} for patch in patches[1:8]]
        assert alone == [
            {"distributed.reduction"},
            {"distributed.remainder"},
            {"train.accumulate", "train.batch_size"},
            {"distributed.sync_batch_norm"},
            {"distributed.dropout"},
            {"distributed.delay"},
            {"distributed.same_start"},
        ]
        without = [set(patch) for patch in patches[8:]]
        assert without == alone
        for run in beside:
            assert run.config.train.updates == 5
            assert run.config.distributed == apply_patch(config, dict(run.patch)).config.distributed

    def test_buffers_show_only_where_the_ranks_have_their_own(self) -> None:
        section = {"remainder": "drop", "broadcast_buffers": False}
        config = validate({"model": {"norm": "batch"}, "loss": "mse", "distributed": section})
        patches = [dict(run.patch) for run in first(config, make_options(config)).runs]
        sync, send = {"distributed.sync_batch_norm": True}, {"distributed.broadcast_buffers": True}
        assert patches == [{}, {**sync, **send}, send, sync]  # the base is what shows both; buffers show with it only

    @pytest.mark.parametrize(
        ("values", "mended"),
        [
            ({"loss": "sum"}, {"distributed.reduction": "sum"}),
            ({"loss": "mse", "distributed": {"shares": [2, 1]}}, {"distributed.reduction": "weighted"}),
            ({"loss": "mse", "distributed": {"remainder": "uneven"}}, {"distributed.reduction": "weighted"}),
            (
                {"loss": "mse", "distributed": {"through": "ddp", "remainder": "drop"}},
                {"distributed.through": "all_reduce"},
            ),
        ],
    )
    def test_what_would_be_right(self, values: dict[str, Any], mended: dict[str, Any]) -> None:
        config = validate({"distributed": {"remainder": "drop"}, **values})
        assert dict(first(config, make_options(config)).runs[1].patch) == mended

    def test_the_commands_options_are_the_bases(self) -> None:
        config = make_config(PLAIN)
        options = make_options(
            config, {"distributed.ranks": 8}, {"optimizer.lr": 1.0}, ranks=2, sharding="strided", steps=3, timeout=7.0, timed=True
        )
        plan = first(config, options)
        found = {run.name: (run.config.distributed.ranks, run.config.distributed.sharding) for run in plan.runs}
        assert found == {"base": (2, "strided"), "distributed.ranks=8": (8, "strided"), "optimizer.lr=1.0": (2, "strided")}
        assert plan.ranks is not None
        assert (plan.ranks.steps, plan.ranks.timeout, plan.ranks.timed) == (3, 7.0, True)


def finish(config: Config, traces: Sequence[Trace], findings: Sequence[Finding] = (), **options: Any) -> Conclusion:
    given: Options = make_options(config, **options)
    return conclude(config, given, traces, findings, [])


def make(config: Config, patch: dict[str, Any] | None = None, **series: Any) -> Trace:
    """The trace of the base, or of a run beside it; `error` is how far off its gradient is at every update."""
    error = series.pop("error", 1e-16)
    metrics = series.pop("metrics", {})
    trace = make_ranks(**{"gradient_error": [error] * 3, **series})
    whole = apply_patch(config, patch or {}).config
    name = name_patch(patch) if patch else "base"
    return replace(trace, name=name, patch=patch or {}, config=whole, metrics={**trace.metrics, **metrics})


class TestAnswer:
    def test_the_same(self) -> None:
        config = make_config(PLAIN)
        found = finish(config, [make(config)])
        assert found.answer.text == (
            "4 ranks compute the update that one process would on their 40 samples: gradients agree to 1.0e-16 in float32 and "
            "1.0e-16 in float64, as the order of the sums allows."
        )
        assert found.answer.values["same"] is True
        assert read_rows(found, "causes") == [
            {
                "cause": "order of the sums",
                "alone": 1e-16,
                "alone in float32": 1e-16,
                "without it": None,
                "buffers apart": 0.0,
                "setting": "",
            }
        ]

    def test_every_cause_by_its_name_the_largest_first(self) -> None:
        config = make_config(MANY)
        effects = {
            "distributed.reduction": ("sum for mean", 3.0),
            "distributed.remainder": ("duplicated samples", 0.05),
            "train.accumulate": ("accumulation", 0.2),
            "distributed.sync_batch_norm": ("batch norm per rank", 0.3),
            "distributed.dropout": ("dropout streams", 0.5),
            "distributed.delay": ("late gradients", 0.1),
            "distributed.same_start": ("unsynchronised start", 1.5),
        }
        facts = {"metrics": {"batch_norms": 1, "draws": 1}, "repeated": [0, 0, 3]}
        traces = [make(config, error=4.0, **facts)]
        for run in first(config, make_options(config)).runs[1:]:
            patch = dict(run.patch)
            left = [effect for key, (_, effect) in effects.items() if key not in patch]
            traces.append(make(config, patch, error=max(left, default=1e-16), **facts))
        found = finish(config, traces)
        rows = read_rows(found, "causes")
        assert {row["cause"]: row["alone"] for row in rows[:-1]} == dict(effects.values())
        assert [row["alone"] for row in rows] == sorted((row["alone"] for row in rows), reverse=True)
        assert rows[0]["without it"] == 1.5
        assert found.answer.text.startswith(
            "4 ranks do not compute the update that one process would: the gradient is off by 400 %, because of sum for mean "
            "(300 % alone), then unsynchronised start (150 % alone), then batch norm per rank (30 % alone), then "
            "late gradients (10 % alone), then duplicated samples (5 % alone). Divide the gradient by the 4 ranks."
        )
        assert "What dropout streams add, 50 %, is meant." in found.answer.text

    def test_what_is_meant_comes_first_where_it_is_the_larger(self) -> None:
        config = validate({**PLAIN, "model": {"norm": "batch", "dropout": 0.2}})
        facts = {"metrics": {"batch_norms": 1, "draws": 1}}
        traces = [make(config, error=1.01, **facts)]
        for run in first(config, make_options(config)).runs[1:]:
            patch = dict(run.patch)
            effects = {"distributed.sync_batch_norm": 0.1, "distributed.dropout": 1.0}
            left = [effect for key, effect in effects.items() if key not in patch]
            traces.append(make(config, patch, error=max(left, default=1e-16), **facts))
        assert finish(config, traces).answer.text == (
            "4 ranks do not compute the update that one process would: the gradient is off by 101 %, by dropout streams "
            "(100 % alone), as is meant, and by batch norm per rank (10 % alone), which is not. "
            "Synchronise batch norm (SyncBatchNorm)."
        )

    def test_what_is_meant_is_no_fault(self) -> None:
        config = validate({**PLAIN, "model": {"dropout": 0.2}})
        traces = [make(config, error=0.5, metrics={"draws": 1}), make(config, {"distributed.dropout": "union"})]
        assert finish(config, traces).answer.text == (
            "4 ranks compute the update that one process would on their 40 samples, but for dropout streams, as is meant: that "
            "is 50 % of the gradient; with one process's own they agree to 1.0e-16 in float32 and 1.0e-16 in float64, as the order "
            "of the sums allows."
        )

    def test_what_is_left_where_all_is_mended_is_put_down_to_no_cause(self) -> None:
        config = validate({**PLAIN, "model": {"dropout": 0.2}, "loss": {"name": "python", "target": "net:loss"}})
        found = finish(
            config, [make(config, error=0.1, metrics={"draws": 1}), make(config, {"distributed.dropout": "union"}, error=0.1)]
        )
        assert found.answer.text == (
            "4 ranks do not compute the update that one process would: the gradient is off by 10 %; none of the causes known "
            "explains it, but a mean over tokens, of which the ranks have different numbers, would."
        )
        assert [row["cause"] for row in read_rows(found, "causes")] == ["dropout streams", "none that is known"]
        config = make_config(PLAIN, reduction="sum")
        found = finish(config, [make(config, error=3.0), make(config, {"distributed.reduction": "weighted"}, error=0.1)])
        assert "because of sum for mean (300 % alone)" in found.answer.text
        assert found.answer.text.endswith("Without it, 10 % is left that none of the causes known explains.")

    def test_a_cause_that_is_not_there_is_not_named(self) -> None:
        config = make_config(PLAIN, remainder="repeat")
        patch = {"distributed.remainder": "uneven", "distributed.reduction": "weighted"}
        found = finish(config, [make(config), make(config, patch)])
        assert [row["cause"] for row in read_rows(found, "causes")] == ["order of the sums"]

    def test_a_difference_without_a_cause_is_said(self) -> None:
        config = make_config(PLAIN)
        assert "none of the causes known explains it" in finish(config, [make(config, error=0.1)]).answer.text
        apart = make(config, rank_spread=[[1, 1]] * 3)
        assert "the weights differ between ranks" in finish(config, [apart]).answer.text


class TestTables:
    def test_arms_carry_the_verdict_of_their_rule(self) -> None:
        config = make_config(PLAIN)
        patches = ({"distributed.reduction": "sum"}, {"optimizer.lr": 1.0})
        traces = [
            make(config),
            make(config, dict(patches[0]), error=3.0, gradient_factor=[4, 3.9, 4]),
            make(config, dict(patches[1]), error=0.1),
        ]
        finding = make_finding("P002", "distributed.reduction=sum")
        found = conclude(config, make_options(config, *patches), traces, [finding], [])
        rows = read_rows(found, "arms")
        assert [(row["run"], row["verdict"]) for row in rows] == [
            ("base", "same"),
            ("distributed.reduction=sum", "wrong reduction"),
            ("optimizer.lr=1.0", "differs"),
        ]
        assert rows[1]["times as long"] == 4
        assert found.findings == (finding,)
        assert found.about == {"base", "distributed.reduction=sum", "optimizer.lr=1.0"}

    def test_layers_and_updates(self) -> None:
        config = make_config(PLAIN)
        trace = make(
            config,
            gradient_difference=[[1, 2], [5, 1], [2, 7]],
            smallest_share=[10, 10, 4],
            repeated=[0, 0, 2],
            gradient_error=[0.1, 0.2, 0.3],
        )
        found = finish(config, [trace])
        assert [(row["layer"], row["in float64"], row["at update"]) for row in read_rows(found, "layers")] == [
            ("model.0.weight", 5, 2),
            ("model.2.weight", 7, 25),
        ]
        assert [(row["update"], row["a rank"], row["repeated"], row["gradient"]) for row in read_rows(found, "updates")] == [
            (1, "10", 0, 0.1),
            (2, "10", 0, 0.2),
            (25, "4 to 10", 2, 0.3),
        ]

    def test_work_and_times(self) -> None:
        config = make_config(PLAIN)
        times = {"step_s": 0.002, "all_reduce_s": 0.0005, "one_process_s": 0.004}
        found = finish(config, [make(config, metrics=times)])
        [work] = read_rows(found, "work")
        assert (work["effective batch"], work["updates an epoch"], work["by one process"]) == (40, 25, 100)
        [row] = read_rows(found, "times")
        assert (row["update"], row["all-reduce"], row["speed-up"], row["ideal"]) == pytest.approx((2, 0.5, 2, 4))
        assert row["of the ideal"] == pytest.approx(0.5)
