"""What pages say: their words, the commands they show, and the figures that those are said to print."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trainlab.cli.explaining import read_everything
from trainlab.pages import Page

PAGES = {page.name: " ".join(page.text.split()) for page in read_everything() if not page.is_rule}
INLINE = re.compile(r"`([^`]+)`")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def says(page: str, *words: str) -> None:
    """The page has these words: a figure that is changed there wants its computation changed where it is tested."""
    for each in words:
        assert each in PAGES[page], f"{page} does not say {each!r}"


def list_commands(pages: list[Page]) -> dict[str, list[str]]:
    """Every command that is shown, once, with the figures that any page quotes below it."""
    found: dict[str, list[str]] = {}
    for page in pages:
        command = ""
        for block in page.text.split("\n\n"):
            if block.startswith("## "):
                command = ""
            if block.startswith("    "):
                for command in join_lines(block):
                    found.setdefault(command, [])
                continue
            for quoted in INLINE.findall(block):
                if quoted.startswith("trainlab "):
                    found.setdefault(quoted, [])
                elif command and NUMBER.fullmatch(quoted) and quoted not in found[command]:
                    found[command].append(quoted)
    return found


def join_lines(block: str) -> Iterator[str]:
    """The commands of an indented block, those on several lines made one."""
    for line in re.sub(r"\\\n +", "", block).split("\n"):
        if line.strip().startswith("trainlab "):
            yield line.strip()


def list_codes(rules: list[Page]) -> dict[str, set[str]]:
    """What each command on the page of a rule must raise: that rule."""
    found: dict[str, set[str]] = {}
    for page in rules:
        for command in list_commands([page]):
            if not command.startswith("trainlab explain "):
                found.setdefault(command, set()).update(page.rules)
    return found
