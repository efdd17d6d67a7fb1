"""pytest: a fixture `trainlab`; under a test that fails, the reports that were not `ok`. Imports nothing before it is used."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Generator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from trainlab.report import Report


@pytest.fixture(name="trainlab")
def _trainlab() -> ModuleType:
    """The Python API: `assert trainlab.check(model, data, loss, optimizer).ok`."""
    import trainlab

    return trainlab


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Generator[None, Any, Any]:  # noqa: ARG001  # pytest's names
    """Add what was found to the section of a failed test: an assertion can show no more than one line of it."""
    outcome = yield
    module = sys.modules.get("trainlab.report")
    if module is not None:
        if call.when == "call" and outcome.failed:
            outcome.sections += [(f"trainlab {each.command}", _show(each)) for each in module.recent if not each.ok]
        if call.when != "setup":  # a fixture may have made the report that its test is about
            module.recent.clear()
    return outcome


def _show(report: Report) -> str:
    """As wide as what pytest writes."""
    from trainlab.renderers import table
    from trainlab.renderers._target import Target

    return table.render(report, Target(width=shutil.get_terminal_size().columns))
