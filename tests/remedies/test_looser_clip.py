from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_off_or_a_hundred_times_as_high() -> None:
    patches = propose_for("looser-clip", "C001", clip={"mode": "norm", "threshold": 0.001})
    assert patches == [{"clip.mode": "none"}, {"clip.threshold": 0.1}]


def test_one_that_is_never_reached_is_only_taken_off() -> None:
    assert propose_for("looser-clip", "C005", clip={"mode": "norm", "threshold": 1e6}) == [{"clip.mode": "none"}]


def test_nothing_without_clipping() -> None:
    assert propose_for("looser-clip") == []
