"""Several processes that train together: one report on all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.watch.running import SCRIPTS, apart, find, run_watched
from trainlab import watch
from trainlab.watch._ranks import Place, find_place
from trainlab.watch._seen import Seen, look_back
from trainlab.watch._wire import pack, unpack

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
LAUNCHED = {
    "TORCHELASTIC_USE_AGENT_STORE": "True",
    "RANK": "1",
    "WORLD_SIZE": "4",
    "MASTER_ADDR": "here",
    "MASTER_PORT": "29500",
    "TORCHELASTIC_RESTART_COUNT": "2",
}


def start(folder: Path, *command: str, script: str = "train") -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join((str(SCRIPTS), str(Path(watch.__file__).parents[2])))
    line = [*TORCHRUN, *command, str(SCRIPTS / "ranks" / f"{script}.py")]
    return subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_under_torchrun_the_same_bits_and_one_report_of_all_ranks(tmp_path: Path) -> None:
    plain = start(tmp_path)
    options = ("--max-overhead", "900%", "--format", "table", "--format", "json:r.json", "--fail-on", "error")
    watched = start(tmp_path, "-m", "trainlab", "watch", *options)
    out, _ = plain.communicate(timeout=300)
    seen, told = watched.communicate(timeout=300)
    assert (plain.returncode, watched.returncode) == (0, 0), told
    assert seen == out
    assert sorted(line[0] for line in out.splitlines()) == ["0", "1"]
    assert told.count("updates of Sequential on 2 ranks watched") == 1
    report = json.loads((tmp_path / "r.json").read_text())
    assert [each["name"] for each in report["runs"]] == ["base", "rank 1"]
    assert (report["complete"], report["environment"]["ranks"]) == (True, 2)
    assert [each["metrics"]["updates"] for each in report["runs"]] == [16, 16]
    codes = {each["code"] for each in (*report["findings"], *report["skipped"])}
    assert codes.isdisjoint({"P004", "P005", "P006"}), "judged, and sound"
    first, second = (each["series"]["loss"]["values"] for each in report["runs"])
    assert first != second, "each rank has its own losses"


def test_a_model_that_the_ranks_share_out_is_judged_as_the_whole(tmp_path: Path) -> None:
    plain = start(tmp_path, script="sharded")
    options = ("--max-overhead", "900%", "--format", "json:r.json", "--fail-on", "warning")
    watched = start(tmp_path, "-m", "trainlab", "watch", *options, script="sharded")
    out, _ = plain.communicate(timeout=300)
    seen, told = watched.communicate(timeout=300)
    assert (plain.returncode, watched.returncode, told) == (0, 0, "")
    assert sorted(seen.splitlines()) == sorted(out.splitlines())
    report = json.loads((tmp_path / "r.json").read_text())
    whole = [float(each) for each in out.split()[1:7]]
    for run in report["runs"]:
        assert [layer["grad_norm"] for layer in run["layers"]] == pytest.approx(whole, rel=1e-5)
        assert run["layers"][0]["shape"] == [16, 8]
    skipped = {each["code"]: each["reason"] for each in report["skipped"]}
    assert "holds a part of the model" in skipped["P005"]
    assert {"G001", "G002", "G005", "G008", "M006"}.isdisjoint(skipped)


@pytest.fixture
def server() -> Any:
    from torch.distributed import TCPStore

    return TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)


def make_place(server: Any, rank: int, size: int = 2, attempt: str = "0") -> Place:
    return Place(rank=rank, size=size, host="127.0.0.1", port=server.port, attempt=attempt)


class TestEndingTogether:
    def run(self, server: Any, rank: int, name: str, *arguments: str, **options: Any) -> watch.Ended:
        settings = watch.Options(max_overhead=1e9, stop_on="error", **options)
        with apart():
            ended = watch.run(find(name, *arguments), settings, place=make_place(server, rank))
        assert ended.observer.guard.trouble == ""
        return ended

    def test_all_ranks_end_after_the_update_that_the_first_to_find_an_error_says(self, server: Any) -> None:
        doomed = self.run(server, 1, "log_of_zero", every=1)
        (record,) = doomed.observer.records
        assert record.nonfinite is not None
        assert (record.nonfinite.update, record.steps, doomed.complete) == (5, 7, False), "found in 5, two looks later"
        healthy = self.run(server, 0, "plain_loop", every=1)
        assert healthy.observer.records[0].steps == 7
        assert healthy.why == doomed.why == "--stop-on error (rank 1)"

    def test_nobody_wants_to(self, server: Any) -> None:
        ended = self.run(server, 0, "plain_loop", every=2)
        assert (ended.complete, ended.why, ended.observer.records[0].steps) == (True, "", 16)
        early = self.run(server, 0, "plain_loop", every=2, max_steps=5)
        assert (early.why, early.observer.records[0].steps) == ("--max-steps 5", 5)


def see(rank: int, *arguments: str, script: str = "plain_loop") -> Seen:
    return unpack(pack(look_back(run_watched(script, *arguments)[1], rank)))


class TestOneReport:
    def test_what_all_ranks_have_in_common_is_told_once(self) -> None:
        _, ended = run_watched("log_of_zero")
        alone = watch.judge(ended, watch.Options())
        report = watch.judge(ended, watch.Options(), [see(1, script="log_of_zero"), see(2, script="log_of_zero")])
        several = {"P006"}  # their losses are not finite
        assert [each.code for each in report.findings] == [each.code for each in alone.findings]
        assert {each.run for each in report.findings} == {"base"}
        assert {(each.code, each.reason) for each in report.skipped if each.code not in several} == {
            (each.code, each.reason) for each in alone.skipped
        }
        assert len(report.runs) == 3

    def test_what_one_rank_has_is_told_of_that_one(self) -> None:
        _, ended = run_watched("plain_loop")
        report = watch.judge(ended, watch.Options(), [see(1, script="log_of_zero")])
        assert "rank 1" in {each.run for each in report.findings if each.code == "G006"}
        assert {each.run for each in report.findings if each.severity == "error"} == {"rank 1"}

    def test_ranks_that_read_the_same_batches(self) -> None:
        _, ended = run_watched("plain_loop")
        report = watch.judge(ended, watch.Options(), [see(1)])
        (found,) = [each for each in report.findings if each.code.startswith("P")]
        assert found.code == "P006"
        table = next(each for each in report.tables if each.name == "ranks")
        assert [row[:2] for row in table.rows] == [("0", 16), ("1", 16)]
        assert table.rows[0][2:] == table.rows[1][2:]
        assert table.rows[0][-1] == "well"

    def test_ranks_without_updates_or_word(self) -> None:
        _, ended = run_watched("plain_loop")
        report = watch.judge(ended, watch.Options(), [see(1, script="no_torch"), None])
        (found,) = [each for each in report.findings if each.code.startswith("P")]
        assert (found.code, found.run) == ("P004", "rank 1")
        assert not report.complete
        assert "rank 2 sent nothing: killed, or still at work" in report.notes
        table = next(each for each in report.tables if each.name == "ranks")
        assert [row[-1] for row in table.rows] == ["well", "well", "not heard of"]

    def test_how_another_rank_ended(self) -> None:
        _, ended = run_watched("plain_loop")
        _, early = run_watched("plain_loop", max_steps=7)
        report = watch.judge(ended, watch.Options(), [unpack(pack(look_back(early, 1)))])
        assert "rank 1 ended by --max-steps 7" in report.notes
        assert not report.complete


@pytest.mark.parametrize("script", ["plain_loop", "log_of_zero", "scaled", "two_players", "spoilt"])
def test_what_is_sent_is_what_was_seen(script: str) -> None:
    _, ended = run_watched(script)
    sent = look_back(ended, 0)
    received = unpack(pack(sent))
    options = watch.choose(watch.Options())
    from trainlab.watch._report import make_report

    one, other = (make_report([each], *options, watch.Options()) for each in (sent, received))
    assert repr(one.findings) == repr(other.findings)
    assert one.skipped == other.skipped
    assert [each.config for each in one.runs] == [each.config for each in other.runs]
    assert [trace.series.keys() for trace in sent.traces] == [trace.series.keys() for trace in received.traces]


def test_what_is_no_message_of_ours() -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        unpack(b"something else")


class TestPlace:
    def test_is_told_by_torchrun(self) -> None:
        assert find_place(LAUNCHED) == Place(rank=1, size=4, host="here", port=29500, attempt="2")
        assert find_place({}) is None
        assert find_place(LAUNCHED | {"WORLD_SIZE": "1"}) is None
        assert find_place(LAUNCHED | {"TORCHELASTIC_USE_AGENT_STORE": "False"}) is None

    def test_what_was_sent_arrives_and_what_was_not_is_not_waited_for_forever(
        self, server: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        places = [make_place(server, rank, size=3) for rank in range(3)]
        later = threading.Timer(0.3, places[2].send, [b"two"])
        later.start()
        places[1].send(b"one")
        assert places[0].gather(lambda: False) == {1: b"one", 2: b"two"}
        later.join()
        monkeypatch.setattr("trainlab.watch._ranks.HURRY_SECONDS", 0.0)
        assert make_place(server, 0, attempt="1").gather(lambda: True) == {}, "another attempt's messages are not these"
