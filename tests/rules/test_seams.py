"""What holds for every rule: it is a document, it is named like its file, and no trace makes it raise."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.traces import broken, make_trace
from trainlab import plugins
from trainlab.report import Finding, Skipped

HEADINGS = ("What it finds:", "Why it matters:", "Evidence:", "See it:", "What to try:", "Sources:")


def load_rules() -> list[Any]:
    found = []
    for name, module in plugins.load_all("trainlab.rules").items():
        found.append(getattr(module, "".join(part.capitalize() for part in name.split("-"))))
    return found


RULES = load_rules()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
class TestEveryRule:
    def test_is_named_like_its_file(self, rule: Any) -> None:
        assert rule.name == plugins.to_name(rule.__module__)

    def test_has_a_code(self, rule: Any) -> None:
        assert re.fullmatch(r"[GLFDMCP]\d{3}", rule.code)

    def test_is_a_document(self, rule: Any) -> None:
        at = [rule.__doc__.index(f"    {heading}\n") for heading in HEADINGS]
        assert at == sorted(at)
        assert all(rule.__doc__.count(heading) == 1 for heading in HEADINGS)

    def test_explains_each_threshold(self, rule: Any) -> None:
        for field in dataclasses.fields(rule):
            assert f"        {field.name}: " in rule.__doc__, field.name
            assert isinstance(field.default, int | float)

    def test_is_frozen(self, rule: Any) -> None:
        with pytest.raises((dataclasses.FrozenInstanceError, AttributeError, TypeError)):
            rule().ratio = 1.0

    def test_needs_what_is_measured(self, rule: Any) -> None:
        assert set(rule.needs) <= {*plugins.list_names("trainlab.probes"), "loss"}

    @pytest.mark.filterwarnings("error")
    def test_says_so_when_nothing_was_measured(self, rule: Any) -> None:
        for task in ("none", "regression", "binary"):
            verdicts = list(
                rule().judge(make_trace(task=task, updates=0, planned=0, samples=(0, 0), clip="norm", weight_decay=0.1))
            )
            assert all(isinstance(each, Skipped) and each.reason for each in verdicts)
            assert verdicts or (task == "none" and rule.code.startswith("F"))  # without a target there is nothing to fit

    @pytest.mark.filterwarnings("error")
    def test_survives_nan_everywhere(self, rule: Any) -> None:
        nothing = np.full((12, 5), np.nan)
        trace = make_trace(
            loss=nothing[:, 0],
            held={"test": nothing[:, 0]},
            gradients=nothing,
            changes=nothing,
            total=nothing[:, 0],
            angle=nothing[:, 0],
            clip="value",
            arrays={"activation-dead": nothing[0], "activation-saturated": nothing[0]},
            modules=[(f"model.{index}", "ReLU") for index in range(5)],
            metrics={"train_loss": None, "constant_loss": None, "linear_loss": None, "train_accuracy": None, "test_accuracy": None},
            samples=(100, 50),
            task="binary",
        )
        assert not [each for each in rule().judge(trace) if isinstance(each, Finding) and rule.code != "L003"]


def test_codes_are_unique() -> None:
    codes = [rule.code for rule in RULES]
    assert len(codes) == len(set(codes))


floats = st.floats(allow_nan=True, allow_infinity=True, width=64)


@settings(max_examples=150, deadline=None)
@given(
    loss=st.lists(floats, max_size=30),
    gradients=st.integers(0, 4).flatmap(
        lambda rows: st.lists(st.lists(floats, min_size=4, max_size=4), min_size=rows, max_size=rows)
    ),
    metrics=st.lists(st.one_of(st.none(), floats), min_size=3, max_size=3),
    size=st.integers(0, 40),
    stopped=st.booleans(),
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_trace_makes_a_rule_raise(
    loss: list[float], gradients: list[list[float]], metrics: list[float | None], size: int, stopped: bool
) -> None:
    values = np.array(gradients, dtype=float).reshape(len(gradients), 4)
    trace = make_trace(
        loss=loss,
        held={"test": loss},
        gradients=np.abs(values),
        changes=np.abs(values),
        total=np.abs(values[:, 0]),
        used=np.abs(values[:, 1]),
        angle=np.abs(values[:, 2]),
        clip="norm",
        arrays={"activation-dead": np.abs(values[0]) if len(values) else [], "activation-saturated": values.ravel()},
        modules=[(f"model.{index}", "ReLU") for index in range(4)],
        metrics=dict(zip(("train_loss", "constant_loss", "linear_loss"), metrics, strict=True))
        | {"train_r2": metrics[0], "test_r2": metrics[1]},
        samples=(size, size),
        nonfinite=broken() if stopped else None,
        task="regression",
    )
    for rule in RULES:
        for verdict in rule().judge(trace):
            assert isinstance(verdict, Finding | Skipped)
