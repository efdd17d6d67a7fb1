"""Every page has its form, and every name that is promised has its page."""

from __future__ import annotations

import dataclasses
import re
from importlib.resources import files

import pytest
from markdown_it import MarkdownIt

from trainlab import judging
from trainlab.cli.explaining import FAMILIES, GROUPS, SPELLED, find, fold, read_everything
from trainlab.config import load, validate
from trainlab.pages import HEADINGS, Page

EVERYTHING = read_everything()
CONCEPTS = [page for page in EVERYTHING if not page.is_rule]
RULES = [page for page in EVERYTHING if page.is_rule]

FROZEN = """
gradient-descent forward-pass backpropagation chain-rule vanishing-gradient exploding-gradient convergence
slow-convergence underfitting not-converging overfitting learning-rate edge-of-stability local-minimum saddle-point
plateau critical-point hessian taylor-expansion minimum-ratio sharpness escape-direction batch mini-batch-noise epoch
iteration step seed validation-set softmax sigmoid tanh relu leaky-relu elu selu gelu dead-relu saturation non-linearity
universal-approximation output-activation one-hot cross-entropy mse bce fan-in xavier he lecun zero-initialisation
large-initialisation batch-norm batch-norm-momentum batch-norm-at-test batch-norm-scale-invariance gamma-beta layer-norm
residual momentum nesterov adagrad rmsprop adam bias-correction adamw weight-decay-and-l2 nadam radam lamb
power-schedule exponential-schedule piecewise-schedule plateau-schedule one-cycle warm-up clipping-by-value
clipping-by-norm outlier label-noise feature-scaling feature-relevance shuffling capacity l1 l2 norms proximal-operator
sparsity map-and-priors max-norm dropout inverted-dropout mc-dropout early-stopping data-augmentation input-noise
weight-noise adversarial-training ensemble bagging boosting occam label-smoothing rnn-unrolled-gradient
distributed-data-parallel gradient-accumulation all-reduce floating-point-sum stale-gradients
"""
"""Names that stay answered, whatever page answers them."""

STEM = 5  # letters that "normalised" and "normalisation" share

OF_A_PAGE = {"heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "code_block"}
OF_A_LIST = {"bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"}


@pytest.mark.parametrize("name", FROZEN.split())
def test_every_promised_name_is_answered(name: str) -> None:
    (page,) = find(name, CONCEPTS)
    text = f"{page.name} {page.title} {page.text}".lower()
    stems = [word[:STEM] for word in name.split("-") if word not in ("and", "at")]
    assert [stem for stem in stems if stem not in text] == [], page.name


@pytest.mark.parametrize("page", CONCEPTS, ids=lambda page: page.name)
class TestForm:
    def test_has_the_sections(self, page: Page) -> None:
        _, *parts = re.split(r"^## (.*)\n", page.text, flags=re.MULTILINE)
        assert tuple(parts[::2]) == HEADINGS
        assert all(len(body.strip()) > 40 for body in parts[1::2])

    def test_shows_a_command(self, page: Page) -> None:
        shown = page.text.split("## See it\n")[1].split("## What helps")[0]
        assert "\n    trainlab " in shown

    def test_front_part(self, page: Page) -> None:
        assert page.group in GROUPS
        assert 15 < len(page.title) < 55
        assert all(re.fullmatch(r"[A-Z]\d{3}", code) for code in page.rules)
        assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in page.names)

    def test_is_the_markdown_that_can_be_laid_out(self, page: Page) -> None:
        tokens = MarkdownIt().parse(page.text)
        assert {token.type for token in tokens} <= OF_A_PAGE | OF_A_LIST
        inline = {child.type for token in tokens for child in token.children or ()}
        assert inline <= {"text", "code_inline", "softbreak"}

    def test_blocks_fit_eighty_columns(self, page: Page) -> None:
        assert [line for line in page.text.split("\n") if line.startswith("    ") and len(line) > 80] == []

    def test_can_be_spelled_in_ascii(self, page: Page) -> None:
        assert (page.title + page.text).translate(SPELLED).isascii()


def test_every_name_leads_to_one_page() -> None:
    names = [fold(name) for page in CONCEPTS for name in page.names]
    assert {name for name in names if names.count(name) > 1} == set()
    codes = [fold(name) for page in RULES for name in page.names]
    assert len(codes) == len(set(codes))


def test_groups_and_families_are_all_in_use() -> None:
    assert {page.group for page in CONCEPTS} == set(GROUPS)
    assert {page.group for page in RULES} <= set(FAMILIES)


def test_pages_lie_beside_the_code() -> None:
    assert len(CONCEPTS) == sum(file.name.endswith(".md") for file in files("trainlab.pages").iterdir()) > 30


class TestRules:
    """What is read from the source is what the rule is."""

    def test_all_are_there(self) -> None:
        known = judging.list_rules()
        assert [page.rules[0] for page in RULES] == list(known)
        assert [page.name for page in RULES] == [rule.name for rule in known.values()]

    @pytest.mark.parametrize("page", RULES, ids=lambda page: page.rules[0])
    def test_page(self, page: Page, tmp_path) -> None:
        (code,) = page.rules
        rule = judging.list_rules()[code]
        assert page.title == " ".join(rule.__doc__.split("\n\n")[0].split())
        for heading in ("What it finds", "Why it matters", "Evidence", "See it", "What to try", "Sources", "Silence it"):
            assert f"## {heading}\n\n" in page.text
        assert re.search(r"^Severity: (error|warning|info)( or (warning|info))*\.$", page.text, re.MULTILINE)
        for field in dataclasses.fields(rule):
            line = next(line for line in page.text.split("\n") if line.startswith(f"- `{field.name}` is "))
            assert len(line) > len(f"- `{field.name}` is 0.12345: ")
        # The YAML that is shown is read, and changes nothing.
        for block in re.findall(r"(?:^    .*\n?)+", page.text, re.MULTILINE):
            if block.startswith("    rules:"):
                file = tmp_path / "shown.yaml"
                file.write_text(block.replace("\n    ", "\n")[4:])
                document = load(file)
                given = validate(document.values, document.sources).rules
                _, reported, _ = judging.choose_rules([rule.name], given)
                assert (code in reported) == ("ignore" not in given)
                assert rule(**given.get(code, {})) == rule()
