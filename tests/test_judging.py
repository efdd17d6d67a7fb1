from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from tests.rules.traces import make_trace
from trainlab.errors import UserError
from trainlab.judging import choose_rules, judge, list_rules
from trainlab.report import Finding, Skipped, Trace


@dataclass(frozen=True)
class Fake:
    """Says what stands in the trace's metrics: `x: 2.0` two findings, at `at`; `x: None` that it cannot tell."""

    code: ClassVar[str] = "X001"
    name: ClassVar[str] = "fake"
    needs: ClassVar[tuple[str, ...]] = ()
    causes: ClassVar[tuple[str, ...]] = ()

    def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
        count = trace.metrics["x"]
        if count is None:
            yield Skipped(code=self.code, reason=f"seed {trace.seed} is too short")
            return
        for index in range(int(count)):
            severity = "error" if trace.seed == 1 else "warning"
            yield Finding(code=self.code, name=self.name, severity=severity, message=f"seed {trace.seed}", where=f"layer {index}")


def make_runs(counts: dict[str, Sequence[float | None]]) -> list[Trace]:
    return [
        make_trace(name=name, seed=seed, metrics={"x": count}) for name, each in counts.items() for seed, count in enumerate(each)
    ]


def judge_fake(counts: dict[str, Sequence[float | None]], reported: tuple[str, ...] = ("X001",)) -> Any:
    return judge([Fake()], make_runs(counts), reported)


