from __future__ import annotations

import contextlib
import io
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainlab.cli import streams
from trainlab.cli.streams import Destination, can_unicode, check_places, check_writable, find_width, parse_destinations, wants_color
from trainlab.errors import UserError


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def refuse(function: object, *arguments: object) -> str:
    with pytest.raises(UserError) as caught:
        function(*arguments)  # type: ignore[operator]
    (problem,) = caught.value.problems
    return str(problem)


class TestDestinations:
    @pytest.fixture(autouse=True)
    def here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

    @pytest.mark.parametrize(
        ("formats", "output", "places"),
        [
            ([], None, [("table", None)]),
            ([], Path("a"), [("table", Path("a"))]),
            (["json"], Path("a"), [("json", Path("a"))]),
            (["json:b"], None, [("json", Path("b"))]),
            (["json", "table:b"], Path("a"), [("json", Path("a")), ("table", Path("b"))]),
            (["table", "json:C:b"], None, [("table", None), ("json", Path("C:b"))]),
        ],
    )
    def test_places(self, formats: list[str], output: Path | None, places: list[tuple[str, Path | None]]) -> None:
        assert parse_destinations(formats, output) == [Destination(format=name, path=path) for name, path in places]

    def test_unknown_formats_are_refused_with_their_nearest(self) -> None:
        assert "did you mean 'json'?" in refuse(parse_destinations, ["jsn"], None)

    def test_an_output_that_would_go_nowhere_is_refused(self) -> None:
        assert "the first format has a file already" in refuse(parse_destinations, ["json:a"], Path("b"))

    @pytest.mark.parametrize(
        "places", [[None, None], [Path("a"), Path("a")], [Path("a"), Path("./a")], [Path("a"), None, Path("a")]]
    )
    def test_two_documents_for_one_place(self, places: list[Path | None]) -> None:
        assert refuse(check_places, places).startswith("two documents for ")

    def test_a_link_is_the_place_it_leads_to(self) -> None:
        Path("link").symlink_to("a")
        assert "two documents" in refuse(check_places, [Path("link"), Path("a")])

    def test_places_that_differ(self) -> None:
        check_places([None, Path("a"), Path("b")])


class TestWritable:
    def test_what_can_be_written(self, tmp_path: Path) -> None:
        check_writable(tmp_path / "new", "--output")
        (tmp_path / "old").write_text("x")
        check_writable(tmp_path / "old", "--output")
        check_writable(Path(os.devnull), "--output")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["old"]

    def test_what_cannot(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert refuse(check_writable, tmp_path, "--output") == f"--output: is a folder, not a file (got {tmp_path})"
        assert "the folder does not exist" in refuse(check_writable, tmp_path / "no" / "file", "--output")
        (tmp_path / "file").write_text("x")
        assert "the folder does not exist" in refuse(check_writable, tmp_path / "file" / "file", "--output")
        monkeypatch.setattr(os, "access", lambda *_: False)
        assert "cannot be written: permission denied" in refuse(check_writable, tmp_path / "file", "--output")

    def test_a_folder_that_takes_no_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(**_: object) -> None:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(streams.tempfile, "TemporaryFile", fail)
        assert "cannot be written: read-only file system" in refuse(check_writable, tmp_path / "new", "--plot")


class TestWrite:
    def test_a_new_file_is_readable_as_the_user_has_it(self, tmp_path: Path) -> None:
        old = os.umask(0o027)
        try:
            streams.write("text\n", tmp_path / "new")
        finally:
            os.umask(old)
        assert (tmp_path / "new").read_text() == "text\n"
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640

    def test_an_old_file_keeps_its_mode(self, tmp_path: Path) -> None:
        path = tmp_path / "old"
        path.write_text("x")
        path.chmod(0o600)
        streams.write("größer", path)
        assert path.read_text(encoding="utf-8") == "größer"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_link_stays_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        (tmp_path / "link").symlink_to("file")
        streams.write("new", tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "file").read_text() == "new"

    def test_a_device_is_written_to_never_replaced(self) -> None:
        streams.write("text", Path(os.devnull))
        assert stat.S_ISCHR(os.stat(os.devnull).st_mode)

    def test_a_pipe_is_written_to(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        got: list[str] = []
        reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
        reader.start()
        streams.write("text", pipe)
        reader.join(5)
        assert got == ["text"]

    def test_whole_or_not_at_all(self, tmp_path: Path) -> None:
        path = tmp_path / "old"
        path.write_text("as it was")

        def fill() -> Iterator[str]:
            yield "new"
            raise OSError(28, "No space left on device")

        assert refuse(streams.write, fill(), path) == f"cannot be written: no space left on device (got {path})"
        assert path.read_text() == "as it was"
        assert [each.name for each in tmp_path.iterdir()] == ["old"]

    def test_nothing_is_left_when_the_program_is_stopped_while_writing(self, tmp_path: Path) -> None:
        with contextlib.suppress(KeyboardInterrupt), streams.replace_file(tmp_path / "new") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt
        assert list(tmp_path.iterdir()) == []

    def test_in_pieces(self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(streams, "SPOOLED", 64)
        pieces = [f"{number} größer\n" for number in range(100)]
        for path in (None, tmp_path / "new"):
            streams.write(iter(pieces), path)
        assert capsys.readouterr().out == (tmp_path / "new").read_text(encoding="utf-8") == "".join(pieces)

    def test_nothing_is_shown_of_what_cannot_be_finished(self, capsys: pytest.CaptureFixture[str]) -> None:
        def fill() -> Iterator[str]:
            yield "half" * 10
            raise ValueError("a bug")

        with pytest.raises(ValueError, match="a bug"):
            streams.write(fill(), None)
        assert capsys.readouterr().out == ""

    def test_stdout(self, capsys: pytest.CaptureFixture[str]) -> None:
        streams.write("text\n", None)
        assert capsys.readouterr().out == "text\n"

    def test_a_reader_that_has_gone_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        monkeypatch.setattr("sys.stdout", os.fdopen(writing, "w"))
        streams.write("text\n", None)
        streams.write("more\n", None)  # and does not complain later either

    def test_a_full_disk_behind_stdout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if not os.path.exists("/dev/full"):
            pytest.skip("no /dev/full here")
        with open("/dev/full", "w", encoding="utf-8") as full:
            monkeypatch.setattr("sys.stdout", full)
            assert refuse(streams.write, "text", None) == "cannot be written: no space left on device (got stdout)"


@pytest.mark.parametrize(
    ("stream", "variables", "color"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (Terminal(), {"FORCE_COLOR": "0"}, False),
        (Terminal(), {"FORCE_COLOR": ""}, True),
        (io.StringIO(), {}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (io.StringIO(), {"FORCE_COLOR": "0"}, False),
    ],
)
def test_color(stream: io.StringIO, variables: dict[str, str], color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wants_color(stream) is color


def test_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "43")
    assert find_width(Terminal()) == 43
    assert find_width(io.StringIO()) is None


@pytest.mark.parametrize(
    ("encoding", "can"), [("utf-8", True), ("ascii", False), ("latin-1", False), (None, False), ("no-such", False)]
)
def test_unicode(encoding: str | None, can: bool) -> None:
    stream = Terminal()
    stream.encoding = encoding  # type: ignore[assignment]
    assert can_unicode(stream) is can
