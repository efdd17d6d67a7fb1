from __future__ import annotations

import io
import subprocess
import sys

import pytest

from trainlab.cli import streams
from trainlab.cli.app import run
from trainlab.cli.explaining import LONGEST_LINE, find, fold, list_words, read_everything


def explain(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(["explain", *words]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "\x1b" not in captured.out
    return captured.out


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch):
    """A function that makes stdout a terminal of that many columns."""

    def set_up(columns: int) -> None:
        monkeypatch.setattr(streams, "find_width", lambda stream: columns)
        monkeypatch.setattr(streams, "wants_color", lambda stream: True)

    return set_up


class TestListing:
    def test_fits_eighty_columns(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert max(map(len, explain(capsys).splitlines())) <= 80

    def test_has_everything(self, capsys: pytest.CaptureFixture[str]) -> None:
        listed = " ".join(explain(capsys).split())
        for page in read_everything():
            assert page.name in listed
            assert page.title in listed
            assert all(alias in listed for alias in page.aliases)

    def test_comes_in_groups(self, capsys: pytest.CaptureFixture[str]) -> None:
        lines = explain(capsys).splitlines()
        assert lines.index("G: gradients and signals") < lines.index("F: fit") < lines.index("Concepts") < lines.index("optimizers")

    @pytest.mark.parametrize("columns", [40, 80, 120, 300])
    def test_fits_the_terminal(self, capsys: pytest.CaptureFixture[str], on_a_terminal, columns: int) -> None:
        on_a_terminal(columns)
        assert run(["explain"]) == 0
        width = max(map(len, strip(capsys.readouterr().out).splitlines()))
        assert min(columns, LONGEST_LINE) - 12 < width <= min(max(columns, 54), LONGEST_LINE)


class TestPage:
    def test_of_a_rule_by_its_code(self, capsys: pytest.CaptureFixture[str]) -> None:
        page = explain(capsys, "G001")
        assert page.startswith("G001 vanishing-gradient\n=======")
        for text in (
            "Severity: error or warning.",
            "What it finds\n---",
            "- `ratio` is 0.001: ",
            "ratio: 0.001\n",
            "{code: G001, reason: ",
        ):
            assert text in page
        assert "trainlab explain vanishing-gradient\n" in page

    def test_of_a_rule_in_lower_case(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert explain(capsys, "g001") == explain(capsys, "G001")

    def test_of_a_rule_and_a_concept_of_one_name(self, capsys: pytest.CaptureFixture[str]) -> None:
        page = explain(capsys, "vanishing-gradient")
        assert page.startswith("G001 vanishing-gradient\n")
        assert "\nvanishing-gradient\n======" in page
        assert "See it\n------" in page

    def test_of_a_concept(self, capsys: pytest.CaptureFixture[str]) -> None:
        page = explain(capsys, "xavier")
        assert page.startswith("initialisation\n======")
        assert "This page also answers to init, " in " ".join(page.split())

    def test_names_the_rules(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "- Rules: G001 vanishing-gradient\n" in explain(capsys, "layer-norm")

    def test_fits_eighty_columns(self, capsys: pytest.CaptureFixture[str]) -> None:
        for page in read_everything():
            assert [line for line in explain(capsys, page.names[-1]).splitlines() if len(line) > 80] == []

    @pytest.mark.parametrize(
        ("words", "name"),
        [
            (("batch", "norm"), "batch-norm"),
            (("batch_norm",), "batch-norm"),
            (("BatchNorm",), "batch-norm"),
            (("initialization",), "initialisation"),
            (("Zero", "Initialization"), "initialisation"),
            (("regularization",), "l2"),
            (("residual connections",), "residual"),
            (("loss",), "cross-entropy"),
            (("leaky_relu",), "relu"),
            (("ReLU",), "relu"),
        ],
    )
    def test_spelling_does_not_count(self, words: tuple[str, ...], name: str) -> None:
        assert [page.name for page in find(" ".join(words), read_everything())] == [name]

    def test_fold(self) -> None:
        assert fold("Vanishing_Gradients") == fold("vanishing gradient") == "vanishinggradient"
        assert fold("loss") == "loss"
        assert fold("") == ""


class TestMiss:
    def complain(self, capsys: pytest.CaptureFixture[str], *words: str) -> str:
        assert run(["explain", *words]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        (line,) = captured.err.splitlines()
        return line

    def test_nearest_spellings(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = self.complain(capsys, "momentun")
        assert line.startswith("trainlab: error: 'momentun' is neither a rule nor a concept; nearest: momentum")
        assert line.endswith("`trainlab explain` lists all there are")

    def test_code_that_is_none(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "nearest: G001, G002, G003" in self.complain(capsys, "G099")

    def test_word_that_pages_mention(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = self.complain(capsys, "Lanczos")
        assert "pages that mention it: " in line
        assert "hessian" in line
        assert "critical-point" in line

    def test_every_word_of_a_page_finds_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "dropout" in self.complain(capsys, "co-adaptation")
        assert "adam" in self.complain(capsys, "looks", "ahead", "as", "Nesterov's")  # two lines in the source

    def test_the_words_of_a_title_find_its_page(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "faulty-data" in self.complain(capsys, "inputs", "that", "say", "nothing")

    @pytest.mark.parametrize("word", ["qqqq", "", "(", "a b c", "*", "é", "x" * 500])
    def test_any_word(self, capsys: pytest.CaptureFixture[str], word: str) -> None:
        assert self.complain(capsys, word).startswith("trainlab: error: ")


class TestOutput:
    def test_a_terminal_gets_colours_and_whole_commands(self, capsys: pytest.CaptureFixture[str], on_a_terminal) -> None:
        on_a_terminal(80)
        assert run(["explain", "batch-norm"]) == 0
        out = capsys.readouterr().out
        assert "\x1b[" in out
        assert "\x1b[4" + "0m" not in out  # no backgrounds
        lines = strip(out).splitlines()
        assert max(map(len, lines)) <= 80
        assert "    trainlab gradients gradients-deep --vs model.norm=batch \\" in lines
        assert "        --vs model.norm=layer --vs model.norm=rms" in lines
        assert all(line == line.rstrip() for line in lines)

    def test_says_the_same_in_colour(self, capsys: pytest.CaptureFixture[str], on_a_terminal) -> None:
        plain = explain(capsys, "relu")
        on_a_terminal(80)
        run(["explain", "relu"])
        assert words(strip(capsys.readouterr().out)) == words(plain)

    def test_ascii(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for page in read_everything():
            stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
            monkeypatch.setattr(sys, "stdout", stream)
            assert run(["explain", page.name]) == 0
            monkeypatch.undo()

    def test_no_color(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        run(["explain", "seed"])
        assert "\x1b[" in capsys.readouterr().out
        monkeypatch.setenv("NO_COLOR", "1")
        assert explain(capsys, "seed")

    def test_imports_little(self) -> None:
        code = "import sys; from trainlab.cli.app import run; run(['explain', 'G001']); run(['explain']); run(['explain', 'adam'])"
        code += "; print(*({'torch', 'numpy', 'sklearn', 'matplotlib', 'rich', 'yaml'} & set(sys.modules)), file=sys.stderr)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stderr.strip() == ""


def test_completion() -> None:
    known = list_words()
    assert {"G001", "vanishing-gradient", "xavier", "l1"} <= set(known)
    assert known == sorted(known)


def strip(text: str) -> str:
    """Without the terminal's control sequences."""
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def words(text: str) -> list[str]:
    """What is said, whatever the layout."""
    import re

    bare = re.sub(r"^[-=]+$", "", text, flags=re.MULTILINE).replace("•", "-").replace("`", "")
    return bare.split()