class TestChooseRules:
    def test_those_that_the_study_asks_for_in_order_of_code(self) -> None:
        rules, reported, ignored = choose_rules(["overfitting", "diverged", "vanishing-gradient"], {})
        assert [rule.code for rule in rules] == ["F001", "G001", "L003"]
        assert reported == {"F001", "G001", "L003"}
        assert ignored == []

    def test_only_the_rules_asked_for_are_imported(self) -> None:
        code = """
import sys
from trainlab.judging import choose_rules
assert [rule.code for rule in choose_rules(["diverged"], {})[0]] == ["L003"]
print(*sorted(name for name in sys.modules if name.startswith("trainlab.rules.") and "._" not in name))
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["trainlab.rules.diverged"]

    def test_thresholds_of_the_config(self) -> None:
        (rule,), _, _ = choose_rules(["vanishing-gradient"], {"G001": {"ratio": 0.5}})
        assert rule.ratio == 0.5
        assert choose_rules(["vanishing-gradient"], {})[0][0].ratio == 1e-3

    def test_what_is_not_reported_still_judges(self) -> None:
        names = ["overfitting", "vanishing-gradient"]
        for options in ({"ignore": ["G"]}, {"select": ["F001"]}):
            rules, reported, _ = choose_rules(names, {}, **options)
            assert [rule.code for rule in rules] == ["F001", "G001"]
            assert reported == {"F001"}

    def test_what_is_selected_judges_beside(self) -> None:
        rules, reported, _ = choose_rules(["overfitting"], {}, select=["G00", "L003"])
        assert reported == {code for code in list_rules() if code.startswith(("G00", "L003"))}
        assert {rule.code for rule in rules} == {*reported, "F001"}

    def test_several_prefixes_between_commas(self) -> None:
        _, reported, _ = choose_rules([], {}, select=["G001,G002", "L003"], ignore=["G002,F"])
        assert reported == {"G001", "L003"}

    def test_ignoring_wins_over_selecting(self) -> None:
        assert choose_rules([], {}, select=["G001", "G002"], ignore=["G001"])[1] == {"G002"}

    def test_the_config_says_why_it_ignores(self) -> None:
        rules, reported, ignored = choose_rules(["overfitting"], {"ignore": [{"code": "F001", "reason": "a toy"}]})
        assert [rule.code for rule in rules] == ["F001"]
        assert reported == frozenset()
        assert ignored == [Skipped(code="F001", reason="ignored by the config: a toy")]

    def test_what_the_study_does_not_judge_need_not_be_ignored_aloud(self) -> None:
        assert choose_rules(["overfitting"], {"ignore": [{"code": "G001", "reason": "a toy"}]})[2] == []

    @pytest.mark.parametrize(
        ("given", "key", "message", "nearest"),
        [
            ({"select": ["G,X"]}, "--select", "no rule's code begins with this", None),
            ({"select": ["X"]}, "--select", "no rule's code begins with this", None),
            ({"ignore": ["g001"]}, "--ignore", "no rule's code begins with this", "G001"),
            ({"select": ["vanishing-gradient"]}, "--select", "no rule's code begins with this", "G001"),
            ({"select": ["overfiting"]}, "--select", "no rule's code begins with this", "F001"),
            ({"thresholds": {"G01": {}}}, "rules.G01", "there is no such rule", "G001"),
            ({"thresholds": {"G001": {"ratoi": 1}}}, "rules.G001.ratoi", "G001 has no such threshold", "ratio"),
            ({"thresholds": {"G001": {"ratio": "x"}}}, "rules.G001.ratio", "must be a number", None),
            ({"thresholds": {"G001": {"ratio": True}}}, "rules.G001.ratio", "must be a number", None),
            ({"thresholds": {"G001": {"ratio": float("nan")}}}, "rules.G001.ratio", "must be a number", None),
            ({"thresholds": {"G001": 3}}, "rules.G001", "must map thresholds to numbers", None),
            ({"thresholds": {"ignore": "G001"}}, "rules.ignore", "must be a list", None),
            ({"thresholds": {"ignore": [{"code": "G001"}]}}, "rules.ignore.0", "a reason is required", None),
            ({"thresholds": {"ignore": [{"code": "G001", "reason": " "}]}}, "rules.ignore.0", "a reason is required", None),
            ({"thresholds": {"ignore": ["G001"]}}, "rules.ignore.0", "a reason is required", None),
            ({"thresholds": {"ignore": [{"code": "G0001", "reason": "x"}]}}, "rules.ignore.0", "there is no such rule", "G001"),
        ],
    )
    def test_what_is_wrong(self, given: dict[str, Any], key: str, message: str, nearest: str | None) -> None:
        with pytest.raises(UserError) as caught:
            choose_rules([], given.pop("thresholds", {}), **given)
        (problem,) = caught.value.problems
        assert (problem.key, problem.nearest) == (key, nearest)
        assert message in problem.message

    def test_all_that_is_wrong_at_once(self) -> None:
        with pytest.raises(UserError) as caught:
            choose_rules([], {"G9": {}, "G001": {"x": 1}, "ignore": [1]}, select=["Q"], ignore=["R"])
        assert len(caught.value.problems) == 5


class TestJudge:
    def test_one_seed_keeps_every_finding(self) -> None:
        findings, skipped, judged = judge_fake({"base": [2.0]})
        assert [each.where for each in findings] == ["layer 0", "layer 1"]
        assert all(each.seeds == {"held": 1, "of": 1} for each in findings)
        assert (skipped, judged) == ([], 1)

    def test_seeds_become_one_finding_that_counts_them(self) -> None:
        findings, _, _ = judge_fake({"base": [1.0, 1.0, 0.0]})
        (found,) = findings
        assert found.seeds == {"held": 2, "of": 3}

    def test_the_worst_severity_speaks(self) -> None:
        (found,), _, _ = judge_fake({"base": [1.0, 1.0]})
        assert (found.severity, found.message) == ("error", "seed 1")

    def test_places_are_told_apart_where_a_seed_has_several(self) -> None:
        findings, _, _ = judge_fake({"base": [2.0, 1.0, 3.0]})
        assert {each.where: each.seeds["held"] for each in findings} == {"layer 0": 3, "layer 1": 2, "layer 2": 1}

    def test_one_place_a_seed_may_differ(self) -> None:
        @dataclass(frozen=True)
        class Wandering(Fake):
            def judge(self, trace: Trace) -> Iterator[Finding | Skipped]:
                yield Finding(code=self.code, name=self.name, severity="error", message="m", where=f"layer {trace.seed}")

        (found,), _, _ = judge([Wandering()], make_runs({"base": [0, 0, 0]}), ("X001",))
        assert (found.where, found.seeds["held"]) == ("layer 0", 3)

    def test_runs_are_judged_apart(self) -> None:
        findings, _, judged = judge_fake({"base": [1.0, 0.0], "a": [0.0, 1.0]})
        assert [(each.run, each.seeds["held"]) for each in findings] == [("a", 1), ("base", 1)]
        assert judged == 2

    def test_skipped_only_if_no_seed_could_tell(self) -> None:
        _, skipped, judged = judge_fake({"base": [None, 0.0], "a": [None, None]})
        assert skipped == [Skipped(code="X001", run="a", reason="seed 0 is too short")]
        assert judged == 1

    def test_what_is_not_reported_does_not_count_as_judged(self) -> None:
        findings, _, judged = judge_fake({"base": [1.0]}, reported=())
        assert (len(findings), judged) == (1, 0)

    def test_errors_first_then_by_run_and_code(self) -> None:
        findings, _, _ = judge_fake({"base": [1.0], "a": [1.0, 1.0]})
        assert [(each.severity, each.run) for each in findings] == [("error", "a"), ("warning", "base")]

    def test_nothing_was_run(self) -> None:
        assert judge([Fake()], [], ("X001",)) == ([], [], 0)


def test_rules_are_listed_by_code() -> None:
    known = list_rules()
    assert list(known) == sorted(known)
    assert all(rule.code == code for code, rule in known.items())
