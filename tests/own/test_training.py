"""Networks of the user's own train as in a loop that their author would write."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.data import default_collate

from tests.engine.runs import assert_same, see_weights
from trainlab.device import derive_seed, make_generator
from trainlab.errors import UserError

from . import nets, sets
from .configs import CASES, make, own, prepare, train

UPDATES = 30


def start(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """As anyone would: set the seed, make the network."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "weights"))
        return build().double()


def learn(
    model: nn.Module, forward: Callable[[nn.Module], Tensor], step: torch.optim.Optimizer, updates: int = UPDATES
) -> tuple[list[float], np.ndarray]:
    """A plain loop on the full batch: its losses, its weights."""
    losses = []
    model.train()
    for _ in range(updates):
        step.zero_grad()
        loss = forward(model)
        loss.backward()
        step.step()
        losses.append(loss.item())
    return losses, np.concatenate([each.detach().numpy().ravel() for each in model.parameters()])


def full(net: str, data: str | dict[str, Any], **sections: Any) -> dict[str, Any]:
    train = {"epochs": UPDATES, "batch_size": None, "precision": "float64"}
    return make(net, data, **{"optimizer": {"name": "adam", "lr": 0.01}, "train": train, **sections})


def digits() -> tuple[Tensor, Tensor]:
    inputs, target = sets.pairs()[0]
    return torch.as_tensor(inputs).double(), torch.as_tensor(target)


def read_sentences(model: nn.Module) -> Tensor:
    batch = default_collate([sets.Sentences()[index] for index in range(96)])
    label = batch.pop("label")
    return F.cross_entropy(model(**{**batch, "score": batch["score"].double()}), label)


def read_masked(model: nn.Module) -> Tensor:
    batch = sets.masked()
    return F.cross_entropy(model({"rows": batch["rows"].double(), "padding": batch["padding"]}), torch.as_tensor(batch["y"]))


def read_trigrams(model: nn.Module) -> Tensor:
    tokens, target = sets.trigrams()
    return F.cross_entropy(model(tokens), target)


def read_digits(model: nn.Module) -> Tensor:
    inputs, target = digits()
    return F.cross_entropy(model(inputs), target)


def read_diabetes(model: nn.Module) -> Tensor:
    inputs, target = map(torch.as_tensor, sets.diabetes())
    return sets.likelihood(model(inputs.double()), target.double())


PLAIN: list[tuple[str, str, Callable[[nn.Module], Tensor], str]] = [
    ("ResNet", "pairs", read_digits, "stacked"),
    ("Reader", "Sentences", read_sentences, "one by one"),
    ("Tied", "trigrams", read_trigrams, "stacked"),
    ("Wandering", "pairs", read_digits, "one by one"),
    ("Centred", "pairs", read_digits, "one by one"),
    ("Perceptron", "pairs", read_digits, "stacked"),
    ("Two", "diabetes", read_diabetes, "stacked"),
]


@pytest.mark.parametrize(("net", "data", "forward", "how"), PLAIN, ids=[case[0] for case in PLAIN])
def test_equals_a_plain_loop(net: str, data: str, forward: Callable[[nn.Module], Tensor], how: str, monkeypatch: Any) -> None:
    weights = see_weights(monkeypatch)
    loss: Any = own("likelihood") if net == "Two" else "cross_entropy"
    whole = {**own(data), "test_fraction": 0.0}
    values = [{**full(net, data), "seed": seed, "data": whole, "loss": loss} for seed in (0, 1)]
    for seed, trace in enumerate(train(*values, probes=("batch-loss", weights))):
        model = start(getattr(nets, net), seed)
        losses, end = learn(model, forward, torch.optim.Adam(model.parameters(), lr=0.01))
        assert trace.how.startswith(how)
        np.testing.assert_allclose(trace.series["batch-loss"].values, losses, rtol=1e-9)
        np.testing.assert_allclose(trace.arrays["weights"], end, rtol=1e-7, atol=1e-9)


def test_a_transformer_equals_a_plain_loop_and_stays_so_at_rest() -> None:
    values = full("Encoder", {**own("masked"), "test_fraction": 0.0}, args={"dropout": 0.0})
    (trace,) = train(values, probes=("batch-loss", "accuracy"))
    model = start(lambda: nets.Encoder(dropout=0.0), 0)
    losses, _ = learn(model, read_masked, torch.optim.Adam(model.parameters(), lr=0.01))
    np.testing.assert_allclose(trace.series["batch-loss"].values, losses, rtol=1e-9)
    assert trace.metrics["train_loss"] == pytest.approx(read_masked(model.eval()).item(), rel=1e-9)


