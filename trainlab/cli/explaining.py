"""What `trainlab explain` says: pages found by any of their names, the listing, and how both look on a terminal and in a pipe."""

from __future__ import annotations

import difflib
import re
import sys
import textwrap
from collections.abc import Sequence

from trainlab.cli import streams
from trainlab.errors import UserError
from trainlab.pages import Page, read_concepts
from trainlab.pages._plain import to_plain
from trainlab.pages._rules import read_rules

FAMILIES = {
    "G": "gradients and signals",
    "L": "learning rate and optimisation",
    "F": "fit",
    "D": "data",
    "M": "model, loss and loop",
    "C": "clipping",
    "P": "several processes",
}
GROUPS = (
    "training",
    "gradients over depth",
    "activations and outputs",
    "initialisation and normalisation",
    "optimizers",
    "the loss surface",
    "fit and its remedies",
    "data",
    "several processes",
)
PIPE_WIDTH = 80
LONGEST_LINE = 100  # what is longer is hard to read on
NEAREST = 3  # spellings to propose
MENTIONS = 8  # pages to name that mention a word
RELATED = 5  # concepts to read on with, below a rule

# What the pages have beyond ASCII, for streams that cannot take it.
SPELLED = str.maketrans(
    {"α": "alpha", "β": "beta", "γ": "gamma", "ε": "eps", "η": "eta", "λ": "lambda", "μ": "mu", "σ": "sigma", "π": "pi", "ö": "oe"}
    | {"∂": "d", "·": "*", "≈": "~", "±": "+-", "–": "-", "é": "e"}
)


def explain(word: str) -> None:
    """Write what answers to `word`: a rule, a concept, or, where they share the name, both.

    Raises:
        UserError: nothing does.
    """
    pages = read_everything()
    found = find(word, pages)
    if not found:
        raise UserError(_miss(word, pages))
    _write("\n".join(compose(page, [other for other in pages if other not in found]) for page in found))


def list_all() -> None:
    """Write what there is to explain: rules by family, concepts by group."""
    _write(compose_listing(read_everything(), _find_width()))


def list_words() -> list[str]:
    """Every name that is answered, for completion."""
    return sorted({name for page in read_everything() for name in page.names})


def read_everything() -> list[Page]:
    """Every page: rules by code, then concepts by name."""
    return [*read_rules(), *read_concepts()]


def find(word: str, pages: Sequence[Page]) -> list[Page]:
    """The pages that answer to `word`, whatever its case, spaces, dashes, plural and English spelling."""
    wanted = fold(word)
    return [page for page in pages if wanted in {fold(name) for name in page.names}]


def fold(word: str) -> str:
    """What is left of a name where spelling does not count: `Initialization` and `initialisations` are one."""
    bare = re.sub(r"[^a-z0-9]", "", word.lower()).replace("z", "s")
    return bare[:-1] if bare.endswith("s") and not bare.endswith("ss") else bare


def _miss(word: str, pages: Sequence[Page]) -> str:
    names = {fold(name): name for page in pages for name in page.names}
    near = [names[each] for each in difflib.get_close_matches(fold(word), names, n=NEAREST)]
    if re.fullmatch(r"[a-z]\d+", fold(word)):  # a code: those of its family say more than those that look like it
        near = [page.rules[0] for page in pages if page.is_rule and fold(page.group) == fold(word)[0]]
    phrase = re.compile(r"\b" + r"\s+".join(map(re.escape, word.split())), re.IGNORECASE)
    counts = {page.name: len(phrase.findall(f"{page.title}\n{page.text}")) for page in pages}
    mentions = sorted((name for name in counts if counts[name]), key=lambda name: -counts[name])
    parts = [
        f"{word!r} is neither a rule nor a concept",
        f"nearest: {', '.join(near)}" if near else "",
        f"pages that mention it: {', '.join(mentions[:MENTIONS])}" if mentions else "",
        "`trainlab explain` lists all there are",
    ]
    return "; ".join(filter(None, parts))


def compose(page: Page, others: Sequence[Page]) -> str:
    """One page as Markdown, with its title above and what it is related to below."""
    if page.is_rule:
        code = page.rules[0]
        related = [each for each in others if not each.is_rule and code in each.rules]
        related.sort(key=lambda each: (each.name != page.name, each.rules.index(code)))
        ends = ["## Read on", "\n".join(f"    trainlab explain {each.name}" for each in related[:RELATED])] if related else []
        return "\n\n".join([f"# {code} {page.name}", page.title, page.text.strip("\n"), *ends]) + "\n"
    judges = [f"{each.rules[0]} {each.name}" for each in others if each.is_rule and each.rules[0] in page.rules]
    lines = [f"- Rules: {', '.join(judges)}"] if judges else []
    lines += [f"- This page also answers to {', '.join(page.aliases)}"] if page.aliases else []
    ends = ["## See also", "\n".join(lines)] if lines else []
    return "\n\n".join([f"# {page.name}", f"{page.title[0].upper()}{page.title[1:]}.", page.text.strip("\n"), *ends]) + "\n"


def compose_listing(pages: Sequence[Page], width: int) -> str:
    """All pages in groups as Markdown, in lines that fit `width`."""
    rules = [page for page in pages if page.is_rule]
    concepts = [page for page in pages if not page.is_rule]
    parts = ["# Rules", "What trainlab judges, all of it in `trainlab check`; one by one: `trainlab explain G001`."]
    for letter, family in FAMILIES.items():
        rows: list[tuple[str, ...]] = [(f"{page.rules[0]}  {page.name}", page.title) for page in rules if page.group == letter]
        parts += [f"## {letter}: {family}", _lay_out(rows, max(len(page.name) for page in rules) + 6, width)] if rows else []
    parts += ["# Concepts", "What is behind it: `trainlab explain batch-norm`; the other names find the same page."]
    for group in GROUPS:
        rows = [(page.name, page.title, f"also: {', '.join(page.aliases)}") for page in concepts if page.group == group]
        parts += [f"## {group}", _lay_out(rows, max(len(page.name) for page in concepts), width)] if rows else []
    return "\n\n".join(parts) + "\n"


def _lay_out(rows: Sequence[tuple[str, ...]], column: int, width: int) -> str:
    """Names at the left, in a column of that width, and what belongs to each beside it."""
    lines = []
    for name, *texts in rows:
        indent = f"    {name:{column}}  "
        for text in texts:
            rest = " " * len(indent)
            lines.append(textwrap.fill(text, width, initial_indent=indent, subsequent_indent=rest, break_on_hyphens=False))
            indent = rest
    return "\n".join(lines)


def _write(markdown: str) -> None:
    """To stdout: coloured where that is wanted, plain where not."""
    width = _find_width()
    if not streams.can_unicode(sys.stdout):
        text = to_plain(markdown.translate(SPELLED), width)
    elif streams.wants_color(sys.stdout):
        from trainlab.cli.markdown import draw

        text = draw(markdown, width)
    else:
        text = to_plain(markdown, width)
    streams.write(text, None)


def _find_width() -> int:
    return min(streams.find_width(sys.stdout) or PIPE_WIDTH, LONGEST_LINE)
