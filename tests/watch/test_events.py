"""Lines that are written while a script runs."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import trainlab
from tests.watch.running import apart, find
from trainlab import watch

SCHEMA = json.loads((Path(trainlab.__file__).parent / "events_schema.json").read_text())


def stream(name: str, *arguments: str, **options: Any) -> tuple[list[dict[str, Any]], watch.Ended]:
    """What is written of a script, and what was seen of it."""
    lines: list[str] = []
    events = watch.Events(lines.append)
    settings = watch.Options(**{"max_overhead": 1e9, **options})
    with apart():
        ended = watch.run(find(name, *arguments), settings, events=events)
    assert ended.observer.guard.trouble == ""
    events.end(watch.judge(ended, settings))
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    told = [json.loads(line) for line in lines]
    for each in told:
        jsonschema.validate(each, SCHEMA)
    assert [told[0]["event"], told[-1]["event"]] == ["start", "end"]
    assert [each["seconds"] for each in told] == sorted(each["seconds"] for each in told)
    return told, ended


def pick(told: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [each for each in told if each["event"] == event]


def test_every_update_that_was_looked_at_is_a_line() -> None:
    told, ended = stream("plain_loop", every=3)
    (record,) = ended.observer.records
    steps = pick(told, "step")
    assert [each["update"] for each in steps] == record.at == [*range(1, 11), 12, 15]
    for row, each in enumerate(steps):
        assert each["loss"] == record.losses[each["update"] - 1]
        assert each["rate"] == record.rates[each["update"] - 1]
        assert each["gradient_norm"] == pytest.approx(math.hypot(*record.norms[row]))
        pairs = zip(record.changes[row], record.weights[row], strict=True)
        assert each["update_ratio"] == pytest.approx(statistics.median(change / weight for change, weight in pairs if weight))
    assert told[0]["every"] == 3
    assert (told[-1]["updates"], told[-1]["complete"]) == (16, True)


@pytest.mark.parametrize(("name", "models"), [("in_backward", 1), ("two_players", 2), ("by_hand", 1)])
def test_an_update_that_several_optimizers_make_is_one_line(name: str, models: int) -> None:
    told, ended = stream(name)
    steps = pick(told, "step")
    places = [(each["model"], each["update"]) for each in steps]
    assert len(set(places)) == len(places)
    assert len({model for model, _ in places}) == models
    assert all(each["gradient_norm"] > 0 and each["update_ratio"] > 0 for each in steps)
    for record in ended.observer.records:
        norms = {each["update"]: each["gradient_norm"] for each in steps if each["model"] == record.name}
        whole = {update: math.hypot(*row) for update, row in zip(record.at, record.norms, strict=True)}
        assert norms == pytest.approx({update: whole[update] for update in norms})
        assert set(record.at) - set(norms) <= {record.at[-1]}, "the last one by hand is seen only at the end"


def test_a_finding_is_told_when_it_is_first_made_and_once() -> None:
    told, _ = stream("log_of_zero")
    found = pick(told, "finding")
    first = next(each for each in found if each["code"] == "G006")
    assert (first["update"], first["model"], first["where"]) == (5, "Sequential", "log (after 2)")
    assert told.index(first) < told.index(next(each for each in told if each["event"] == "step" and each["update"] == 7))
    assert len({(each["code"], each["where"]) for each in found}) == len(found)
    assert {"model": "Sequential", "code": "G006", "where": "log (after 2)"} in told[-1]["findings"]
    assert told[-1]["errors"] > 0


def test_no_number_is_nan() -> None:
    told, _ = stream("log_of_zero")
    assert None in [each["loss"] for each in pick(told, "step")]


def test_a_reader_that_has_gone_fails_nothing() -> None:
    calls = []

    def write(line: str) -> None:
        calls.append(line)
        if len(calls) == 3:
            raise BrokenPipeError

    with apart() as out:
        ended = watch.run(find("plain_loop"), watch.Options(), events=watch.Events(write))
    assert (ended.error, ended.observer.guard.trouble, len(calls)) == (None, "", 3)
    assert out.getvalue()


def test_the_end_comes_with_what_is_found_only_then() -> None:
    told, _ = stream("plain_loop", select=("M010", "G006"), max_steps=7)
    assert told[-1]["complete"] is False
    assert "--max-steps 7" not in told[-1]["answer"]
