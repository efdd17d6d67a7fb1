"""Options of `watch` that stand behind the script, and go to it as python would have it, where the script knows none such."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path


def find_misplaced(arguments: Sequence[str], names: Iterable[str], *, refused: bool) -> list[str]:
    """Those of the script's arguments that are spelled as options of ours, where no code of the script's knows such a word.

    Args:
        arguments: of the script, which has ended.
        names: of our options, as in Python.
        refused: it ended as those do that do not understand their arguments: then only the option itself counts, not the word.
    """
    ours = {f"--{name.replace('_', '-')}" for name in names}
    given = dict.fromkeys(each.partition("=")[0] for each in arguments)
    found = [each for each in given if each in ours]
    if not found:
        return []
    code = "\n".join(_read_code())
    before = "--" if refused else r"(?<!\w)"
    return [each for each in found if not re.search(rf"{before}{each[2:].replace('-', '[-_]')}(?![\w-])", code)]


def _read_code() -> Iterator[str]:
    """What the script consists of: its file, and the modules beside it and below."""
    main = getattr(sys.modules["__main__"], "__file__", None)
    folder = Path(main).resolve().parent if main else Path.cwd()
    for module in list(sys.modules.values()):
        place = getattr(module, "__file__", None)
        if isinstance(place, str) and place.endswith(".py") and "site-packages" not in place:
            path = Path(place).resolve()
            if path.is_relative_to(folder) and path.is_file():
                yield path.read_text(encoding="utf-8", errors="replace")
