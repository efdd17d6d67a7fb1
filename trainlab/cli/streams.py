"""Where output goes: stdout or files, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from trainlab import plugins
from trainlab.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One document to write: its format, and the file; None for stdout."""

    format: str
    path: Path | None


def parse_destinations(formats: list[str], output: Path | None) -> list[Destination]:
    """What `--format F[:FILE]` and `--output FILE` ask for; a table on stdout if nothing.

    Raises:
        UserError: an unknown format, two documents for one place, or a file that could not be written.
    """
    destinations = []
    for index, text in enumerate(formats or ["table"]):
        name, _, file = text.partition(":")
        try:
            plugins.load("trainlab.renderers", name)
        except UserError as error:
            problem = error.problems[0]
            raise UserError(
                "there is no such format", key="--format", value=name, choices=problem.choices, nearest=problem.nearest
            ) from None
        path = Path(file) if file else output if index == 0 else None
        destinations.append(Destination(format=name, path=path))
    places = [each.path for each in destinations]
    for place in places:
        if places.count(place) > 1:
            where = "stdout" if place is None else str(place)
            raise UserError(f"two documents for {where}; give one of them a file: `--format F:FILE`", key="--format")
        if place is not None:
            check_writable(place, "--output" if place == output else "--format")
    return destinations


def check_writable(path: Path, option: str) -> None:
    """Find out before the work begins that the result could not be written.

    Raises:
        UserError: the folder is missing or read-only, or the path is a folder.
    """
    folder = path.parent
    if path.is_dir():
        raise UserError("is a folder, not a file", key=option, value=str(path))
    if not folder.is_dir():
        raise UserError("the folder does not exist", key=option, value=str(path))
    if not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise UserError("cannot be written", key=option, value=str(path))


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well, and is removed when it does not.

    Raises:
        UserError: it could not be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror or error}", value=str(path)) from error


def write(text: str, path: Path | None) -> None:
    """Write one whole document to a file or to stdout; a reader that has gone away is no error."""
    if path is not None:
        with replace_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def find_width(stream: TextIO) -> int | None:
    """Columns of the terminal behind `stream`; None if it is none."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def wants_color(stream: TextIO) -> bool:
    """NO_COLOR (no-color.org) and FORCE_COLOR first, then whether `stream` is a terminal that can."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def can_unicode(stream: TextIO) -> bool:
    """Whether the encoding of `stream` has box and block characters."""
    try:
        "─█▁░≥".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
