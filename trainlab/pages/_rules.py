"""The page of a rule, read from its source: to explain a rule needs its words only, not numpy."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files

from trainlab import plugins
from trainlab.pages import Page

PACKAGE = "trainlab.rules"
SEVERITIES = ("error", "warning", "info")
SECTION = re.compile(r"^(\w[\w ]*):\n(?=    )", re.MULTILINE)
ENTRY = re.compile(r"^(\w+): (.*(?:\n +.*)*)", re.MULTILINE)


def read_rules() -> list[Page]:
    """The pages of all rules, by code."""
    folder = files(PACKAGE)
    names = plugins.list_names(PACKAGE)
    found = [_parse(name, (folder / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")) for name in names]
    return sorted(found, key=lambda page: page.rules)


def say_rule(name: str) -> str:
    """The title of the rule by that name, as it stands within a sentence."""
    return lower_first(next(page.title for page in read_rules() if page.name == name).rstrip("."))


def lower_first(words: str) -> str:
    """As they stand within a sentence; NaN stays NaN."""
    first = words.partition(" ")[0]
    return words if first[1:] != first[1:].lower() else f"{words[0].lower()}{words[1:]}"


def _parse(name: str, source: str) -> Page:
    module = ast.parse(source)
    wanted = plugins.to_class_name(name)
    rule = next(node for node in module.body if isinstance(node, ast.ClassDef) and node.name == wanted)
    code, thresholds = _read_fields(rule)
    title, *parts = SECTION.split((ast.get_docstring(rule) or "") + "\n")
    sections = {heading: _unindent(body) for heading, body in zip(parts[::2], parts[1::2], strict=True)}
    meanings = {key: " ".join(text.split()) for key, text in ENTRY.findall(sections.pop("Attributes", ""))}
    lines = [
        *_tell_severities(module),
        *(f"## {heading}\n\n{body}\n" for heading, body in sections.items()),
        *_tell_thresholds(code, thresholds, meanings),
        *_tell_silence(code),
    ]
    return Page(
        name=name,
        title=" ".join(title.split()),
        group=code[0],
        aliases=(code,),
        rules=(code,),
        text="\n".join(lines) + "\n",
        is_rule=True,
    )


def _read_fields(rule: ast.ClassDef) -> tuple[str, dict[str, str]]:
    """The rule's code, and its thresholds with their defaults as YAML writes them."""
    code = ""
    thresholds: dict[str, str] = {}
    for node in rule.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name) or node.value is None:
            continue
        if "ClassVar" not in ast.unparse(node.annotation):
            thresholds[node.target.id] = _to_yaml(node.value)
        elif node.target.id == "code":
            code = ast.literal_eval(node.value)
    return code, thresholds


def _to_yaml(value: ast.expr) -> str:
    try:
        return f"{ast.literal_eval(value):g}"
    except ValueError:  # an expression, such as 2 / 3
        return ast.unparse(value)


def _unindent(body: str) -> str:
    return "\n".join(line[4:] for line in body.rstrip().splitlines())


def _tell_severities(module: ast.Module) -> Iterator[str]:
    """Those that the rule's code names, worst first."""
    named = {node.value for node in ast.walk(module) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    found = [severity for severity in SEVERITIES if severity in named]
    if found:
        yield f"Severity: {' or '.join(found)}.\n"


def _tell_thresholds(code: str, thresholds: Mapping[str, str], meanings: Mapping[str, str]) -> Iterator[str]:
    if not thresholds:
        return
    yield "## Thresholds\n"
    yield from (f"- `{key}` is {default}: {meanings.get(key, '')}" for key, default in thresholds.items())
    yield "\nIn the config:\n"
    yield f"    rules:\n      {code}:"
    yield "\n".join(f"        {key}: {default}" for key, default in thresholds.items()) + "\n"


def _tell_silence(code: str) -> Iterator[str]:
    yield "## Silence it\n"
    yield f"In the config, with a reason, which every report then shows; or for one command with `--ignore {code}`.\n"
    yield f'    rules:\n      ignore:\n      - {{code: {code}, reason: "..."}}'
