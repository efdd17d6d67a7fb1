"""Causes are told before what follows from them, and both count once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.studies.plans import make_finding
from trainlab.causes import count, keep, name_causes, rank
from trainlab.judging import list_rules

DECLARED = {"A1": (), "B1": ("A1",), "C1": ("B1", "A1"), "D1": ("B1",), "E1": ("D1", "A1")}


def seeds(*codes: str, **severities: Any) -> list[list[Any]]:
    """One seed for each text of codes."""
    return [[make_finding(code, severity=severities.get(code, "error")) for code in each.split()] for each in codes]


class TestNameCauses:
    def test_the_first_declared_that_was_found(self) -> None:
        assert name_causes(seeds("A1 B1 C1"), DECLARED) == {"B1": "A1", "C1": "B1"}

    def test_through_what_was_not_found(self) -> None:
        assert name_causes(seeds("A1 D1"), DECLARED) == {"D1": "A1"}

    def test_the_nearest_goes_before_the_root(self) -> None:
        assert name_causes(seeds("A1 B1 E1"), DECLARED)["E1"] == "A1"
        assert name_causes(seeds("B1 E1"), DECLARED)["E1"] == "B1"

    def test_nothing_follows_from_what_is_only_worth_knowing(self) -> None:
        assert name_causes(seeds("A1 B1", A1="info"), DECLARED) == {}
        assert name_causes(seeds("A1 B1", A1="info", B1="info"), DECLARED) == {"B1": "A1"}

    def test_in_at_least_half_of_the_seeds_that_have_it(self) -> None:
        assert name_causes(seeds("A1 B1", "A1 B1", "B1"), DECLARED) == {"B1": "A1"}
        assert name_causes(seeds("A1 B1", "B1", "B1"), DECLARED) == {}
        assert name_causes(seeds("A1 B1", "A1", ""), DECLARED) == {"B1": "A1"}

    def test_a_rule_without_declared_causes(self) -> None:
        assert name_causes(seeds("A1 Z9"), DECLARED) == {}


class TestRank:
    def test_a_consequence_stands_below_its_cause_even_if_it_is_worse(self) -> None:
        findings = [make_finding("F002", because="L002"), make_finding("L002", severity="warning")]
        assert [each.code for each in rank(findings, ["base"])] == ["L002", "F002"]

    def test_what_explains_an_error_comes_before_a_warning(self) -> None:
        findings = [
            make_finding("D001", severity="warning"),
            make_finding("L002", severity="warning"),
            make_finding("F002", because="L002"),
        ]
        assert [each.code for each in rank(findings, ["base"])] == ["L002", "F002", "D001"]

    def test_among_equals_the_base_then_the_surer_then_what_explains_more_then_the_family(self) -> None:
        def order(*findings: Any) -> list[str]:
            return [f"{each.run} {each.code}" for each in rank(findings, ["base", "a"])]

        assert order(make_finding("D001", "a"), make_finding("L001")) == ["base L001", "a D001"]
        assert order(make_finding("D001", held=1, of=3), make_finding("L001", held=2, of=3)) == ["base L001", "base D001"]
        assert order(make_finding("D001"), make_finding("L001"), make_finding("F002", because="L001"))[0] == "base L001"
        assert order(make_finding("L001"), make_finding("G001"), make_finding("M001")) == ["base M001", "base G001", "base L001"]

    def test_a_cause_in_another_run_explains_nothing_here(self) -> None:
        findings = [make_finding("F002", "a", because="L002"), make_finding("L002", severity="warning")]
        assert [each.code for each in rank(findings, ["base", "a"])] == ["F002", "L002"]

    def test_nothing_is_lost_or_doubled(self) -> None:
        findings = [
            make_finding("G003", where="1"),
            make_finding("G003", where="2"),
            make_finding("F002", because="G003"),
            make_finding("A1", because="B1"),
            make_finding("B1", because="A1"),
        ]
        told = rank(findings, ["base"])
        assert sorted(map(id, told)) == sorted(map(id, findings))
        assert [each.code for each in told][:3] == ["G003", "F002", "G003"]


def test_a_tree_counts_once_and_as_its_worst() -> None:
    findings = [
        make_finding("L002", severity="warning"),
        make_finding("F002", because="L002"),
        make_finding("D001", severity="warning"),
        make_finding("C005", severity="info"),
    ]
    assert count(findings) == {"error": 1, "warning": 1, "info": 1}
    assert count([make_finding("A1", because="B1"), make_finding("B1", because="A1")])["error"] == 2


def test_what_is_known_does_not_count_and_hides_nothing() -> None:
    assert count([make_finding("L002", known=True), make_finding("F002", because="L002")])["error"] == 1


def test_a_cause_that_is_not_told_is_not_named() -> None:
    kept = keep([make_finding("F002", because="L002"), make_finding("L002", "a"), make_finding("G003", "a", because="L002")])
    assert [each.because for each in kept] == [None, None, "L002"]


@pytest.mark.parametrize("code", list_rules())
def test_no_rule_is_its_own_cause(code: str) -> None:
    """Not even by way of others: whoever follows the causes arrives."""
    rules = list_rules()
    ahead, seen = list(rules[code].causes), set()
    while ahead:
        cause = ahead.pop()
        assert cause != code
        if cause not in seen:
            seen.add(cause)
            ahead += rules[cause].causes if cause in rules else ()
