from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.rules.traces import broken
from tests.studies.plans import list_runs, make_finding, make_options, make_run, read_rows
from trainlab.config import Config
from trainlab.config.optimizer import SGD
from trainlab.config.training import ClipBy
from trainlab.plan import Conclusion
from trainlab.report import Finding, Trace
from trainlab.studies import _ways, clip
from trainlab.studies._thresholds import DECADES, TIGHT

PLAIN = Config(optimizer=SGD(lr=0.5))
CLIPPED = Config(optimizer=SGD(lr=0.5), clip=ClipBy(mode="norm", threshold=3.0))
NONE = {"clip.mode": "none"}
VALUE = {"clip.mode": "value", "clip.threshold": 1.0}
NORM = {"clip.mode": "norm", "clip.threshold": 1.0}
DOWN = np.linspace(10, 1, 20)


def make_way(
    patch: dict[str, Any], *, config: Config = PLAIN, end: float = 1.0, share: float = 0.0, angle: float = 0.0, **fields: Any
) -> Trace:
    """A run in which the first `share` of the 20 updates was clipped to half, and turned by `angle`."""
    cut = np.arange(20) < 20 * share
    name = ",".join(f"{key}={value}" for key, value in patch.items()) or "base"
    given = {"loss": np.linspace(10, end, 20), "updates": 20}
    series = {"total": np.full(20, 2.0), "used": np.where(cut, 1.0, 2.0), "angle": np.where(cut, angle, 0.0)}
    return make_run(name, patch, config=config, **{**given, **series, **fields})


def explode(patch: dict[str, Any], *, config: Config = PLAIN, update: int = 3, **fields: Any) -> Trace:
    end = broken(update=update, value="inf", where="model.4")
    return make_way(patch, config=config, loss=[10.0, np.inf], nonfinite=end, updates=update, **fields)


def conclude(traces: Sequence[Trace], findings: Sequence[Finding] = (), config: Config = PLAIN) -> Conclusion:
    return clip.conclude(config, make_options(config), traces, findings, [])


class TestFirst:
    def test_unclipped_is_the_base_where_the_config_does_not_clip(self) -> None:
        plan = clip.first(PLAIN, make_options(PLAIN, seeds=(7,), threshold=(1.0,)))
        names = ["base", "clip.mode=value,clip.threshold=1.0", "clip.mode=norm,clip.threshold=1.0"]
        assert list_runs(plan) == [(name, patch, 7) for name, patch in zip(names, ({}, VALUE, NORM), strict=True)]

    def test_a_pilot_where_no_threshold_is_given_with_three_seeds_unless_told(self) -> None:
        plan = clip.first(PLAIN, replace(make_options(PLAIN), seeds_given=False))
        assert list_runs(plan) == [("base", {}, 0), ("base", {}, 1), ("base", {}, 2)]
        assert list_runs(clip.first(PLAIN, make_options(PLAIN))) == [("base", {}, 0)]

    def test_the_config_as_it_is_is_the_base(self) -> None:
        plan = clip.first(CLIPPED, make_options(CLIPPED))
        assert [run.name for run in plan.runs] == ["base", "clip.mode=none", "clip.mode=value,clip.threshold=3.0"]
        assert [run.config.clip.mode for run in plan.runs] == ["norm", "none", "value"]

    def test_every_threshold_both_ways_then_what_stands_beside(self) -> None:
        options = make_options(CLIPPED, {"optimizer.lr": 0.1}, threshold=(1.0, 3.0))
        names = [run.name for run in clip.first(CLIPPED, options).runs]
        assert names == [
            "base",
            "clip.mode=none",
            "clip.mode=value,clip.threshold=1.0",
            "clip.mode=norm,clip.threshold=1.0",
            "clip.mode=value,clip.threshold=3.0",
            "optimizer.lr=0.1",
        ]


def find_nothing(_: Sequence[Trace]) -> list[Finding]:
    """The rules are not what this study's second plan depends on."""
    return []


