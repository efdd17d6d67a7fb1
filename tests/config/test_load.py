import importlib
import math
import os
from pathlib import Path

import pytest

from trainlab.config import Document, find_config, list_configs, load, parse_value
from trainlab.errors import UserError


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_gives_values_and_the_line_of_every_key(tmp_path: Path) -> None:
    text = "# a comment\nseed: 3\n\nmodel:\n  kind: layers\n  modules:\n  - Linear: [20,\n             100]\n  - ReLU\n"
    path = write(tmp_path / "run.yaml", text)
    assert load(path) == Document(
        values={"seed": 3, "model": {"kind": "layers", "modules": [{"Linear": [20, 100]}, "ReLU"]}},
        sources={
            key: f"{path}:{line}"
            for key, line in {
                "": 2,
                "seed": 2,
                "model": 4,
                "model.kind": 5,
                "model.modules": 6,
                "model.modules.0": 7,
                "model.modules.0.Linear": 7,
                "model.modules.0.Linear.0": 7,
                "model.modules.0.Linear.1": 8,
                "model.modules.1": 9,
            }.items()
        },
    )


@pytest.mark.parametrize(
    "text",
    [
        "seed: 3",
        "\ufeffseed: 3",
        "seed: 3\r\n",
        "---\nseed: 3\n...\n",
        "%YAML 1.2\n---\nseed: 3\n",
        "{seed: 3}",
        '"seed": 3',
    ],
)
def test_the_same_mapping_in_other_words(tmp_path: Path, text: str) -> None:
    assert load(write(tmp_path / "run.yaml", text)).values == {"seed": 3}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1e3", 1000.0),
        ("1E+3", 1000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5e1", -5.0),
        ("+1", 1),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("-.inf", -math.inf),
        (".Inf", math.inf),
        ("9223372036854775807", 2**63 - 1),
        ("true", True),
        ("TRUE", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("# nothing", None),
        ("[8, 8]", [8, 8]),
        ("{name: constant, value: 1}", {"name": "constant", "value": 1}),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    parsed = parse_value(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "yes",
        "on",
        "Off",
        "y",
        "tRUE",
        "1_000",
        "0b1",
        "1:30",
        "2024-01-01",
        "inf",
        "nan",
        "-.nan",
        "1e",
        "e3",
        ".",
        "0O17",
        "-0x1",
        "١",
        "=",
    ],
)
def test_all_other_plain_scalars_are_text(text: str) -> None:
    assert parse_value(text) == text


def test_nan_is_a_number() -> None:
    assert math.isnan(parse_value(".nan"))


@pytest.mark.parametrize("text", ["'1'", '"1"', "|-\n  1", ">-\n  1"])
def test_what_is_quoted_is_text(text: str) -> None:
    assert parse_value(text) == "1"


@pytest.mark.parametrize("text", ["*.bias", "!x", "&x 1", "[1", "1\n---\n2", "9" * 30, "{1: 2}", "[" * 5000, "@"])
def test_a_value_on_the_command_line_follows_the_same_rules(text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_value(text, "--set x")
    assert [problem.source for problem in caught.value.problems] == ["--set x"]


def test_a_value_may_be_nested_50_levels_deep_and_no_deeper() -> None:
    assert parse_value("[" * 50 + "]" * 50)
    with pytest.raises(UserError, match="50 levels"):
        parse_value("[" * 51 + "]" * 51)


def test_a_value_of_more_than_1_mb_is_refused() -> None:
    with pytest.raises(UserError, match="1 MB"):
        parse_value("x" * 1_000_001)


class TestUnreadable:
    def refuse(self, path: Path) -> str:
        with pytest.raises(UserError) as caught:
            load(path)
        (problem,) = caught.value.problems
        assert problem.source is not None
        assert problem.source.startswith(str(path))
        return str(problem).removeprefix(f"{problem.source}: ")

    def test_missing(self, tmp_path: Path) -> None:
        assert self.refuse(tmp_path / "run.yaml") == "there is no such file"

    def test_in_a_file(self, tmp_path: Path) -> None:
        assert self.refuse(write(tmp_path / "run", "") / "run.yaml") == "cannot be read: not a directory"

    def test_a_directory(self, tmp_path: Path) -> None:
        assert self.refuse(tmp_path) == "is a directory, not a file"

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
    def test_not_allowed(self, tmp_path: Path) -> None:
        path = write(tmp_path / "run.yaml", "seed: 1")
        path.chmod(0)
        assert self.refuse(path) == "cannot be read: permission denied"

    def test_not_allowed_even_to_root(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*args: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        assert self.refuse(tmp_path / "run.yaml") == "cannot be read: permission denied"

    @pytest.mark.parametrize("name", ["a\0b", "a" * 5000])
    def test_no_name_of_a_file(self, name: str) -> None:
        assert self.refuse(Path(name)).startswith("cannot be read: ")

    def test_not_text(self, tmp_path: Path) -> None:
        path = write(tmp_path / "run.yaml", b"seed: 1\nloss: \xff\n")
        with pytest.raises(UserError, match="UTF-8") as caught:
            load(path)
        assert caught.value.problems[0].source == f"{path}:2"

    def test_too_large(self, tmp_path: Path) -> None:
        assert self.refuse(write(tmp_path / "run.yaml", "#" * 1_000_001)) == "must be at most 1 MB"

    @pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs a file that never ends")
    def test_endless(self) -> None:
        assert self.refuse(Path("/dev/zero")) == "must be at most 1 MB"


class TestFindConfig:
    @pytest.fixture(autouse=True)
    def shipped(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A package with two configs beside it, and an empty directory to stand in."""
        folder = tmp_path / "home" / "configs"
        folder.mkdir(parents=True)
        for name in ["gradients", "gradients-deep"]:
            write(folder / f"{name}.yaml", "seed: 1")
        module = importlib.import_module("trainlab.config.load")  # `trainlab.config.load` is the function
        monkeypatch.setattr(module, "__file__", str(tmp_path / "home" / "trainlab" / "config" / "load.py"))
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        return folder

    def test_lists_what_is_shipped(self) -> None:
        assert list_configs() == ["gradients", "gradients-deep"]

    def test_finds_them_inside_a_wheel(self, shipped: Path) -> None:
        inside = shipped.parent / "trainlab" / "configs"
        inside.parent.mkdir()
        shipped.rename(inside)
        assert find_config("gradients") == inside / "gradients.yaml"

    @pytest.mark.parametrize(
        "name",
        [
            "gradients-deep",
            "gradients-deep.yaml",
            "configs/gradients-deep.yaml",
            "configs/gradients-deep",
        ],
    )
    def test_by_name(self, shipped: Path, name: str) -> None:
        assert find_config(name) == shipped / "gradients-deep.yaml"

    def test_a_file_of_ones_own_goes_first(self, tmp_path: Path) -> None:
        write(tmp_path / "here" / "gradients.yaml", "seed: 2")
        assert find_config("gradients.yaml") == Path("gradients.yaml")

    def test_a_directory_of_ones_own_does_not(self, tmp_path: Path, shipped: Path) -> None:
        (tmp_path / "here" / "gradients").mkdir()
        assert find_config("gradients") == shipped / "gradients.yaml"

    def test_a_directory_is_left_to_load(self, tmp_path: Path) -> None:
        assert find_config(tmp_path) == tmp_path

    @pytest.mark.parametrize("name", ["gradient", "elsewhere/gradients.yaml", "", "a\0b", "a" * 5000])
    def test_says_what_there_is(self, name: str) -> None:
        with pytest.raises(UserError) as caught:
            find_config(name)
        (problem,) = caught.value.problems
        assert problem.choices == ("gradients", "gradients-deep")
        assert problem.nearest == ("gradients" if "gradient" in name else None)


def test_what_is_shipped_lies_where_it_is_looked_for() -> None:
    folder = Path(__file__).parents[2] / "configs"
    assert list_configs() == sorted(path.stem for path in folder.glob("*.yaml"))
    for name in list_configs():
        load(find_config(name))
