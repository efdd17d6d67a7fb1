"""Reports to where they were asked for, and back from files."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from trainlab import plugins
from trainlab.cli import streams
from trainlab.errors import Problem, UserError, collect

if TYPE_CHECKING:
    from trainlab.report import Report


def write_report(
    report: Report,
    destinations: Sequence[streams.Destination],
    arguments: Sequence[str],
    *,
    stream: TextIO | None = None,
    verbose: bool = False,
    full_series: bool = False,
) -> None:
    """Every document to its place.

    Args:
        report: what to write.
        destinations: where to, and in which formats.
        arguments: what was typed behind the program's name, to be shown where a report says how to repeat it.
        stream: where what has no file goes; stdout if None.
        verbose: see `Target`.
        full_series: likewise.

    Raises:
        UserError: one of them could not be written.
    """
    from trainlab.renderers._target import Target

    shown = stream or sys.stdout
    for destination in destinations:
        on_stream = destination.path is None
        target = Target(
            width=streams.find_width(shown) if on_stream else None,
            color=on_stream and streams.wants_color(shown),
            unicode=streams.can_unicode(shown) if on_stream else True,
            verbose=verbose,
            full_series=full_series,
            picture=_draw(report) if destination.format == "html" else "",
            command_line=shlex.join(["trainlab", *arguments]),
        )
        renderer = plugins.load("trainlab.renderers", destination.format)
        pieces = renderer.stream(report, target) if hasattr(renderer, "stream") else [renderer.render(report, target)]
        if on_stream and stream is not None:
            stream.writelines(pieces)
        else:
            streams.write(pieces, destination.path)


def _draw(report: Report) -> str:
    """The picture that stands inside a page; a report that cannot be drawn has none, for nobody asked for one by name."""
    from trainlab.pictures._save import draw_svg

    try:
        return draw_svg(report) if report.runs or report.tables else ""
    except UserError:
        return ""


def check_beside(command: str, plot: Path | None, tensorboard: Path | None) -> None:
    """Find out before the work begins that the picture or the event files could not be written.

    Raises:
        UserError: with all that is wrong with either.
    """
    problems: list[Problem] = []
    if plot is not None:
        from trainlab.pictures._save import check

        with collect(problems):
            check(command, plot)
            streams.check_writable(plot, "--plot")
    if tensorboard is not None:
        from trainlab.integrations.tensorboard import check as check_folder

        with collect(problems):
            check_folder(tensorboard)
    if problems:
        raise UserError(problems)


def write_beside(report: Report, plot: Path | None, tensorboard: Path | None) -> None:
    """The picture and the event files, where they were asked for.

    Raises:
        UserError: one of them could not be written.
    """
    if plot is not None:
        from trainlab.pictures._save import save

        save(report, plot)
    if tensorboard is not None:
        from trainlab.integrations.tensorboard import save as save_events

        save_events(report, tensorboard)


def read_report(path: Path, key: str) -> dict[str, Any]:
    """A JSON report from its file.

    Args:
        path: the file.
        key: the option or argument that names it, for the message.

    Raises:
        UserError: it cannot be read, or is none.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if str(report["schema"]).startswith("trainlab.report/") and isinstance(report["findings"], list):
            return dict(report)
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror or error}", key=key, value=str(path)) from None
    except (ValueError, KeyError, TypeError):
        pass
    raise UserError("is no JSON report of trainlab's", key=key, value=str(path))
