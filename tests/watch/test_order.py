from __future__ import annotations

import pytest

from trainlab.watch._order import FAULTS, Order

FIRST, AMID, SCALED = FAULTS


@pytest.mark.parametrize(
    ("calls", "clipped", "faults"),
    [
        ("bc", True, []),
        ("bbbc", True, []),
        ("sbuc", True, []),
        ("sbsbuc", True, []),
        ("b", False, []),
        ("", False, []),
        ("c", True, []),  # gradients may come from elsewhere than a backward pass
        ("cb", True, [FIRST]),
        ("bcb", True, [AMID]),
        ("bcbc", True, []),  # the last one counts: it clips the sum
        ("sbc", True, [SCALED]),
        ("sbcu", True, [SCALED]),
        ("scb", True, [FIRST, SCALED]),
    ],
)
def test_where_clipping_stands(calls: str, clipped: bool, faults: list[str]) -> None:
    order = Order()
    for call in calls:
        order.note(call)
    assert order.close() == (clipped, faults)


def test_a_step_begins_a_new_round() -> None:
    order = Order()
    order.note("b")
    order.close()
    order.note("c")
    order.note("b")
    assert order.close() == (True, [FIRST])
