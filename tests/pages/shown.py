"""The commands that pages show, and the figures that pages say they print."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trainlab.pages import Page

INLINE = re.compile(r"`([^`]+)`")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


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
