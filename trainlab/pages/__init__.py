"""What `trainlab explain` knows: one Markdown file a concept, named like it; there is no list to keep.

A file begins with its front part between two lines of dashes: `title`, what the page is about, in a phrase; `group`, its place in
the listing; `aliases`, other names it answers to; `rules`, codes of the rules that judge it. Then come the sections of `HEADINGS`.
An indented line that begins with `trainlab` is a command to paste; in *See it*, a number in backticks is a figure that the command
above it prints. The tests run these commands and look for these figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

HEADINGS = ("What", "Why", "See it", "What helps", "Sources")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: of a concept, or of a rule.

    Attributes:
        name: what it is listed by.
        title: what it is about, in a phrase or a sentence.
        group: where it is listed; of a rule, the letter of its family.
        aliases: other names it answers to; of a rule, its code.
        rules: codes of the rules that judge it, whether they exist yet or not; of a rule, its own.
        text: Markdown, with headings of the second level.
        is_rule: it was made of a rule's docstring.
    """

    name: str
    title: str
    group: str
    aliases: tuple[str, ...]
    rules: tuple[str, ...]
    text: str
    is_rule: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Everything it answers to."""
        return (self.name, *self.aliases)


def read_concepts() -> list[Page]:
    """The pages of all concepts, by name."""
    sources = {file.name.removesuffix(".md"): file for file in files(__name__).iterdir() if file.name.endswith(".md")}
    return [_parse(name, file.read_text(encoding="utf-8")) for name, file in sorted(sources.items())]


def _parse(name: str, source: str) -> Page:
    _, front, text = source.split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in front.splitlines())
    return Page(
        name=name,
        title=fields["title"],
        group=fields["group"],
        aliases=_split(fields.get("aliases", "")),
        rules=_split(fields.get("rules", "")),
        text=text.strip() + "\n",
    )


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
