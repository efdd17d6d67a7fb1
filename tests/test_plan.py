from __future__ import annotations

import dataclasses

import pytest

from trainlab.config import Config
from trainlab.plan import Arm, Conclusion, Options, Plan, PlannedRun
from trainlab.report import Answer


def test_a_plan_is_plain_data_that_can_be_compared() -> None:
    run = PlannedRun(name="base", patch={}, config=Config())
    assert Plan(runs=(run,)) == Plan(runs=(PlannedRun(name="base", patch={}, config=Config()),))
    assert Plan(runs=(run,)) != Plan(runs=(run,), probes=("accuracy",))
    assert (Plan(runs=(run,)).probes, Plan(runs=(run,)).rules) == ((), ())


def test_nothing_is_found_unless_it_is_said() -> None:
    conclusion = Conclusion(answer=Answer(text="Yes."))
    assert (conclusion.tables, conclusion.comparisons, conclusion.findings) == ((), (), ())
    assert Options(arms=(), seeds=()).chosen == {}


@pytest.mark.parametrize(
    "thing",
    [
        Plan(runs=()),
        PlannedRun(name="base", patch={}, config=Config()),
        Arm(name="base", patch={}, config=Config()),
        Options(arms=(), seeds=()),
        Conclusion(answer=Answer(text="")),
    ],
)
def test_nothing_changes_once_it_is_made(thing: object) -> None:
    for field in dataclasses.fields(thing):  # type: ignore[arg-type]
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, field.name, None)
