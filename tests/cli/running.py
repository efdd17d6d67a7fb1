"""Carry out command lines in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from trainlab.cli.app import run


@dataclass(frozen=True, slots=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def answer(self) -> str:
        return self.out.splitlines()[0]

    @property
    def errors(self) -> list[str]:
        """Its messages, without the hint that may follow."""
        return [line for line in self.err.splitlines() if not line.startswith("Try '")]


def carry_out(capsys: pytest.CaptureFixture[str], *arguments: str) -> Outcome:
    capsys.readouterr()
    code = run(list(arguments))
    out, err = capsys.readouterr()
    return Outcome(int(code), out, err)


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The JSON report of a command that must succeed."""
    outcome = carry_out(capsys, *arguments, "--format", "json")
    assert outcome.code == 0, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def find_table(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The rows of a table as mappings."""
    table = next(each for each in document["tables"] if each["name"] == name)
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