class TestThen:
    def test_thresholds_follow_from_a_pilot_that_survives(self) -> None:
        plan = clip.then(PLAIN, make_options(PLAIN), [make_way({})], find_nothing)
        assert plan is not None
        assert [run.patch for run in plan.runs] == [{**VALUE, "clip.threshold": 2.0}, {**NORM, "clip.threshold": 2.0}]

    def test_decades_are_tried_where_it_dies(self) -> None:
        plan = clip.then(PLAIN, make_options(PLAIN, seeds=(0, 1)), [explode({}), make_way({}, seed=1)], find_nothing)
        assert plan is not None
        assert {run.config.clip.threshold for run in plan.runs} == set(DECADES)
        assert {run.config.seed for run in plan.runs} == {0, 1}

    def test_tighter_ones_where_at_none_of_them_every_seed_survives(self) -> None:
        options = make_options(PLAIN, seeds=(0, 1))
        tried = [explode({**NORM, "clip.threshold": threshold}) for threshold in DECADES]
        pilot = [explode({}), make_way({}, seed=1)]
        plan = clip.then(PLAIN, options, [*pilot, *tried], find_nothing)
        assert plan is not None
        assert {run.config.clip.threshold for run in plan.runs} == set(TIGHT)
        tighter = [explode({**NORM, "clip.threshold": threshold}) for threshold in TIGHT]
        plan = clip.then(PLAIN, options, [*pilot, *tried, *tighter], find_nothing)
        assert plan is not None
        assert plan.runs[0].patch == {"clip.mode": "none", "optimizer.lr": 0.05}
        saved = [make_way(VALUE), make_way(VALUE, seed=1)]
        assert clip.then(PLAIN, options, [*pilot, *tried, *saved], find_nothing) is None

    def test_nothing_where_the_forward_pass_overflows(self) -> None:
        trace = replace(explode({}, update=1), nonfinite=broken(update=1, direction="forward"))
        assert clip.then(PLAIN, make_options(PLAIN), [trace], find_nothing) is None

    def test_a_pilot_that_a_giant_step_has_killed_does_not_survive(self) -> None:
        plan = clip.then(PLAIN, make_options(PLAIN), [make_way({})], lambda _: [make_finding("L008")])
        assert plan is not None
        assert {run.config.clip.threshold for run in plan.runs} == set(DECADES)

    def test_a_tenth_of_the_rate_where_what_would_be_recommended_clips_most(self) -> None:
        stuck = make_way(VALUE, end=9.0, share=0.1, metrics={"constant_loss": 9.0})
        learns = make_way(NORM, share=0.9, metrics={"constant_loss": 9.0})
        plan = clip.then(PLAIN, make_options(PLAIN, threshold=(1.0,)), [explode({}), stuck, learns], find_nothing)
        assert plan is not None
        assert plan.runs[0].patch == {"clip.mode": "none", "optimizer.lr": 0.05}

    def test_a_tenth_of_the_rate_where_it_lives_and_learns_nothing_clipped_or_not(self) -> None:
        flat = {"loss": np.full(20, 10.0), "metrics": {"constant_loss": 10.0}}
        stuck = make_way(NORM, end=9.9, share=0.1, metrics={"constant_loss": 10.0})
        plan = clip.then(PLAIN, make_options(PLAIN, threshold=(1.0,)), [make_way({}, **flat), stuck], find_nothing)
        assert plan is not None
        assert plan.runs[0].patch == {"clip.mode": "none", "optimizer.lr": 0.05}

    def test_a_tenth_of_the_rate_where_clipping_would_have_to_be_the_rule(self) -> None:
        plan = clip.then(PLAIN, make_options(PLAIN), [explode({}), make_way(NORM, share=0.9)], find_nothing)
        assert plan is not None
        assert list_runs(plan) == [("clip.mode=none,optimizer.lr=0.05", {"clip.mode": "none", "optimizer.lr": 0.05}, 0)]
        assert plan.runs[0].config.clip.mode == "none"

    @pytest.mark.parametrize(
        "traces",
        [
            [make_way({}), make_way(NORM, share=0.9)],  # unclipped it survives
            [explode({}), make_way(NORM, share=0.1)],  # a little clipping is enough
            [explode({}, update=1), explode(NORM, update=1)],  # there is no gradient to clip
            [explode({}), make_way(NORM, share=0.9), explode({"optimizer.lr": 0.1})],  # another rate was asked for
            [make_way(NORM)],  # the unclipped run could not be made
        ],
    )
    def test_otherwise_nothing(self, traces: list[Trace]) -> None:
        assert clip.then(PLAIN, make_options(PLAIN), traces, find_nothing) is None


