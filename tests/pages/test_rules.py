"""The words of a rule."""

from __future__ import annotations

from trainlab.pages._rules import lower_first, say_rule


def test_a_sentence_within_a_sentence() -> None:
    assert lower_first("A weight is 0.") == "a weight is 0."
    assert lower_first("Gradients vanish") == "gradients vanish"
    assert lower_first("NaN or infinity appeared") == "NaN or infinity appeared"


def test_a_title_within_a_sentence() -> None:
    assert say_rule("clipping-too-much") == "most updates are clipped"
