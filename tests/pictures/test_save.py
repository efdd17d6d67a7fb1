import builtins
import dataclasses
import math
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from trainlab import plugins
from trainlab.errors import UserError
from trainlab.pictures import _save
from trainlab.pictures._save import check, draw_svg, save
from trainlab.report import Answer, Report

from .reports import ALL, make_gradients

STARTS = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
COMMANDS = plugins.list_names("trainlab.pictures")


def spoil(report, number):
    """The same report with every measured number replaced."""
    runs = tuple(
        dataclasses.replace(
            run,
            metrics=dict.fromkeys(run.metrics, number),
            layers=tuple({**layer, "grad_norm": number} for layer in run.layers),
            series={
                name: dataclasses.replace(series, values=np.full(len(series.at), math.nan if number is None else number))
                for name, series in run.series.items()
            },
        )
        for run in report.runs
    )
    return dataclasses.replace(report, runs=runs)


def test_every_picture_has_a_made_up_report():
    assert sorted(ALL) == COMMANDS


@pytest.mark.parametrize("suffix", STARTS)
@pytest.mark.parametrize("command", COMMANDS)
def test_the_same_report_gives_the_same_bytes(command, suffix, tmp_path):
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    save(ALL[command](), first)
    save(ALL[command](), second)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(STARTS[suffix])
    assert sorted(tmp_path.iterdir()) == [first, second], "no temporary file is left"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("number", [math.nan, math.inf, 0.0, -1.0, None])
@pytest.mark.parametrize("command", COMMANDS)
def test_any_number_can_be_drawn(command, number, tmp_path):
    save(spoil(ALL[command](), number), tmp_path / "picture.png")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_report_without_measurements_can_be_drawn(command, tmp_path):
    report = ALL[command]()
    save(
        dataclasses.replace(report, runs=tuple(dataclasses.replace(run, metrics={}, layers=(), series={}) for run in report.runs)),
        tmp_path / "a.svg",
    )
    save(Report(command=command, complete=False, environment={}, answer=Answer(text="")), tmp_path / "b.svg")


def test_the_title_is_the_answer(tmp_path):
    figure = plugins.load("trainlab.pictures", "gradients").draw(make_gradients())
    assert figure.get_suptitle().replace("\n", " ") == make_gradients().answer.text


def test_dollars_are_dollars(tmp_path):
    report = dataclasses.replace(make_gradients(), answer=Answer(text=r"costs $\undefined{$ more_{than"))
    save(report, tmp_path / "picture.png")


@pytest.mark.parametrize("evil", ["--><script>alert(1)</script>", "]]><script/>&lt;\"'", "</svg><img src=x onerror=alert(1)>"])
@pytest.mark.parametrize("command", ["check", "gradients", "watch"])
def test_names_stay_text(command, evil):
    report = ALL[command]()
    runs = (*report.runs[:1], *(dataclasses.replace(run, name=f"{evil}{run.name}") for run in report.runs[1:]))
    text = draw_svg(dataclasses.replace(report, runs=runs, answer=Answer(text=evil)))
    elements = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(text).iter()}
    assert not elements & {"script", "img"}
    assert "<script" not in text
    assert "<img" not in text


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    with pytest.raises(UserError) as caught:
        check("explain", tmp_path / "nowhere" / "picture.jpg")
    text = str(caught.value)
    assert ".png, .svg, .pdf" in text
    assert "no such folder" in text
    assert "explain has no picture. Choices: check, clip, compare, " in text


def test_without_matplotlib_it_says_how_to_install_it(tmp_path, monkeypatch):
    real = builtins.__import__

    def refuse(name, *arguments, **options):
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(_save.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'trainlab\[plot\]'"):
        check("gradients", tmp_path / "picture.png")
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UserError, match=r"pip install 'trainlab\[plot\]'"):
        plugins.load("trainlab.pictures", "gradients").draw(make_gradients())


def test_a_file_that_cannot_be_replaced_stays_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "picture.svg"
    path.write_text("before")
    monkeypatch.setattr(_save.os, "replace", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(UserError, match="Permission denied"):
        save(make_gradients(), path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_settings_of_the_user_come_back(tmp_path):
    import matplotlib

    matplotlib.rcParams["font.size"] = 3
    save(make_gradients(), tmp_path / "picture.png")
    assert matplotlib.rcParams["font.size"] == 3
    matplotlib.rcdefaults()


def test_checking_imports_nothing_large():
    code = (
        "import sys, pathlib, trainlab.pictures._save as pictures\n"
        "pictures.check('clip', pathlib.Path('a.png'))\n"
        "print({'torch', 'numpy', 'matplotlib'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