class TestAnswer:
    def test_not_needed(self) -> None:
        conclusion = conclude([make_way({}), make_way(VALUE), make_way(NORM, share=0.5)])
        assert conclusion.answer.text == (
            "Clipping is not needed: unclipped, the run survives its 20 updates and ends at a loss of 1.237. "
            "As a guard, a norm of 2 would clip one update in ten. Clipping by value at 1 never acts."
        )
        assert conclusion.answer.values["needed"] is False

    def test_not_needed_but_it_changes_the_end(self) -> None:
        conclusion = conclude(
            [make_way({}), make_way(VALUE, end=0.1, share=0.1), make_way(NORM, loss=np.full(20, 10.0), share=0.1)]
        )
        assert "Clipped by value at 1 it ends at 0.3605." in conclusion.answer.text
        assert conclusion.answer.text.endswith("Clipped by norm at 1 it survives, does not learn.")

    def test_needed(self) -> None:
        conclusion = conclude([explode({}), make_way(VALUE, end=2.0, share=0.1, angle=44.4), make_way(NORM, share=0.1)])
        assert conclusion.answer.text == (
            "Clipping is needed: unclipped, the run diverges at update 3 (inf in model.4). Clip by norm at 1: "
            "the loss ends at 1.237, and 10 % of the updates are clipped. "
            "By value at 1 it turns the gradient by up to 44.4 degrees."
        )
        assert conclusion.answer.values["recommended"] == "clip.mode=norm,clip.threshold=1.0"

    def test_a_turned_gradient_is_not_recommended_for_its_lower_loss(self) -> None:
        conclusion = conclude([explode({}), make_way(VALUE, end=0.5, share=0.1, angle=51.5), make_way(NORM, share=0.1)])
        assert conclusion.answer.values["recommended"] == "clip.mode=norm,clip.threshold=1.0"
        assert conclusion.answer.text.endswith("turns the gradient by up to 51.5 degrees, though the loss ends at 0.75.")

    def test_a_turned_gradient_is_better_than_none(self) -> None:
        conclusion = conclude([explode({}), make_way(VALUE, share=0.1, angle=51.5), explode(NORM)])
        assert conclusion.answer.values["recommended"] == "clip.mode=value,clip.threshold=1.0"
        assert conclusion.answer.text.endswith("by up to 51.5 degrees: no way by norm makes it learn.")

    def test_a_little_turn_is_none(self) -> None:
        conclusion = conclude([explode({}), make_way(VALUE, end=0.5, share=0.1, angle=5.0), make_way(NORM, share=0.1)])
        assert conclusion.answer.values["recommended"] == "clip.mode=value,clip.threshold=1.0"

    def test_few_clipped_updates_before_many(self) -> None:
        loose = {"clip.mode": "norm", "clip.threshold": 9.0}
        conclusion = conclude([explode({}), make_way(NORM, end=0.1, share=0.9), make_way(loose, share=0.2)])
        assert "Clip by norm at 9:" in conclusion.answer.text

    def test_what_the_config_does_is_said_to_be_that(self) -> None:
        traces = [make_way({}, config=CLIPPED, share=0.1), explode(NONE, config=CLIPPED)]
        text = conclude(traces, config=CLIPPED).answer.text
        assert "Clip by norm at 3, as the config does: the loss ends at 1.237" in text

    def test_most_updates_clipped_and_the_rate_that_does_it_too(self) -> None:
        slower = {"clip.mode": "none", "optimizer.lr": 0.05}
        traces = [explode({}), make_way(NORM, share=0.9)]
        assert conclude([*traces, make_way(slower, end=0.5)]).answer.text.endswith(
            "That many clipped updates are a lower learning rate in disguise. "
            "Unclipped at a learning rate of 0.05 it survives and ends at 0.75: lower the rate instead."
        )
        assert conclude([*traces, explode(slower)]).answer.text.endswith(
            "A learning rate of 0.05 without clipping does not help, though."
        )

    def test_a_run_that_is_only_kept_alive(self) -> None:
        metrics = {"constant_loss": 0.756}
        text = conclude([explode({}), make_way(NORM, end=9.0, share=0.1, metrics=metrics)]).answer.text
        assert text.endswith("But in 20 updates it has learned next to nothing: a constant reaches 0.756.")

    def test_a_loss_that_outliers_hold_up(self) -> None:
        traces = [explode({}), make_way(NORM, end=9.0, share=0.1, metrics={"constant_loss": 0.756})]
        text = conclude(traces, [make_finding("D005")]).answer.text
        assert text.endswith("What is left of the loss is that of the outliers.")

    def test_what_learns_before_what_is_only_kept_alive(self) -> None:
        stuck = make_way({**NORM, "clip.threshold": 9.0}, end=9.0, share=0.1, metrics={"constant_loss": 9.0})
        learned = make_way(NORM, end=1.0, share=0.9, metrics={"constant_loss": 9.0})
        assert "Clip by norm at 1:" in conclude([explode({}), stuck, learned]).answer.text

    def test_what_learns_in_every_seed_before_what_does_in_most(self) -> None:
        loose = {**NORM, "clip.threshold": 9.0}
        metrics = {"constant_loss": 9.0}
        ends = {0: 1.0, 1: 1.0, 2: 8.9}
        traces = [explode({}, seed=seed) for seed in ends]
        traces += [make_way(loose, end=end, share=0.1, seed=seed, metrics=metrics) for seed, end in ends.items()]
        traces += [make_way(NORM, end=3.0, share=0.1, seed=seed, metrics=metrics) for seed in ends]
        text = conclude(traces).answer.text
        assert "Clip by norm at 1:" in text
        assert "By norm at 9 every seed survives too, but it learns next to nothing in 1 of 3 seeds." in text
        alone = conclude([trace for trace in traces if trace.patch != NORM]).answer.text
        assert alone.endswith("But in 20 updates it has learned next to nothing in 1 of 3 seeds: a constant reaches 9.")

    def test_a_collapse_that_clipping_does_not_mend(self) -> None:
        """A giant step has killed the gradient; the loss stays at that of a constant, clipped or not."""
        metrics = {"constant_loss": 9.0}
        traces = [make_way({}, end=8.9, metrics=metrics), make_way(NORM, end=8.8, share=1.0, metrics=metrics)]
        needed = make_finding("C002", severity="warning")
        conclusion = conclude(traces, [make_finding("L008"), needed])
        assert conclusion.answer.text == (
            "Clipping does not help: unclipped, the run survives a giant step collapsed (L008) and ends at 8.929; "
            "no way of clipping ends lower than 8.832, and a constant reaches 9."
        )
        assert conclusion.answer.values["needed"] is False
        assert "recommended" not in conclusion.answer.values
        assert read_rows(conclusion, "arms")[0]["verdict"] == "collapsed"
        assert [each.code for each in conclusion.findings] == ["L008"]  # C002 would recommend what does not help

    def test_a_collapse_that_clipping_prevents(self) -> None:
        metrics = {"constant_loss": 9.0}
        traces = [make_way({}, end=8.9, metrics=metrics), make_way(NORM, end=1.0, share=0.1, metrics=metrics)]
        text = conclude(traces, [make_finding("L008")]).answer.text
        assert text.startswith("Clipping is needed: unclipped, the run survives a giant step collapsed (L008). Clip by norm at 1:")

    def test_a_way_that_collapses_itself_is_not_recommended(self) -> None:
        conclusion = conclude([explode({}), make_way(NORM, share=0.1)], [make_finding("L008", make_way(NORM).name)])
        assert conclusion.answer.text.startswith("Clipping does not save this network")

    def test_a_forward_pass_that_overflows_in_one_seed(self) -> None:
        traces = [make_way({}), explode({}, seed=1, update=1), make_way(NORM), explode(NORM, seed=1, update=1)]
        text = conclude(traces).answer.text
        assert text.startswith("Clipping cannot help: unclipped, the run diverges at update 1 (inf in model.4) in 1 of 2 seeds;")

    def test_a_few_giant_gradients_are_told(self) -> None:
        text = conclude([make_way({}), make_way(NORM)], [make_finding("C002", severity="info")]).answer.text
        assert "But a few of its gradients are many times as long as those around them: as a guard, clip by norm at 2." in text

    def test_nothing_saves_it(self) -> None:
        text = conclude([explode({}), explode(VALUE), explode(NORM)]).answer.text
        assert text.startswith(
            "Clipping does not save this network: unclipped, the run diverges at update 3 (inf in model.4), and no way"
        )

    def test_an_overflow_before_the_first_gradient(self) -> None:
        text = conclude([explode({}, update=1), explode(NORM, update=1)]).answer.text
        assert text.startswith(
            "Clipping cannot help: unclipped, the run diverges at update 1 (inf in model.4); the forward pass overflows"
        )

    def test_a_run_that_survives_and_learns_nothing_needs_it_too(self) -> None:
        text = conclude([make_way({}, loss=np.full(20, 10.0)), make_way(NORM, share=0.1)]).answer.text
        assert text.startswith("Clipping is needed: unclipped, the run survives, does not learn. Clip by norm at 1")

    def test_a_loss_that_rose_far_has_diverged(self) -> None:
        conclusion = conclude([make_way({}, loss=np.linspace(1, 50, 20)), make_way(NORM)], [make_finding("L003")])
        assert read_rows(conclusion, "arms")[0]["verdict"] == "diverged"

    def test_one_seed_is_enough_to_need_it(self) -> None:
        traces = [explode({}), make_way({}, seed=1), make_way(NORM, share=0.1), make_way(NORM, share=0.1, seed=1)]
        conclusion = conclude(traces)
        assert "the run diverges at update 3 (inf in model.4) in 1 of 2 seeds. Clip by norm" in conclusion.answer.text

    def test_a_change_beside_is_no_way_of_clipping(self) -> None:
        traces = [explode({}), explode(NORM), make_way({"optimizer.lr": 0.1})]
        assert conclude(traces).answer.values.get("recommended") is None

    def test_without_the_unclipped_run_nothing_can_be_said(self) -> None:
        assert conclude([make_way({}, config=CLIPPED)], config=CLIPPED).answer.text.startswith("Nothing can be said")

    def test_one_update(self) -> None:
        traces = [make_way(patch, loss=[1.0], updates=1) for patch in ({}, NORM)]
        assert conclude(traces).answer.text.endswith("survives its only update. Train longer to be sure.")


