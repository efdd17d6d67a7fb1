from __future__ import annotations

import torch

from trainlab.engine._random import fork_random, note_random, start_random

CPU = torch.device("cpu")


def draw(state) -> tuple[list[float], object]:
    with fork_random(CPU):
        state.restore()
        return torch.rand(3).tolist(), note_random(CPU)


def test_a_stream_belongs_to_its_seed_and_goes_on_where_it_was():
    first, later = draw(start_random(1, CPU))
    assert first == draw(start_random(1, CPU))[0]
    assert first != draw(start_random(2, CPU))[0]
    assert first != draw(later)[0]
    assert draw(later)[0] == draw(later)[0]


def test_the_global_stream_is_left_alone():
    before = torch.get_rng_state()
    draw(start_random(1, CPU))
    assert torch.equal(before, torch.get_rng_state())
