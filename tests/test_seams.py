"""What holds between the rooms of the house: nothing is forgotten, nothing heavy is loaded before it is needed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.running import carry_out
from trainlab import engine, plugins
from trainlab.judging import list_rules

ROOT = Path(__file__).parent.parent
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
ROOMS = ("cli.commands", "data", "models", "pictures", "probes", "remedies", "renderers", "rules", "studies")
HEAVY = ("torch", "sklearn", "numpy", "matplotlib", "pydantic")
COMMAND = re.compile(r"^# trainlab (.+)$", re.MULTILINE)


def load_in_a_fresh_python(code: str) -> set[str]:
    """The heavy packages that `code` loads."""
    script = f"import sys\n{code}\nprint(*({{name.partition('.')[0] for name in sys.modules}} & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def test_the_command_line_loads_nothing_heavy() -> None:
    assert load_in_a_fresh_python("from trainlab.cli.app import build\nbuild()") == set()


def test_the_python_api_loads_nothing_heavy_before_it_is_called() -> None:
    names = "trainlab.check, trainlab.run, trainlab.watch, trainlab.Report, trainlab.UserError"
    assert load_in_a_fresh_python(f"import trainlab\n{names}, dir(trainlab)\nfrom trainlab import *") == set()


def test_help_and_mistakes_load_nothing_heavy() -> None:
    lines = [["--help"], ["gradients", "--help"], ["--version"], ["gradients", "--laers", "3"], ["explain", "--help"]]
    code = "import contextlib, io\nfrom trainlab.cli.app import run\n"
    code += (
        f"with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):\n    list(map(run, {lines!r}))"
    )
    assert load_in_a_fresh_python(code) <= {"pydantic"}  # which typer itself reads options with


@pytest.mark.parametrize("room", ["studies", "rules", "renderers"])
def test_what_is_pure_loads_no_torch(room: str) -> None:
    code = f"from trainlab import plugins\nplugins.load_all('trainlab.{room}')"
    assert not load_in_a_fresh_python(code) & {"torch", "sklearn", "matplotlib"}


def test_codes_and_names_are_unique() -> None:
    rules = [
        getattr(module, "".join(part.capitalize() for part in name.split("-")))
        for name, module in plugins.load_all("trainlab.rules").items()
    ]
    assert len(list_rules()) == len(rules)
    assert len({rule.name for rule in rules}) == len(rules)


def test_every_rule_needs_what_some_probe_measures() -> None:
    measured = {*plugins.list_names("trainlab.probes"), *engine.ALWAYS}
    missing = {rule.code: set(rule.needs) - measured for rule in list_rules().values()}
    assert not any(missing.values()), missing


@pytest.mark.parametrize("study", plugins.list_names("trainlab.studies"))
def test_every_study_asks_for_rules_and_probes_that_exist(study: str) -> None:
    module = plugins.load("trainlab.studies", study)
    assert set(module.PROBES) <= set(plugins.list_names("trainlab.probes"))
    assert set(module.RULES) <= set(plugins.list_names("trainlab.rules"))


@pytest.mark.parametrize("study", plugins.list_names("trainlab.studies"))
def test_every_study_has_its_command_its_config_and_its_picture(study: str) -> None:
    assert study in plugins.list_names("trainlab.cli.commands")
    assert study in plugins.list_names("trainlab.pictures")
    assert (ROOT / "configs" / f"{study}.yaml").is_file()


@pytest.mark.parametrize("room", ROOMS)
def test_every_plug_in_has_a_test_file(room: str) -> None:
    folder = ROOT / "tests" / room.replace(".", "/")
    missing = [
        name for name in plugins.list_names(f"trainlab.{room}") if not (folder / f"test_{name.replace('-', '_')}.py").is_file()
    ]
    assert missing == []


def test_the_numbers_of_a_config_are_read_as_numbers() -> None:
    for path in CONFIGS:
        for value in re.findall(r"(?:lr|gain|std|ratio|weight_decay): ([^,}\s]+)", path.read_text(encoding="utf-8")):
            assert isinstance(yaml.safe_load(value), int | float), (path.name, value)


@pytest.mark.parametrize("line", [line for path in CONFIGS for line in COMMAND.findall(path.read_text(encoding="utf-8"))])
def test_every_command_that_a_config_names_runs(
    line: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = carry_out(capsys, *line.split())
    assert outcome.code == 0, outcome.err
    assert "not run" not in outcome.out.lower()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_names_a_command(path: Path) -> None:
    assert COMMAND.search(path.read_text(encoding="utf-8"))