def test_mini_batches_are_those_of_the_runs_own_order() -> None:
    values = make("Perceptron", "pairs", train={"epochs": 2, "batch_size": 50, "precision": "float64"}, seed=3)
    (trace,) = train(values, probes=("batch-loss",))
    model, (inputs, target) = start(nets.Perceptron, 3), digits()
    step, stream, losses = torch.optim.SGD(model.parameters(), lr=0.01), make_generator(3, "shuffle"), []
    for _ in range(2):
        for rows in torch.randperm(200, generator=stream).split(50):
            loss = F.cross_entropy(model(inputs[rows]), target[rows])
            losses += learn(model, lambda _, loss=loss: loss, step, 1)[0]
    np.testing.assert_allclose(trace.series["batch-loss"].values, losses, rtol=1e-9)


@pytest.mark.parametrize("case", [*CASES.values(), ("Dropping", "arrays"), ("Two", "diabetes")], ids=str)
def test_a_run_has_the_same_bits_alone_and_in_company(case: tuple[str, str]) -> None:
    loss: Any = own("likelihood") if case[0] == "Two" else "cross_entropy"
    runs = [make(*case, loss=loss, seed=seed, optimizer={"name": "adam", "lr": 0.01 * (seed + 1)}) for seed in range(5)]
    together = train(*runs)
    assert_same(together[0], train(runs[0])[0])
    assert_same(together[3], train(runs[1], runs[3])[1])
    assert together[0].metrics["train_loss"] != together[1].metrics["train_loss"]


def test_dropout_has_a_stream_for_each_run_and_still_lets_runs_be_stacked() -> None:
    dropping, plain = train(make("Dropping"), make("Dropping", args={"dropout": 0.0}))
    assert dropping.how == plain.how == "stacked"
    assert dropping.metrics["train_loss"] != plain.metrics["train_loss"]
    assert [each.name for each in dropping.parameters] == ["net.0.weight", "net.0.bias", "net.3.weight", "net.3.bias"]


class TestStart:
    def test_follows_the_seed_and_leaves_torchs_stream_alone(self) -> None:
        torch.manual_seed(5)
        before = torch.get_rng_state()
        first, other = (prepare(make(seed=seed)).model for seed in (0, 1))
        assert torch.equal(torch.get_rng_state(), before)
        assert torch.equal(first.hidden.weight, start(nets.Perceptron, 0).hidden.weight.float())
        assert not torch.equal(first.hidden.weight, other.hidden.weight)

    def test_is_a_function_a_class_or_a_module_that_is_left_alone(self) -> None:
        before = copy.deepcopy(nets.ready.state_dict())
        build, ready, again = (prepare(make(net, seed=seed)).model for net, seed in (("build", 0), ("ready", 0), ("ready", 1)))
        assert build.hidden.out_features == 8
        assert torch.equal(ready.hidden.weight, again.hidden.weight)
        train(make("ready"))
        assert all(torch.equal(each, before[name]) for name, each in nets.ready.state_dict().items())
        assert "forward" not in vars(nets.ready)

    def test_lazy_modules_take_their_sizes_from_the_data(self) -> None:
        work = prepare(make("Lazy"))
        assert work.layout.shapes[0] == (8, 64)
        assert not torch.equal(work.model.net[0].weight, prepare(make("Lazy", seed=1)).model.net[0].weight)

    def test_arguments_are_settings(self) -> None:
        assert prepare(make(args={"width": 5})).layout.shapes[0] == (5, 64)


