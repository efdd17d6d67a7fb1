"""Files that the user names."""

from __future__ import annotations

from pathlib import Path

from trainlab.errors import UserError, find_nearest

MAX_BYTES = 1_000_000_000


def read_bytes(path: str) -> bytes:
    """What a file holds.

    Raises:
        UserError: it cannot be read; the message names a file beside it that is spelled alike.
    """
    file = Path(path).expanduser()
    try:
        if file.stat().st_size > MAX_BYTES:
            raise UserError("must be at most 1 GB", key="data.path", value=path)
        return file.read_bytes()
    except FileNotFoundError:
        beside = [each.name for each in file.parent.iterdir()] if file.parent.is_dir() else []
        nearest = find_nearest(file.name, beside)
        found = None if nearest is None else str(file.with_name(nearest))
        raise UserError("there is no such file", key="data.path", value=path, nearest=found) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UserError(f"cannot be read: {reason[:1].lower()}{reason[1:]}", key="data.path", value=path) from None


def read_text(path: str) -> str:
    """The text of a file in UTF-8.

    Raises:
        UserError: it cannot be read, or is no such text; the message says in which line.
    """
    data = read_bytes(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError("must be text in UTF-8", key="data.path", source=f"{path}:{line}") from None
