"""The mended config of a check: written beside the user's own, and checked again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainlab.cli import streams
from trainlab.config import Config, apply_patch
from trainlab.errors import UserError
from trainlab.plan import Arm, Options

if TYPE_CHECKING:
    from trainlab.report import Report


def check_mending(chosen: dict[str, Any], taken: list[Path | None]) -> None:
    """Find out before the work begins that the mended config could not be written.

    Args:
        chosen: the options of `check`.
        taken: where documents go.

    Raises:
        UserError: it could not.
    """
    path = chosen["write"]
    if not chosen["try"]:
        raise UserError("has no meaning beside --diagnose, which mends nothing", key="--write", value=str(path))
    streams.check_writable(path, "--write")
    streams.check_places([*taken, path])


def write_mended(
    report: Report, source: Path, config: Config, options: Options, check: Callable[[Config, Options], Report]
) -> Report:
    """Write what mends the config, check it again, and say so in the report.

    Args:
        report: of the first check.
        source: the config file.
        config: the base: the file, with the changes of the command line.
        options: of the first check.
        check: carries out a check.

    Returns:
        The report, which ends as the second verdict has it. Where nothing mends the config, nothing is written.

    Raises:
        UserError: the file cannot be written.
    """
    path: Path = options.chosen["write"]
    answer, patch = report.answer, report.answer.values.get("mended")
    if not patch or not report.complete:
        text = f"{answer.text} Nothing was written to {path}."
        return replace(report, answer=replace(answer, text=text, values={**answer.values, "written": None}))
    from trainlab.config.edit import edit

    mended = apply_patch(config, patch).config
    streams.write(edit(source, mended), path)
    arm = Arm(name=options.arms[0].name, patch={}, config=mended)
    again = check(mended, replace(options, arms=(arm,), chosen={"try": False}))
    verdict = again.answer.values
    said = "healthy" if verdict.get("healthy") else f"what is left is {verdict.get('cause')}"
    written = {"path": str(path), "healthy": verdict.get("healthy"), "cause": verdict.get("cause")}
    text = f"{answer.text} Written to {path}, and checked again: {said}."
    return replace(
        report,
        answer=replace(answer, text=text, values={**answer.values, "written": written}),
        complete=again.complete,
        exit_code=again.exit_code,
    )
