"""What a script on an accelerator leaves there, read later."""

from __future__ import annotations

import math

import torch

from tests.watch.running import run_watched
from trainlab.watch._clipping import Clip
from trainlab.watch._late import settle
from trainlab.watch._record import Record


def make(updates: int) -> Record:
    record = Record(name="net", model=None, tensors=[], parameters=())
    record.losses.extend([math.nan] * updates)
    return record


def test_losses_and_norms_come_to_the_updates_they_belong_to() -> None:
    record = make(4)
    record.late = [
        (2, [torch.tensor(0.5), torch.tensor([0.25], dtype=torch.float64)], None),
        (3, [], Clip(mode="norm", threshold=2.0, raw=torch.tensor(3.0))),
        (4, [torch.tensor(1.0)], Clip(mode="norm", threshold=2.0, raw=torch.tensor(1.0))),
    ]
    settle(record)
    assert (record.losses[1], record.losses[3]) == (0.75, 1.0)
    assert math.isnan(record.losses[2])
    assert record.clipped == {3: (3.0, 2.0, 0.0), 4: (1.0, 1.0, 0.0)}
    assert (record.late, record.nonfinite) == ([], None)
    settle(record)


def test_a_loss_that_turns_out_not_to_be_finite() -> None:
    record = make(2)
    record.late = [(1, [torch.tensor(2.0)], None), (2, [torch.tensor(math.inf)], None)]
    settle(record)
    assert record.nonfinite is not None
    assert (record.nonfinite.update, record.nonfinite.value, record.nonfinite.last_finite) == (2, "inf", 2.0)


def test_a_script_whose_losses_are_all_read_late(monkeypatch) -> None:
    plain, ended = run_watched("plain_loop")
    monkeypatch.setattr("trainlab.watch._observer.is_near", lambda tensor: False)
    out, late = run_watched("plain_loop")
    assert out == plain
    assert list(late.observer.records[0].losses) == list(ended.observer.records[0].losses)
    assert late.observer.records[0].late == []
