"""Where output goes: stdout or files, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO

from trainlab import plugins
from trainlab.errors import UserError

SPOOLED = 8 * 2**20  # bytes of a document for stdout that are held in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One document to write: its format, and the file; None for stdout."""

    format: str
    path: Path | None


def parse_destinations(formats: list[str], output: Path | None) -> list[Destination]:
    """What `--format F[:FILE]` and `--output FILE` ask for; a table on stdout if nothing.

    Raises:
        UserError: an unknown format, or a file that could not be written.
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
        if file and output is not None and index == 0:
            raise UserError(f"the first format has a file already: `--format {text}`", key="--output", value=str(output))
        path = Path(file) if file else output if index == 0 else None
        if path is not None:
            check_writable(path, "--format" if file else "--output")
        destinations.append(Destination(format=name, path=path))
    return destinations


def check_places(paths: list[Path | None]) -> None:
    """Find out before the work begins that one document would overwrite another; None is stdout.

    Raises:
        UserError: two of them are the same place.
    """
    places = [path and path.resolve() for path in paths]
    repeated = [str(path or "stdout") for path, place in zip(paths, places, strict=True) if places.count(place) > 1]
    if repeated:
        raise UserError(f"two documents for {repeated[0]}: give each a file of its own, as in `--format json:FILE`")


def check_writable(path: Path, option: str) -> None:
    """Find out before the work begins that the result could not be written.

    Raises:
        UserError: the folder is missing or read-only, or the path is a folder.
    """
    if path.is_dir():
        raise UserError("is a folder, not a file", key=option, value=str(path))
    if not path.parent.is_dir():
        raise UserError("the folder does not exist", key=option, value=str(path))
    try:
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if not _is_special(path):
            with tempfile.TemporaryFile(dir=path.resolve().parent):  # permissions alone do not tell: the disk may be read-only
                pass
    except OSError as error:
        raise _refuse(error, path, option) from None


def _is_special(path: Path) -> bool:
    """A device or a pipe, such as /dev/null or `>(command)`: to be written to, never to be replaced."""
    return path.exists() and not path.is_file()


def _refuse(error: OSError, path: Path | str, option: str = "") -> UserError:
    reason = error.strerror or str(error)
    return UserError(f"cannot be written: {reason[:1].lower()}{reason[1:]}", key=option, value=str(path))


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well, and is removed when it does not."""
    place = path.resolve()  # a link stays a link: what it points to is replaced
    handle, name = tempfile.mkstemp(prefix=f".{place.name}.", suffix=place.suffix, dir=place.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(place.stat().st_mode if place.exists() else 0o666 & ~umask)
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)


def write(text: str | Iterable[str], path: Path | None) -> None:
    """Write one whole document, in one piece or several, to a file or to stdout; a reader that has gone away is no error.

    Raises:
        UserError: it could not be written.
    """
    pieces = [text] if isinstance(text, str) else text
    try:
        if path is None:
            _write_stdout(pieces)
        elif _is_special(path):
            with path.open("w", encoding="utf-8") as file:
                file.writelines(pieces)
        else:
            with replace_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
                file.writelines(pieces)
    except BrokenPipeError:
        pass
    except OSError as error:
        raise _refuse(error, path or "stdout") from error


def _write_stdout(pieces: Iterable[str]) -> None:
    """Nothing is shown of a document that cannot be finished; a large one waits on disk until it is."""
    with tempfile.SpooledTemporaryFile(SPOOLED, "w+", encoding="utf-8", newline="") as whole:
        whole.writelines(pieces)
        whole.seek(0)
        _show(whole)


def _show(whole: IO[str]) -> None:
    try:
        while piece := whole.read(SPOOLED // 8):
            sys.stdout.write(piece)
        sys.stdout.flush()
    except OSError:
        # What is left in the buffer would be tried again, and fail again, at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def find_width(stream: TextIO) -> int | None:
    """Columns of the terminal behind `stream`; None if it is none."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def wants_color(stream: TextIO) -> bool:
    """NO_COLOR (no-color.org) and FORCE_COLOR (force-color.org; 0 is no) first, then whether `stream` is a terminal that can."""
    if os.environ.get("NO_COLOR"):
        return False
    if forced := os.environ.get("FORCE_COLOR"):
        return forced not in ("0", "false")
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def can_unicode(stream: TextIO) -> bool:
    """Whether the encoding of `stream` has box and block characters."""
    try:
        "─█▁░≥".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
