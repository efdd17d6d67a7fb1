"""The part of the zoo that the test suite trains: no alarm on healthy networks, faults found and named; `make zoo` trains all."""

from __future__ import annotations

import shlex
from collections import Counter

import pytest
import torch

from tests.cli.running import carry_out, report
from tests.readme import read_table
from tests.zoo import files
from tests.zoo.cases import PARTS, SEEDS, Case, find_architecture, find_part, list_cases, list_networks, make_config
from tests.zoo.score import alarms, count_faults, group, is_detected, is_named_first, measure, measure_repeatability
from tests.zoo.trial import Outcome, try_all
from trainlab.judging import list_rules
from trainlab.report import Finding

HEALTHY = (
    "mlp-digits-momentum",
    "mlp-digits-sgd",
    "mlp-linear-converged",
    "mlp-moons-converged",
    "mlp-wine-full-batch",
    "mlp-wine-sgd",
    "mlp-classification-clipped",
    "mlp-classification-decay",
    "mlp-digits-adam",
    "cnn-digits-elu",
    "mlp-cancer-adam",
    "mlp-cancer-sigmoid",
    "mlp-iris-tanh",
    "mlp-blobs-adagrad",
    "mlp-circles-converged",
    "resnet-digits-adamw",
    "rnn-digits-adam",
)


def tell(found: list[Outcome]) -> str:
    return "\n".join(f"seed {each.seed}: {[told.code for told in each.faults]}: {each.case.command}" for each in found)


def test_verdicts_can_be_believed(capsys: pytest.CaptureFixture[str]) -> None:
    """One test, so that one process trains it all."""
    files.write_all()
    torch.set_num_threads(1)
    outcomes = try_all([case for case in list_cases() if case.gate or (case.kind == "healthy" and case.network in HEALTHY)])
    healthy = [each for each in outcomes if each.case.kind == "healthy"]
    assert len(healthy) == len(SEEDS) * len(HEALTHY)
    alarmed = [each for each in healthy if alarms(each)]
    assert not alarmed, tell(alarmed)
    faulty = [each for members in count_faults(outcomes).values() for each in members]
    assert len(faulty) > 60
    missed = [each for each in faulty if not is_detected(each)]
    assert len(missed) <= 0.05 * len(faulty), tell(missed)
    unnamed = [each for each in faulty if not is_named_first(each)]
    assert len(unnamed) <= 0.1 * len(faulty), tell(unnamed)
    assert measure_repeatability([*healthy, *faulty]) >= 0.95
    check_command(next(each for each in faulty if each.case.network == "mlp-wine-sgd" and len(each.findings) > 1), capsys)


