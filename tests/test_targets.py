"""The user's code by name: found, called, and blamed where it is to blame."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from trainlab import targets
from trainlab.errors import UserError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(targets, "_home", None)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_file_may_import_what_lies_beside_it_and_is_imported_once(folder: Path) -> None:
    write(folder / "parts" / "beside_it_here.py", "number = 3\n")
    write(folder / "parts" / "net.py", "from beside_it_here import number\n\n\nclass Outer:\n    inner = number\n\n\nmade = []\n")
    assert targets.find("parts/net.py:Outer.inner", "model.target") == 3
    targets.find("./parts/net.py:made", "model.target").append(1)
    assert targets.find("parts/net.py:made", "model.target") == [1]


def test_a_module_in_the_working_directory_is_found(folder: Path) -> None:
    write(folder / "a_module_of_mine.py", "made = 4\n")
    assert targets.find("a_module_of_mine:made", "model.target") == 4


def test_the_folder_of_the_config_comes_first(folder: Path) -> None:
    write(folder / "net.py", "here = 'working directory'\n")
    write(folder / "conf" / "net.py", "here = 'beside the config'\n")
    assert targets.find("net.py:here", "model.target") == "working directory"
    targets.set_home(folder / "conf")
    assert targets.find("net.py:here", "model.target") == "beside the config"
    origin = targets.note_origin()
    targets.set_home(None)
    targets.adopt_origin(origin)
    assert targets.find("net.py:here", "model.target") == "beside the config"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nowhere_at_all\n", "net.py cannot be imported in net.py:1: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("x = 1\nx.y\n", "net.py cannot be imported in net.py:2: AttributeError"),
        ("x = 1\ndef f(:\n", "net.py cannot be imported in net.py:2: SyntaxError"),
    ],
)
def test_what_cannot_be_imported_is_told_with_its_line(folder: Path, text: str, words: str) -> None:
    write(folder / "net.py", text)
    with pytest.raises(UserError) as caught:
        targets.find("net.py:make", "model.target")
    assert words in str(caught.value)
    assert not [name for name in sys.modules if str(folder).replace(os.sep, "_").strip("_") in name]


def test_a_call_is_blamed_on_the_deepest_line_of_the_users_own(folder: Path) -> None:
    write(
        folder / "net.py",
        "import json\n\n\ndef read(text):\n    return json.loads(text)\n\n\ndef make(text):\n    return read(text)\n",
    )
    make = targets.find("net.py:make", "model.target")
    assert targets.call(make, {"text": "3"}, "model", "net.py:make") == 3
    with pytest.raises(UserError, match=r"model.target: make\(\) fails in net.py:5: JSONDecodeError: Expecting value") as caught:
        targets.call(make, {"text": "?"}, "model", "net.py:make")
    assert caught.value.problems[0].value == "net.py:make"
    with pytest.raises(UserError, match=r"model.args: make\(text\) does not take these arguments.*did you mean 'text'"):
        targets.call(make, {"txt": "3"}, "model", "net.py:make")


def test_what_is_lent_is_found_until_the_block_ends(folder: Path) -> None:
    before = targets.note_place()
    with targets.lend({"given:model": 1}):
        first = targets.note_place()
        with targets.lend({"given:model": 2}):
            assert targets.find("given:model", "model.target") == 2
        assert targets.find("given:model", "model.target") == 1
        assert targets.note_place() == first != before  # what was prepared for one loan is not taken for another
    assert targets.note_place() == before
    with pytest.raises(UserError, match="there is no module given"):
        targets.find("given:model", "model.target")
    with targets.lend({"given:model": 1}):
        assert targets.note_place() != first
