from __future__ import annotations

from tests.rules.ranks import make_rank
from tests.rules.traces import make_trace
from trainlab.report import Finding, Skipped, Trace
from trainlab.rules.idle_rank import IdleRank


def judge(*traces: Trace) -> Finding | Skipped | None:
    verdict = list(IdleRank().judge_study(traces))
    assert len(verdict) < 2
    return verdict[0] if verdict else None


def test_a_rank_without_updates() -> None:
    found = judge(make_rank(0), make_rank(1, updates=0), make_rank(2), make_rank(3, updates=0))
    assert isinstance(found, Finding)
    assert (found.severity, found.run) == ("error", "rank 1")
    assert found.evidence == {"updates": {"0": 12, "1": 0, "2": 12, "3": 0}}
    assert found.message.startswith("ranks 1, 3 made no update, while the others made up to 12")


def test_ranks_that_made_other_numbers_of_them() -> None:
    found = judge(make_rank(0), make_rank(1, updates=11))
    assert isinstance(found, Finding)
    assert (found.severity, found.run) == ("warning", "rank 1")
    assert "rank 1 made 11 updates, others up to 12" in found.message


def test_a_rank_that_was_ended_early_made_fewer() -> None:
    skipped = judge(make_rank(0), make_rank(1, updates=11, complete=0.0))
    assert isinstance(skipped, Skipped)
    assert "ended early" in skipped.reason
    assert isinstance(judge(make_rank(0), make_rank(1, updates=0, complete=0.0)), Finding)


def test_all_is_well_or_cannot_be_judged() -> None:
    assert judge(make_rank(0), make_rank(1)) is None
    assert isinstance(judge(make_rank(0)), Skipped)
    assert isinstance(judge(make_trace()), Skipped)
    nobody = judge(make_rank(0, updates=0), make_rank(1, updates=0))
    assert isinstance(nobody, Skipped)
    assert nobody.reason == "no rank made an update"