def test_findings_are_those_of_the_config_and_of_the_recommendation() -> None:
    traces = [explode({}), make_way(VALUE, share=0.9, angle=50.0), make_way(NORM, share=0.1)]
    findings = [make_finding("D005", trace.name) for trace in traces] + [make_finding("C001", trace.name) for trace in traces[1:]]
    kept = conclude(traces, findings).findings
    assert [(each.code, each.run) for each in kept] == [("D005", "base"), ("C001", "clip.mode=norm,clip.threshold=1.0")]


def test_the_table_sums_up_all_seeds() -> None:
    traces = [
        make_way(NORM, seed=seed, share=share, angle=angle)
        for seed, (share, angle) in enumerate([(0.5, 10.0), (0.0, 0.0), (1.0, 30.0)])
    ]
    (row,) = [row for row in read_rows(conclude([make_way({}), *traces]), "arms") if row["run"] != "base"]
    assert row["clipping"] == "by norm at 1"
    assert row["clipped"] == pytest.approx(0.5)
    assert row["median angle"] == 30.0  # of the 30 clipped updates of the three seeds, 20 were turned by 30 degrees
    assert row["largest angle"] == 30.0
    assert (row["median raw norm"], row["largest raw norm"]) == (2.0, 2.0)


def test_a_norm_that_is_no_number_is_not_the_largest() -> None:
    norms = np.where(np.arange(20) < 19, 2.0, np.nan)
    (row,) = read_rows(conclude([make_way({}, total=norms, used=norms)]), "arms")
    assert (row["median raw norm"], row["largest raw norm"]) == (2.0, 2.0)


def test_rounding_is_no_clipping() -> None:
    trace = make_way(NORM, used=np.full(20, 2.0 - 1e-6), angle=np.full(20, 1e-6))
    assert _ways.share_clipped(trace) == 0.0
    (row,) = [row for row in read_rows(conclude([make_way({}), trace]), "arms") if row["run"] != "base"]
    assert (row["clipped"], row["largest angle"]) == (0.0, None)
