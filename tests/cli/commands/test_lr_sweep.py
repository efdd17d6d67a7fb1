"""Three rates on a straight line, and what a sweep says of other rates, arms and data."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.running import carry_out, find_table, report
from trainlab.cli.app import run


def list_rates(document: dict[str, Any], arm: str | None = None) -> dict[float, dict[str, Any]]:
    rows = find_table(document, "rates")
    return {row["learning rate"]: row for row in rows if arm is None or row["run"] == arm}


def test_the_three_rates_of_the_source(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "lr-sweep")
    rates = list_rates(document)
    assert {lr: row["settles at epoch"] for lr, row in rates.items()} == {0.001: 207, 0.01: 22, 0.1: None}
    assert {lr: row["verdict"] for lr, row in rates.items()} == {0.001: "too low", 0.01: "good", 0.1: "too high"}
    assert document["runs"][0]["series"]["loss"]["values"][0] == pytest.approx(9.520971, rel=1e-5)
    assert rates[0.001]["final loss"] == pytest.approx(1.005422, abs=2e-5)
    assert rates[0.01]["final loss"] == pytest.approx(1.005421, abs=2e-5)
    assert rates[0.1]["final swing"] == "1.5584 .. 2.1714"
    values = document["answer"]["values"]
    assert values["recommended"] == 0.01
    assert values["good"] == [0.01, 0.01]
    assert document["answer"]["text"] == (
        "Use a learning rate of 0.01: it settles at epoch 22 of 500; 0.001 takes until 207, "
        "0.1 never settles (1.558 to 2.171 at the end). But no rate gets the loss below 1.0054, "
        "and a straight line reaches 0.006632: the network underfits."
    )
    assert [each["code"] for each in document["findings"]] == ["F002"]


def test_the_table_shows_whole_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    out = carry_out(capsys, "lr-sweep").out
    assert " 207 " in out
    assert "207.0" not in out


def test_the_base_is_the_config_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    first = report(capsys, "lr-sweep", "--set", "optimizer.lr=0.5")["runs"][0]
    assert (first["name"], first["patch"], first["config"]["optimizer"]["lr"]) == ("base", {}, 0.5)


def test_says_how_the_configs_own_rate_does(capsys: pytest.CaptureFixture[str]) -> None:
    answer = carry_out(capsys, "lr-sweep", "--set", "optimizer.lr=0.5").answer
    assert "Use a learning rate of 0.01" in answer
    assert "The config's own rate: 0.5 collapsed." in answer


def test_exactly_the_rates_given(capsys: pytest.CaptureFixture[str]) -> None:
    together = report(capsys, "lr-sweep", "--lr", "0.02,0.03")
    repeated = report(capsys, "lr-sweep", "--lr", "0.03", "--lr", "0.02")
    assert list(list_rates(together)) == list(list_rates(repeated)) == [0.02, 0.03]
    assert together["runs"][0]["config"]["optimizer"]["lr"] == 0.02


@pytest.mark.parametrize(
    ("rates", "answer"),
    [
        ("0.5,1,2", "None of the rates tried is good: 0.5, 1, 2 collapsed; try lower ones."),
        ("0.1", "None of the rates tried is good: 0.1 is too high; try lower ones."),
        ("1e-7,1e-6", "None of the rates tried is good: 1e-07, 1e-06 are too low; try higher ones."),
        ("0.01", "Use a learning rate of 0.01: it settles at epoch 22 of 500."),
        ("0.01,0.02", "Use a learning rate of 0.02: it settles at epoch 11 of 500; 0.01 to 0.02 are good."),
        ("1e3", "None of the rates tried is good: 1000 "),
    ],
)
def test_the_answer_to_other_rates(capsys: pytest.CaptureFixture[str], rates: str, answer: str) -> None:
    assert carry_out(capsys, "lr-sweep", "--lr", rates).answer.startswith(answer)


def test_a_best_rate_at_the_edge_is_said_to_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "It is the highest rate tried: try higher ones too." in carry_out(capsys, "lr-sweep", "--lr", "0.001,0.02").answer


def test_every_arm_has_its_own_rates_and_its_own_best(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "lr-sweep", "--lr", "0.001,0.01,0.1,1", "--vs", "optimizer.name=adam")
    base, adam = list_rates(document, "base"), list_rates(document, "optimizer.name=adam")
    assert list(base) == list(adam)
    assert len(adam) == 4
    assert base[1e-3]["final loss"] != adam[1e-3]["final loss"]
    values = document["answer"]["values"]
    best = values["arms"]["optimizer.name=adam"]["recommended"]
    assert best > values["recommended"]  # Adam's steps are the rate itself: here it takes a higher one
    assert adam[best]["verdict"] in ("best", "good")
    assert f"With optimizer.name=adam: {best:g}" in document["answer"]["text"]
    runs = {run["name"]: run["patch"] for run in document["runs"]}
    assert runs["optimizer.name=adam,optimizer.lr=0.1"] == {"optimizer.name": "adam", "optimizer.lr": 0.1}


def test_a_change_of_the_rate_alone_is_a_rate(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(list_rates(report(capsys, "lr-sweep", "--vs", "optimizer.lr=0.02"))) == [0.01, 0.02]


def test_without_any_rates_the_band_is_found_and_verified(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "lr-sweep", "overfit", "--set", "vs=[]", "--epochs", "20", "--lr", "0.1,0.01,0.001")
    assert document["answer"]["values"]["recommended"] == 0.1
    document = report(capsys, "lr-sweep", "overfit", "--set", "vs=[]", "--epochs", "20")
    values = document["answer"]["values"]
    band = {name: values["band"][name]["rate"] for name in ("lowest_useful", "highest_stable", "first_unstable")}
    assert 1e-4 < band["lowest_useful"] < values["recommended"] < band["highest_stable"] < band["first_unstable"]
    assert values["recommended"] == pytest.approx(0.1, rel=1)
    assert {run["seed"] for run in document["runs"]} == set(range(8))  # three of the search, five of the verification
    assert [(each["times"], each["of"]) for each in values["verification"]] == [(pytest.approx(1 / 3), 5), (1, 5), (3, 5), (10, 5)]
    assert values["verification"][1]["survived"] == 5


def test_the_grid_goes_on_where_the_best_lies_on_its_edge(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "lr-sweep", "--from", "1e-5", "--to", "1e-4", "--points", "4", "--epochs", "100", "--seeds", "1")
    rates = list_rates(document)
    assert max(rates) > 0.1
    assert 0.01 <= document["answer"]["values"]["recommended"] <= 0.1
    assert {run["seed"] for run in document["runs"]} == {0, 1, 2, 3, 4, 5}


def test_parameter_groups_keep_their_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    groups = '[{match: "model.0.*", lr_scale: 0.01}]'
    options = ("--set", "vs=[]", "--set", f"optimizer.groups={groups}", "--epochs", "60", "--seeds", "1", "--points", "8")
    document = report(capsys, "lr-sweep", *options)
    values = document["answer"]["values"]
    assert all(run["config"]["optimizer"]["groups"] == [{"match": "model.0.*", "lr_scale": 0.01}] for run in document["runs"])
    assert f"Groups keep their ratios: model.0.* at {values['recommended'] * 0.01:.3g}." in document["answer"]["text"]
    alone = report(capsys, "lr-sweep", *options[:2], *options[4:])["answer"]["values"]
    assert values["band"]["first_unstable"]["rate"] > alone["band"]["first_unstable"]["rate"]  # the slow layer damps it


def test_a_group_of_all_parameters_moves_the_whole_band(capsys: pytest.CaptureFixture[str]) -> None:
    """At a tenth of the rate for every parameter each edge lies at ten times the rate, to the last digit."""
    options = ("--set", "vs=[]", "--epochs", "60", "--seeds", "2", "--points", "8")
    plain = report(capsys, "lr-sweep", *options, "--from", "1e-3", "--to", "1")["answer"]["values"]
    scaled = ("--set", 'optimizer.groups=[{match: "*", lr_scale: 0.1}]', "--set", "optimizer.lr=0.1")
    moved = report(capsys, "lr-sweep", *options, *scaled, "--from", "1e-2", "--to", "10")["answer"]["values"]
    for name, edge in plain["band"].items():
        assert {key: rate / 10 for key, rate in moved["band"][name].items()} == pytest.approx(edge), name
    assert moved["recommended"] / 10 == pytest.approx(plain["recommended"])


@pytest.mark.parametrize(
    ("options", "inside"), [("clip --set clip=none --epochs 100", True), ("lr-sweep", False), ("clip-outliers", False)]
)
def test_whether_adams_default_lies_in_the_band(capsys: pytest.CaptureFixture[str], options: str, inside: bool) -> None:
    """As the page on Adam says: 0.001 is a good first guess and no more."""
    grid = "--set vs=[] --optimizer adam --from 1e-5 --to 1 --points 11 --seeds 1 --quiet"
    band = report(capsys, "lr-sweep", *options.split(), *grid.split())["answer"]["values"]["band"]
    unstable = band["first_unstable"]
    assert unstable is None or unstable["rate"] is None or unstable["rate"] > 0.01
    assert (band["lowest_useful"]["rate"] <= 0.001) == inside


def test_a_rate_that_is_right_early_and_too_high_late(capsys: pytest.CaptureFixture[str]) -> None:
    """A straight line in so much noise that single samples throw it about: the quickest rate hovers above the lowest loss."""
    line = "model.layers=1,model.output=none,model.init=auto,model.bias=true,data.noise=2,vs=[]"
    options = "--batch-size 1 --epochs 10 --seeds 1 --from 1e-4 --to 1 --points 9 --quiet"
    document = report(capsys, "lr-sweep", "--set", line, *options.split())
    values, text = document["answer"]["values"], document["answer"]["text"]
    assert "is ahead of it early and too high late: lowered along a cosine it ends at" in text
    (lowered,) = [run for run in document["runs"] if run["patch"].get("schedule.name") == "cosine"]
    early = lowered["patch"]["optimizer.lr"]
    assert early > values["recommended"]
    steady = [run for run in document["runs"] if run["seed"] == 0 and run is not lowered]
    losses = {run["config"]["optimizer"]["lr"]: run["series"]["loss"]["values"] for run in steady}
    ahead, used = losses[early], losses[values["recommended"]]
    assert ahead[1] < used[1]
    assert max(lowered["series"]["loss"]["values"][-1], used[-1]) < ahead[-1]


@pytest.mark.parametrize(
    ("options", "kind", "verdict"),
    [
        # A linear model of features up to 1,700, by Adam: each step undoes the last, far above the loss of a constant.
        (
            "--set data.name=wine --set model.layers=1 --lr 3 --epochs 200 --batch-size 200 --set data.samples=100",
            "swinging",
            "too high",
        ),
        # Ten sigmoid layers: no gradient reaches the input, and the loss stands at that of a constant.
        ("--act sigmoid --layers 10 --optimizer sgd --lr 0.01 --epochs 20 --set data.samples=300", "critical-point", "good"),
    ],
)
def test_a_loss_that_stands_still_with_a_gradient_that_swings_and_without_one(
    capsys: pytest.CaptureFixture[str], options: str, kind: str, verdict: str
) -> None:
    document = report(capsys, "lr-sweep", "check", *options.split(), "--quiet")
    (stalled,) = [each for each in document["findings"] if each["code"] == "L004"]
    assert (stalled["severity"], stalled["evidence"]["kind"]) == ("error", kind)
    (row,) = list_rates(document).values()
    assert row["verdict"] == verdict


def test_a_budget_ends_the_search(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "lr-sweep", "overfit", "--set", "vs=[]", "--epochs", "5", "--budget", "60x", "--points", "12")
    assert len(document["runs"]) == 60
    assert any("beyond the budget" in each["reason"] for each in document["skipped"])


def test_a_range_test_is_one_short_run(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(capsys, "lr-sweep", "--range-test", "--vs", "optimizer.name=adam")
    values = document["answer"]["values"]
    assert 0.002 < values["recommended"] < 0.1
    assert 0.002 < values["arms"]["optimizer.name=adam"]["recommended"] < 1
    assert [(run["name"], run["seed"], run["metrics"]["updates"] <= 200) for run in document["runs"]] == [
        (name, seed, True) for name in ("base", "optimizer.name=adam") for seed in (0, 1, 2)
    ]
    assert not document["findings"]
    assert document["summary"]["exit_code"] == 0


@pytest.mark.parametrize(
    "options",
    [
        ["--lr", "0.1", "--from", "0.01"],
        ["--lr", "0.1", "--range-test"],
        ["--from", "1", "--to", "0.1"],
        ["--from", "0"],
        ["--points", "1"],
    ],
)
def test_options_that_contradict_each_other(options: list[str]) -> None:
    assert run(["lr-sweep", *options]) == 2


def test_mini_batches_momentum_and_many_classes(capsys: pytest.CaptureFixture[str]) -> None:
    options = (
        "--set vs=[] --set data.name=digits --set loss=cross_entropy --set model.output=none --optimizer sgd "
        "--set optimizer.momentum=0.9 --set data.samples=600 --batch-size 32 --epochs 8 --quiet"
    )
    document = report(capsys, "lr-sweep", "overfit", *options.split())
    rates = list_rates(document)
    recommended = document["answer"]["values"]["recommended"]
    assert 1e-4 <= recommended <= 0.1
    best = min(row["final loss"] for row in rates.values() if row["final loss"] is not None)
    first = max(run["series"]["loss"]["values"][0] for run in document["runs"])
    assert rates[recommended]["final loss"] - best <= 0.02 * (first - best)


def test_a_loss_that_no_rate_moves_is_not_the_rates_fault(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "lr-sweep", "gradients", "--lr", "0.001,0.1,10")
    assert outcome.answer.endswith("the loss stays at 0.659 whatever the rate, so the fault is elsewhere.")


def test_a_rate_that_fails_in_one_seed_is_not_recommended(capsys: pytest.CaptureFixture[str]) -> None:
    document = report(
        capsys, "lr-sweep", "clip", "--set", "clip=none", "--lr", "0.0003,0.003", "--seeds", "2", "--epochs", "20", "-q"
    )
    assert document["answer"]["values"]["recommended"] == 0.0003
    assert list_rates(document)[0.003]["verdict"] == "diverged"