class TestLosses:
    @pytest.mark.parametrize("args", [{}, {"factor": 3.0}])
    def test_a_function_sees_what_the_network_returned_and_what_the_data_gave(self, args: dict[str, float]) -> None:
        values = full("Squeezed", {**own("diabetes"), "test_fraction": 0.0}, loss=own("square", **args))
        (trace,) = train(values, probes=("batch-loss",))
        model = start(nets.Squeezed, 0)
        inputs, target = (torch.as_tensor(each).double() for each in sets.diabetes())
        adam = torch.optim.Adam(model.parameters(), lr=0.01)
        losses, _ = learn(model, lambda net: sets.square(net(inputs), target, **args), adam)
        np.testing.assert_allclose(trace.series["batch-loss"].values, losses, rtol=1e-9)
        assert trace.task == "regression"

    def test_one_number_a_sample_goes_with_named_losses(self) -> None:
        squared, own_squared = train(make("Squeezed", "diabetes", loss="mse"), make("Squeezed", "diabetes", loss=own("square")))
        assert squared.metrics["train_loss"] == pytest.approx(own_squared.metrics["train_loss"], rel=1e-4)
        assert "train_r2" in squared.metrics

    def test_a_class_is_made_with_its_arguments_and_classes_are_still_counted(self) -> None:
        focal, plain = train(make(loss=own("Focal", gamma=0.0)), make())
        assert focal.metrics["train_loss"] == pytest.approx(plain.metrics["train_loss"], rel=1e-4)
        assert focal.metrics["train_accuracy"] == plain.metrics["train_accuracy"]

    def test_classes_are_counted_only_where_the_loss_compares_with_them(self) -> None:
        (shifted, plain) = train(
            make("Speaker", "texts", loss=own("next_token")),
            make("Speaker", "texts", args={"kind": "tuple"}, loss=own("as_they_are")),
        )
        assert (shifted.task, plain.task) == ("none", "multiclass")
        assert "train_accuracy" in plain.metrics
        assert "train_accuracy" not in shifted.metrics

    @pytest.mark.parametrize(("loss", "task"), [("square", "regression"), ("robust", "regression"), ("shares", "none")])
    def test_numbers_are_compared_only_where_the_loss_wants_them(self, loss: str, task: str) -> None:
        assert prepare(make("Squeezed", "diabetes", loss=own(loss))).task == task

    def test_numbers_below_0_are_no_classes_and_come_to_the_loss_as_they_are(self) -> None:
        (trace,) = train(make("Tagger", own("tagged"), loss=own("tag_loss"), optimizer={"name": "adam", "lr": 0.05}))
        losses = trace.series["loss"].values
        assert losses[0] > losses[-1]
        assert trace.metrics["train_loss"] < np.log(3) * 1.1
        with pytest.raises(UserError, match="classes are numbers from 0 on, and the target holds -100, which torch leaves out"):
            prepare(make("Tagger", "tagged"))
        with pytest.raises(UserError, match="the target holds -1 "):
            prepare(make("Perceptron", "negative"))

    def test_a_loss_that_the_network_computes_itself_is_not_passed_on(self) -> None:
        with pytest.raises(UserError, match="gives a NoneType: a loss that the network computes itself is not passed on"):
            prepare(make("Speaker", "texts", loss=own("its_own")))

    def test_where_nothing_can_be_counted_nothing_is(self) -> None:
        (trace,) = train(make("Two", "diabetes", loss=own("likelihood")))
        assert trace.task == "none"
        assert {"train_loss", "test_loss"} == {name for name in trace.metrics if name.startswith(("train", "test"))}

    def test_a_network_of_trainlab_takes_one(self) -> None:
        sections = {"model": {"width": 8}, "data": {"name": "digits"}, "train": {"epochs": 1, "batch_size": 64}}
        focal, plain = train({**sections, "loss": own("Focal", gamma=0.0)}, {**sections, "loss": "cross_entropy"})
        assert focal.metrics["train_loss"] == pytest.approx(plain.metrics["train_loss"], rel=1e-4)


class TestOptimizers:
    @pytest.mark.parametrize("net", ["Perceptron", "Wandering"])
    def test_torchs_adam_is_adam(self, net: str) -> None:
        theirs = {"name": "python", "target": "torch.optim:Adam", "lr": 0.01, "weight_decay": 0.1, "args": {"eps": 1e-6}}
        ours = {"name": "adam", "lr": 0.01, "weight_decay": 0.1, "eps": 1e-6}
        one, other = (train(full(net, "pairs", optimizer=each), probes=("batch-loss",))[0] for each in (theirs, ours))
        np.testing.assert_allclose(one.series["batch-loss"].values, other.series["batch-loss"].values, rtol=1e-9)

    def test_a_function_may_group_its_parameters_and_schedules_move_all_groups(self) -> None:
        schedule = {"name": "exponential", "per": "update", "scale": 10, "gamma": 0.5}
        values = full("Perceptron", "pairs", optimizer={**own("slow_start"), "lr": 0.1}, schedule=schedule)
        (trace,) = train(values, probes=("batch-loss", "learning-rate"))
        model, (inputs, target) = start(nets.Perceptron, 0), digits()
        step = sets.slow_start(list(model.parameters()), 0.1)
        falling = torch.optim.lr_scheduler.LambdaLR(step, lambda update: 0.5 ** (update / 10))
        losses = []
        for _ in range(UPDATES):
            losses += learn(model, lambda net: F.cross_entropy(net(inputs), target), step, 1)[0]
            falling.step()
        np.testing.assert_allclose(trace.series["batch-loss"].values, losses, rtol=1e-9)

    def test_runs_that_end_leave_the_others_as_they_are(self) -> None:
        runs = [make(optimizer={**own("Noisy"), "lr": rate}, seed=seed) for seed, rate in ((0, 0.1), (1, 1e38), (2, 0.1))]
        together = train(*runs)
        assert together[1].nonfinite is not None
        for place in (0, 2):
            assert_same(together[place], train(runs[place])[0])


def test_a_network_that_draws_at_rest_draws_the_same_again() -> None:
    values = make("Sampling", "images", loss=own("evidence"))
    alone, other = (train(values, probes=("mixing",))[0] for _ in range(2))
    (_, beside) = train({**values, "seed": 3}, values, probes=("mixing",))
    assert alone.metrics["mixing"] == 0
    assert_same(alone, other)
    assert alone.metrics == beside.metrics, "whatever trains before it"