def check_command(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    """The zoo judges by what the user gets."""
    arguments = [*shlex.split(outcome.case.command)[1:], "--seed", str(outcome.seed), "--fail-on", "never"]
    if "data.path" not in outcome.case.patch and "path:" not in outcome.case.patch:
        document = report(capsys, *arguments)
        assert [each["code"] for each in document["findings"]] == [each.code for each in outcome.findings]
        assert document["answer"]["values"]["cause"] == outcome.verdict


class TestTheCases:
    def test_there_are_enough_healthy_networks(self) -> None:
        configs = [make_config(case, 0) for case in list_cases() if case.kind == "healthy"]
        assert len(configs) >= 40
        assert {config.model.kind for config in configs} >= {"mlp", "cnn", "resnet", "rnn", "lstm", "gru", "transformer"}
        assert {config.optimizer.name for config in configs} >= {"sgd", "adam", "adamw", "rmsprop", "adagrad", "nadam", "radam"}
        activations = {getattr(config.model, "activation", "") for config in configs}
        assert activations >= {"relu", "tanh", "sigmoid", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "softplus"}

    def test_no_kind_of_network_on_any_data_stands_in_both_parts(self) -> None:
        def pairs(part: str) -> set[tuple[str, bool, str]]:
            configs = [make_config(Case(network=name, part=part, kind="healthy"), 0) for name in list_networks(part)]
            return {(config.model.kind, getattr(config.model, "residual", False) is True, config.data.name) for config in configs}

        assert not pairs(PARTS[0]) & pairs(PARTS[1])

    def test_every_case_is_a_config(self) -> None:
        files.write_all()
        cases = list_cases()
        assert len({(case.kind, case.name) for case in cases}) == len(cases)
        for case in cases:
            assert make_config(case, 3).seed == 3

    def test_every_rule_has_faults_in_three_kinds_of_network_in_more_than_one_strength_and_near_misses(self) -> None:
        files.write_all()
        cases = list_cases()
        assert {code for case in cases for code in (*case.codes, *case.also)} <= set(list_rules())
        # Only a loop breaks some rules, and L005 needs the Hessian, which takes longer than the trainings here
        for code in (code for code, rule in list_rules().items() if getattr(rule, "scope", "run") == "run"):
            faults = [case for case in cases if case.kind == "fault" and case.codes[0] == code]
            assert {case.part for case in faults} == set(PARTS), code
            assert len({find_architecture(make_config(case, 0)) for case in faults}) >= 3, code
            strengths = Counter((case.network, case.what) for case in faults)
            assert max(strengths.values()) > 1 or all(case.is_fact for case in faults), code
            assert any(code in case.codes for case in cases if case.kind == "near-miss"), code


def make_outcome(kind: str, *codes: str, expected: tuple[str, ...] = (), seed: int = 0, **fields: object) -> Outcome:
    case = Case(network="n", part="tuning", kind=kind, what=str(fields.pop("what", kind)), codes=expected, is_fact=True)
    findings = tuple(
        Finding(code=code.rstrip("i"), name=code, severity="info" if code.endswith("i") else "warning", message="m")
        for code in codes
    )
    values = {"score": 0.9, "loss": 0.1, "first_loss": 1.0} | fields
    return Outcome(case=case, seed=seed, findings=findings, skipped=(), **values)  # type: ignore[arg-type]


class TestTheScore:
    def test_detected_and_named_first(self) -> None:
        assert is_detected(make_outcome("fault", "F002", "L001", expected=("L001",)))
        assert not is_named_first(make_outcome("fault", "F002", "L001", expected=("L001",)))
        assert is_named_first(make_outcome("fault", "L001", "F002", expected=("L001",)))
        assert not is_named_first(make_outcome("fault", expected=("L001",)))
        assert is_named_first(make_outcome("fault", "C005i", expected=("C005",)))
        assert not is_named_first(make_outcome("fault", "C005i", "F002", expected=("C005",)))

    def test_alarms(self) -> None:
        assert alarms(make_outcome("healthy", "F002", "C005i")) == ["F002"]
        assert alarms(make_outcome("near-miss", "F001", expected=("L001",))) == []
        assert alarms(make_outcome("near-miss", "L001", expected=("L001",))) == ["L001"]

    @pytest.mark.parametrize(
        ("score", "loss", "counts"), [(0.87, 0.1, True), (0.89, 0.1, False), (0.9, 0.15, True), (0.9, 0.14, False)]
    )
    def test_a_fault_of_degree_counts_where_it_costs_something(self, score: float, loss: float, *, counts: bool) -> None:
        from dataclasses import replace

        fault = make_outcome("fault", "F002", expected=("F002",), score=score, loss=loss)
        fault = replace(fault, case=replace(fault.case, is_fact=False))
        assert bool(count_faults([make_outcome("healthy"), fault])) == counts

    def test_the_bars(self) -> None:
        def read(*given: Outcome) -> dict[str, float]:
            return {bar.name: bar.value for bar in measure(given)}

        seeds = [make_outcome("healthy", *codes, seed=seed) for seed, codes in enumerate(((), (), ("F002",)))]
        bars = read(*seeds)
        assert bars["healthy runs with a warning"] == pytest.approx(1 / 3)
        assert bars["verdict that of most seeds"] == pytest.approx(2 / 3)
        assert bars["same verdict in other units"] == 0  # none was tried
        rescaled = [make_outcome("rescaled", seed=seed) for seed in range(3)]
        assert read(*seeds, *rescaled)["same verdict in other units"] == pytest.approx(2 / 3)
        assert len(group([*seeds, *rescaled])) == 2


def test_the_parts_are_where_they_are_said_to_be() -> None:
    assert {find_part(name) for part in PARTS for name in list_networks(part)} == set(PARTS)


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of the zoo name its files from the top of the project."""
    monkeypatch.chdir(files.FOLDER.parents[2])


def test_a_network_of_the_zoo_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(capsys, "check", "tests/zoo/tuning/mlp-wine-sgd.yaml").answer.startswith("Healthy")


def test_readme_shows_every_goal() -> None:
    shown = read_table("zoo")
    for bar in measure([make_outcome("healthy")]):
        assert f"| {bar.name} | {bar.goal} |" in shown
