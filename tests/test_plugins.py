import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainlab.errors import UserError
from trainlab.plugins import find_class, list_names, load, load_all, to_name


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    folder = tmp_path / "plugged"
    folder.mkdir()
    for name in ["__init__", "lr_sweep", "check", "_shared"]:
        (folder / f"{name}.py").write_text(f"NAME = {name!r}\n")
    (folder / "notes.txt").write_text("no module\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "plugged"
    for name in [name for name in sys.modules if name.partition(".")[0] == "plugged"]:
        del sys.modules[name]


def test_every_module_is_a_plug_in_named_by_its_file(package: str) -> None:
    assert list_names(package) == ["check", "lr-sweep"]


def test_listing_imports_none_of_them(package: str) -> None:
    list_names(package)
    assert "plugged.check" not in sys.modules


def test_loads_by_name(package: str) -> None:
    assert load(package, "lr-sweep").NAME == "lr_sweep"


def test_loads_all_in_order(package: str) -> None:
    assert [(name, module.NAME) for name, module in load_all(package).items()] == [("check", "check"), ("lr-sweep", "lr_sweep")]


@pytest.mark.parametrize(("name", "nearest"), [("lr-swep", "lr-sweep"), ("_shared", None), ("shared", None), ("", None)])
def test_says_which_there_are(package: str, name: str, nearest: str | None) -> None:
    with pytest.raises(UserError) as caught:
        load(package, name)
    (problem,) = caught.value.problems
    assert problem.choices == ("check", "lr-sweep")
    assert problem.nearest == nearest


def test_the_file_name_is_the_name_with_dashes() -> None:
    assert to_name("trainlab.rules.vanishing_gradient") == "vanishing-gradient"
    assert to_name("clip") == "clip"


@pytest.mark.parametrize("room", ["rules", "probes", "remedies", "studies", "renderers", "pictures", "models", "data"])
def test_the_rooms_of_the_house_can_be_listed(room: str) -> None:
    assert list_names(f"trainlab.{room}") == sorted(set(list_names(f"trainlab.{room}")))


def test_the_class_of_a_plug_in_is_named_by_its_file() -> None:
    found = find_class(load("trainlab.rules", "vanishing-gradient"))
    assert (found.__name__, found.name) == ("VanishingGradient", "vanishing-gradient")
