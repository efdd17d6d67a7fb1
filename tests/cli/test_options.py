from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from trainlab.cli import conduct
from trainlab.cli.app import Command
from trainlab.cli.options import SHORT, Chosen, Shared, study
from trainlab.config import Config, list_keys
from trainlab.config.model import Scaled
from trainlab.errors import UserError


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Chosen, Shared]]:
    calls: list[tuple[str, Chosen, Shared]] = []

    def note(command: str, chosen: Chosen, shared: Shared) -> int:
        calls.append((command, chosen, shared))
        return 7

    monkeypatch.setattr(conduct, "conduct", note)
    return calls


@study
def try_out(
    steps: Annotated[str | None, typer.Option(help="Own.")] = None,
    lr: Annotated[list[str] | None, typer.Option(help="Hides the shared one.")] = None,
) -> Chosen:
    """What is it?"""
    return {"steps": steps, "lr": lr}


def carry_out(*arguments: str) -> Any:
    app = typer.Typer()
    app.command(cls=Command)(try_out)
    return typer.main.get_command(app)(args=list(arguments), standalone_mode=False)


def test_a_command_is_named_after_its_function_and_ends_with_the_code(seen: list[tuple[str, Chosen, Shared]]) -> None:
    assert carry_out() == 7
    ((command, chosen, _),) = seen
    assert command == "try-out"
    assert chosen == {"steps": None, "lr": None}


def test_everything_at_its_default(seen: list[tuple[str, Chosen, Shared]]) -> None:
    carry_out()
    shared = seen[0][2]
    assert shared == Shared(
        config=None, patches=(), set=(), vs=(), device="auto", seed=None, seeds=None, threads="1",
        processes="auto",
        executor=None, format=(), output=None, plot=None, tensorboard=None,
        full_series=False, select=(), ignore=(), fail_on=None, baseline=None, tolerance="2%", budget=None,
        dry_run=False, quiet=False, verbose=False,
    )  # fmt: skip


def test_every_option_at_once(seen: list[tuple[str, Chosen, Shared]]) -> None:
    options = (
        "own.yaml --steps 3 --lr 1,2 --act tanh --layers 3 --width 8,8 --init he_normal --norm batch --residual --optimizer adam "
        "--batch-size full --epochs 5 --weight-decay 0.1 --dropout 0.2 --set a=1 --set b=2 --vs c=3 --vs d=4 --device cpu --seed 4 "
        "--seeds 2 --threads 2 --processes 3 --executor a.b:c "
        "--format json --format table:t --output o --plot p.png --tensorboard d --full-series --select G --select L "
        "--ignore G001 --fail-on error --baseline b.json --tolerance 5% --budget 3x --dry-run --quiet --verbose"
    )
    carry_out(*options.split())
    _, chosen, shared = seen[0]
    assert chosen == {"steps": "3", "lr": ["1,2"]}
    assert shared.patches == (
        ("--act tanh", "model.activation", "tanh"),
        ("--layers 3", "model.layers", "3"),
        ("--width 8,8", "model.width", "[8,8]"),
        ("--init he_normal", "model.init.name", "he_normal"),
        ("--norm batch", "model.norm", "batch"),
        ("--residual", "model.residual", "true"),
        ("--optimizer adam", "optimizer.name", "adam"),
        ("--batch-size full", "train.batch_size", "full"),
        ("--epochs 5", "train.epochs", "5"),
        ("--weight-decay 0.1", "optimizer.weight_decay", "0.1"),
        ("--dropout 0.2", "model.dropout", "0.2"),
    )
    assert (shared.set, shared.vs, shared.select, shared.ignore) == (("a=1", "b=2"), ("c=3", "d=4"), ("G", "L"), ("G001",))
    assert (shared.format, shared.output, shared.plot) == (("json", "table:t"), Path("o"), Path("p.png"))
    assert (shared.seed, shared.seeds, shared.threads, shared.budget) == ("4", "2", "2", "3x")
    assert shared.tolerance == "5%"
    assert (shared.processes, shared.executor) == ("3", "a.b:c")
    assert shared.dry_run
    assert shared.quiet
    assert shared.verbose
    assert shared.full_series
    defaults = {field.name for field in dataclasses.fields(Shared) if getattr(shared, field.name) in (None, (), False)}
    assert defaults == set()


def test_a_flag_may_say_no(seen: list[tuple[str, Chosen, Shared]]) -> None:
    carry_out("--no-residual")
    assert seen[0][2].patches == (("--no-residual", "model.residual", "false"),)


def test_an_option_given_twice_is_refused(seen: list[tuple[str, Chosen, Shared]]) -> None:
    with pytest.raises(UserError) as caught:
        carry_out("--seed", "1", "--seed", "2", "--device", "cpu", "--device", "cuda", "--set", "a=1", "--set", "b=1", "-q", "-q")
    assert [str(problem) for problem in caught.value.problems] == ["--seed: is given twice", "--device: is given twice"]
    assert seen == []


def test_short_options_set_keys_that_exist() -> None:
    keys = {*list_keys(Config()), *(f"model.init.{field.name}" for field in dataclasses.fields(Scaled))}
    assert set(SHORT.values()) <= keys


def test_the_signature_is_what_typer_reads() -> None:
    names = list(inspect.signature(try_out).parameters)
    assert names[:3] == ["config", "steps", "lr"]
    assert names.count("lr") == 1
    assert try_out.__doc__ == "What is it?"


def test_the_environment_gives_defaults_and_an_option_overrides_them(
    seen: list[tuple[str, Chosen, Shared]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINLAB_DEVICE", "mps")
    monkeypatch.setenv("TRAINLAB_FORMAT", "plain json:report.json")
    monkeypatch.setenv("TRAINLAB_QUIET", "1")
    carry_out()
    carry_out("--device", "cpu", "--format", "table")
    assert [(each.device, each.format, each.quiet) for _, _, each in seen] == [
        ("mps", ("plain", "json:report.json"), True),
        ("cpu", ("table",), True),
    ]


@pytest.mark.parametrize("name", ["LR", "SEED", "EPOCHS", "SET", "VS", "OUTPUT"])
def test_the_environment_never_says_what_is_trained(
    name: str, seen: list[tuple[str, Chosen, Shared]], monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out()
    monkeypatch.setenv(f"TRAINLAB_{name}", "3")
    carry_out()
    assert seen[0] == seen[1]
