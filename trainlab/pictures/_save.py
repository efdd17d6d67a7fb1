"""Draws the picture of a report's command into a file, whole or not at all."""

from __future__ import annotations

import importlib.util
import io
import os
import tempfile
from pathlib import Path
from typing import Any

from trainlab import plugins
from trainlab.errors import Problem, UserError, find_nearest
from trainlab.pictures._canvas import use_style
from trainlab.report import Report

PACKAGE = "trainlab.pictures"
# What would otherwise say when the file was written.
METADATA: dict[str, dict[str, Any]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
DPI = 150


def check(command: str, path: Path) -> None:
    """Refuse what `save` could not do, without importing anything large: to be called before the training, not after.

    Raises:
        UserError: another suffix than those of `METADATA`, no picture of that command, no such folder, or no matplotlib.
    """
    problems = []
    if path.suffix.lower() not in METADATA:
        choices = tuple(METADATA)
        nearest = find_nearest(path.suffix.lower(), choices)
        problems.append(
            Problem(message="unknown kind of picture", key="--plot", value=repr(path.name), choices=choices, nearest=nearest)
        )
    if not path.parent.is_dir():
        problems.append(Problem(message="there is no such folder", key="--plot", value=repr(str(path.parent))))
    names = plugins.list_names(PACKAGE)
    if command not in names:
        problems.append(Problem(message=f"{command} has no picture", key="--plot", choices=tuple(names)))
    if importlib.util.find_spec("matplotlib") is None:
        problems.append(Problem(message="a picture needs matplotlib: pip install 'trainlab[plot]'", key="--plot"))
    if problems:
        raise UserError(problems)


def save(report: Report, path: Path) -> None:
    """Draw the report into `path`; the suffix says as what. The same report gives the same bytes.

    Raises:
        UserError: as `check`, or the file cannot be written.
    """
    check(report.command, path)
    try:
        _replace(path, _draw(report, path.suffix.lower()))
    except OSError as error:
        raise UserError(f"cannot write the picture: {error.strerror}", key="--plot", value=repr(str(path))) from error


def draw_svg(report: Report) -> str:
    """The picture as an `<svg>` element to stand inside a page; empty where the command has none or matplotlib is not installed."""
    if report.command not in plugins.list_names(PACKAGE) or importlib.util.find_spec("matplotlib") is None:
        return ""
    text = _draw(report, ".svg").decode()
    return text[text.index("<svg") :]


def _draw(report: Report, suffix: str) -> bytes:
    content = io.BytesIO()
    with use_style():
        figure = plugins.load(PACKAGE, report.command).draw(report)
        figure.savefig(content, format=suffix[1:], dpi=DPI, metadata=METADATA[suffix], bbox_inches=None)
    return content.getvalue()


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # mkstemp makes files that only their owner can read; a picture is to be shown around.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
