"""Weights from a file, and weights written down."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.engine.runs import prepare, see_weights, train
from trainlab import targets
from trainlab.errors import UserError

BASE: dict[str, Any] = {"model": {"layers": 2, "width": 3}, "data": "iris", "loss": "cross_entropy"}
NAMES = ("model.0.weight", "model.0.bias", "model.2.weight", "model.2.bias")


def save(path: Path, held: Any) -> dict[str, Any]:
    torch.save(held, path)
    return {**BASE, "weights": str(path)}


def make_state() -> dict[str, torch.Tensor]:
    shapes = ((3, 4), (3,), (3, 3), (3,))
    return {name: torch.arange(torch.Size(shape).numel()).view(shape).float() for name, shape in zip(NAMES, shapes, strict=True)}


def refuse(values: dict[str, Any]) -> str:
    with pytest.raises(UserError) as caught:
        prepare(values)
    assert all(problem.key == "weights" for problem in caught.value.problems)
    return str(caught.value)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state, "optimizer": {"lr": 0.1}},
        lambda state: {f"module.{name}": each for name, each in state.items()},
        lambda state: {f"_orig_mod.module.{name}": each for name, each in state.items()},
        lambda state: {name.removeprefix("model."): each for name, each in state.items()},  # of a plain nn.Sequential
    ],
)
def test_a_file_is_what_the_run_starts_from(wrap: Any, tmp_path: Path) -> None:
    work = prepare(save(tmp_path / "net.pt", wrap(make_state())))
    assert all(torch.equal(dict(work.model.named_parameters())[name], each) for name, each in make_state().items())


def test_running_statistics_come_with_it(tmp_path: Path) -> None:
    values = {**BASE, "model": {"layers": 2, "width": 3, "norm": "batch"}}
    state = {name: each + 1 for name, each in prepare(values).model.state_dict().items()}
    torch.save(state, tmp_path / "net.pt")
    found = prepare({**values, "weights": str(tmp_path / "net.pt")}).model.state_dict()
    assert all(torch.equal(found[name], each) for name, each in state.items())
    assert any("running_mean" in name for name in state)


def test_no_update_leaves_the_weights_and_one_starts_from_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = save(tmp_path / "net.pt", make_state())
    wanted = torch.cat([each.flatten() for each in make_state().values()]).tolist()
    still, moved = train(
        {**values, "train": {"updates": 0}}, {**values, "train": {"updates": 1}}, probes=[see_weights(monkeypatch)]
    )
    assert (still.updates, still.planned) == (0, 0)
    assert still.arrays["weights"].tolist() == wanted
    assert moved.arrays["weights"].tolist() != wanted
    assert "loss" not in still.series


def test_a_list_is_all_weights_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"model": {"layers": 2, "width": 1, "bias": False}, "weights": [0.5, -2.0], "train": {"updates": 0}}
    (trace,) = train(values, probes=[see_weights(monkeypatch)])
    assert trace.arrays["weights"].tolist() == [0.5, -2.0]
    message = "weights: lists 3 numbers, and this network has 2 trained weights: model.0.weight [1, 1], model.2.weight [1, 1]"
    assert refuse({**values, "weights": [1.0, 2.0, 3.0]}) == message


def test_a_file_that_does_not_fit_is_told_layer_by_layer(tmp_path: Path) -> None:
    state = make_state()
    wide = {**state, "model.0.weight": torch.zeros(5, 4), "model.0.bias": torch.zeros(5)}
    told = refuse(save(tmp_path / "wide.pt", wide))
    assert "weights: does not fit: model.0.bias is [5] there and [3] in this network" in told
    assert "model.0.weight is [5, 4] there and [3, 4] in this network" in told
    other = {("model.2.wieght" if name == "model.2.weight" else name): each for name, each in state.items()}
    told = refuse(save(tmp_path / "other.pt", other))
    assert "model.2.weight [3, 3] is missing; is it model.2.wieght?" in told
    assert "model.2.wieght [3, 3] is there, and this network has no such parameter" in told
    deep = {f"{name}.{part}": torch.zeros(1) for name in "abcd" for part in ("weight", "bias")}
    assert "8 more of these" in refuse(save(tmp_path / "deep.pt", deep))


def test_a_file_that_is_none_of_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = tmp_path / "ran"

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(ran),)

    told = refuse(save(tmp_path / "bomb.pt", {"model.0.weight": Bomb()}))
    assert "is no file of weights alone" in told
    assert "PyTorch" not in told  # which would have it read without a guard
    assert not ran.exists()  # nothing in a file is run
    assert "is no file of weights alone" in refuse(save(tmp_path / "whole.pt", nn.Linear(2, 2)))
    assert "holds no mapping from names to tensors" in refuse(save(tmp_path / "list.pt", [torch.zeros(2)]))
    (tmp_path / "text.pt").write_text("weights")
    assert "is no file of weights alone" in refuse({**BASE, "weights": str(tmp_path / "text.pt")})
    (tmp_path / "short.pt").write_text("hi\n")
    assert "writes it: KeyError: 10" in refuse({**BASE, "weights": str(tmp_path / "short.pt")})
    save(tmp_path / "net.pt", make_state())
    targets.set_home(tmp_path)
    try:
        prepare({**BASE, "weights": "net.pt"})
        assert "there is no file nte.pt" in refuse({**BASE, "weights": "nte.pt"})
        assert "did you mean 'net.pt'?" in refuse({**BASE, "weights": "nte.pt"})
    finally:
        targets.set_home(None)


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    values = save(tmp_path / "net.pt", make_state())
    assert prepare(values).model.state_dict()["model.0.bias"][2].item() == 2
    save(tmp_path / "net.pt", {name: each + 1 for name, each in make_state().items()})
    os.utime(tmp_path / "net.pt", ns=(1, 1))
    assert prepare(values).model.state_dict()["model.0.bias"][2].item() == 3
