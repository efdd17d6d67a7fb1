"""A block of a program is watched from inside."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import trainlab
from trainlab.watch import Observer


def make_data() -> tuple[Tensor, Tensor]:
    stream = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 8, generator=stream)
    return inputs, (inputs.sum(1) > 0).long()


def make(*more: nn.Module) -> tuple[nn.Module, torch.optim.Optimizer]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2), *more)
    return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    inputs, target = make_data()
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(inputs), target).backward()
    optimizer.step()


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 30) -> None:
    for _ in range(steps):
        step(model, optimizer)


def list_patched() -> list[Any]:
    """What torch has in the places that watching lays something over, and its hooks on every optimizer."""
    from torch.optim import lr_scheduler, optimizer

    places = [
        (torch.autograd, "backward"),
        (torch.autograd.graph.saved_tensors_hooks, "__enter__"),
        (torch.nn.utils, "clip_grad_norm_"),
        (torch.nn.utils.clip_grad, "clip_grad_value_"),
        (torch.amp.GradScaler, "step"),
        (torch.no_grad, "__enter__"),
        (torch.optim.Optimizer, "__init__"),
        (lr_scheduler.LRScheduler, "__init__"),
    ]
    hooks = [list(optimizer._global_optimizer_pre_hooks), list(optimizer._global_optimizer_post_hooks)]
    return [vars(owner).get(name) for owner, name in places] + hooks


def test_it_reports_and_leaves_everything_as_it_was() -> None:
    before = list_patched()
    model, optimizer = make(nn.Softmax(dim=1))
    with trainlab.watch(model, optimizer) as watched:
        assert list_patched() != before
        train(model, optimizer)
    assert list_patched() == before
    assert watched.report.answer.values["updates"] == 30
    assert [each.code for each in watched.report.findings if each.severity == "error"] == ["M001"]
    assert not watched.report.ok
    assert watched.report is watched.report


def test_it_changes_no_bit_of_the_training() -> None:
    plain, watched = make(), make()
    train(*plain)
    with trainlab.watch(max_overhead=1e9):
        train(*watched)
    assert all(torch.equal(one, other) for one, other in zip(plain[0].parameters(), watched[0].parameters(), strict=True))


def test_an_exception_passes_and_what_was_seen_is_reported() -> None:
    before = list_patched()
    model, optimizer = make()
    watch = trainlab.watch(model)

    def fail() -> None:
        with watch:
            train(model, optimizer, 12)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    assert list_patched() == before
    assert not watch.report.complete
    assert watch.report.answer.values["updates"] == 12


def test_only_what_is_named_is_seen() -> None:
    one, other = make(), make(nn.Softmax(dim=1))
    with trainlab.watch() as everything, trainlab.watch(one[0]) as model, trainlab.watch(other[1]) as optimizer:
        for _ in range(20):
            step(*other)
            step(*one)
    assert len(everything.report.runs) == 2
    assert everything.report.answer.values["updates"] == 40
    for watched, codes in ((model, []), (optimizer, ["M001"])):
        assert [run.name for run in watched.report.runs] == ["base"]
        assert watched.report.answer.values["updates"] == 20
        assert [each.code for each in watched.report.findings if each.severity == "error"] == codes
    losses = model.report.runs[0].series["loss"].values
    assert losses[0] == pytest.approx(nn.functional.cross_entropy(make()[0](make_data()[0]), make_data()[1]).item())


def test_blocks_that_overlap_may_end_in_any_order() -> None:
    before = list_patched()
    model, optimizer = make()
    first, second, third = (trainlab.watch(model) for _ in range(3))
    first.__enter__()
    train(model, optimizer, 3)
    second.__enter__()
    third.__enter__()
    train(model, optimizer, 4)
    first.__exit__(None, None, None)
    train(model, optimizer, 5)
    third.__exit__(None, None, None)
    train(model, optimizer, 6)
    second.__exit__(None, None, None)
    train(model, optimizer, 7)
    assert list_patched() == before
    assert [each.report.answer.values["updates"] for each in (first, second, third)] == [7, 15, 9]
    assert [len(each.report.runs[0].series["loss"].values) for each in (first, second, third)] == [7, 15, 9]


def test_what_the_program_lays_over_torch_meanwhile_stays() -> None:
    model, optimizer = make()
    original, calls = torch.autograd.backward, []

    def backward(*args: Any, **kwargs: Any) -> None:
        calls.append(1)
        below(*args, **kwargs)

    try:
        with trainlab.watch(model) as watched:
            below, torch.autograd.backward = torch.autograd.backward, backward
            train(model, optimizer, 3)
        train(model, optimizer, 2)
        assert (torch.autograd.backward, len(calls)) == (backward, 5)
        assert watched.report.answer.values["updates"] == 3
    finally:
        torch.autograd.backward = original


def test_one_watch_may_watch_several_blocks_one_after_the_other() -> None:
    model, optimizer = make()
    watch = trainlab.watch(model)
    with watch:
        train(model, optimizer, 5)
    first = watch.report
    with watch:
        train(model, optimizer, 7)
        with pytest.raises(RuntimeError, match="when the block has ended"):
            _ = watch.report
        with pytest.raises(RuntimeError, match="has begun already"):
            watch.__enter__()
    assert (first.answer.values["updates"], watch.report.answer.values["updates"]) == (5, 7)


def test_a_parameter_that_no_optimizer_holds_is_found_though_they_were_made_before() -> None:
    model = make()[0]
    optimizer = torch.optim.SGD(model[2].parameters(), lr=0.1)
    idle = torch.optim.SGD(model[0].parameters(), lr=0.1)
    with trainlab.watch(model) as held:
        train(model, optimizer)
    assert "M004" not in {each.code for each in held.report.findings}
    with trainlab.watch(optimizer, idle) as named:
        train(model, optimizer)
    assert "M010" in {each.code for each in named.report.findings}
    del idle, named
    with trainlab.watch(model) as left_out:
        train(model, optimizer)
    assert "M004" in {each.code for each in left_out.report.findings}


def test_nothing_seen_is_not_ok() -> None:
    with trainlab.watch() as watched:
        pass
    assert not watched.report.ok
    assert "could be judged" in repr(watched.report)


def test_codes_can_be_chosen() -> None:
    model, optimizer = make(nn.Softmax(dim=1))
    with trainlab.watch(model, ignore="M001") as ignored, trainlab.watch(model, select=["M001"], fail_on="never") as selected:
        train(model, optimizer)
    assert ignored.report.ok
    assert {each.code for each in selected.report.findings} == {"M001"}
    assert selected.report.ok


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ((3,), {}, "watch: must be a module or an optimizer of torch, not a int"),
        ((), {"every": 0}, "every: must be a whole number of at least 1 (got 0)"),
        ((), {"fail_on": "errors"}, "fail_on: is none of the choices"),
        ((), {"select": "X9"}, "X9"),
    ],
)
def test_one_clear_message(arguments: tuple[Any, ...], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(trainlab.UserError) as caught:
        trainlab.watch(*arguments, **settings)
    assert message in str(caught.value)


def test_the_name_is_the_room_too() -> None:
    from trainlab import watch

    assert watch.Observer is Observer
    assert callable(watch)
