"""Data of the user's own: whatever torch's users have, as one tensor of inputs and one of targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.own import sets
from tests.own.configs import make, own, prepare, train
from trainlab.config import validate
from trainlab.data import Dataset, load
from trainlab.errors import UserError


def read(target: str, **settings: Any) -> Dataset:
    return load(validate({"data": {**own(target), **settings}}).data)


def refuse(target: str, **settings: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(target, **settings)
    return str(caught.value)


class TestParts:
    def test_arrays_are_split_as_other_data_are(self) -> None:
        data = read("arrays", test_fraction=0.25)
        assert data.train[0].shape == (150, 64)
        assert data.test is not None
        assert len(data.test[0]) == 50
        assert (data.task, data.classes) == ("multiclass", 10)

    def test_a_pair_is_train_and_test(self) -> None:
        data = read("pairs")
        (inputs, target), (held, _) = sets.pairs()
        assert np.array_equal(data.train[0].numpy(), inputs)
        assert np.array_equal(data.train[1], target)
        assert data.test is not None
        assert np.array_equal(data.test[0].numpy(), held)
        assert data.validation is None

    def test_a_validation_part_is_given_or_taken_from_the_train_part(self) -> None:
        given, taken = read("named"), read("pairs", validation_fraction=0.1)
        assert given.validation is not None
        assert (len(given.validation[0]), len(given.train[0])) == (50, 200)
        assert taken.validation is not None
        assert (len(taken.validation[0]), len(taken.train[0])) == (20, 180)

    def test_only_the_train_part_is_spoilt(self) -> None:
        data, plain = read("pairs", noise=1.0), read("pairs")
        assert not torch.equal(data.train[0], plain.train[0])
        assert data.test is not None
        assert plain.test is not None
        assert torch.equal(data.test[0], plain.test[0])

    def test_arguments_are_settings(self) -> None:
        spec = validate({"data": own("arrays", samples=60)}).data
        assert len(load(spec).train[0]) == 48

    def test_fewer_samples_are_a_choice_that_stays_the_same(self) -> None:
        some, again = read("arrays", samples=50), read("arrays", samples=50)
        assert len(some.train[0]) == 40
        assert torch.equal(some.train[0], again.train[0])


class TestStructures:
    def test_a_mapping_keeps_its_names_and_kinds(self) -> None:
        data = read("Sentences", test_fraction=0.0)
        assert data.structure is not None
        batch = data.structure.unpack(data.train[0])
        wanted = [sets.Sentences()[index] for index in range(96)]
        assert batch["tokens"].dtype == torch.int64
        assert torch.equal(batch["tokens"], torch.stack([each["tokens"] for each in wanted]))
        assert batch["length"].tolist() == [each["length"] for each in wanted]
        assert torch.equal(batch["score"], torch.stack([each["score"] for each in wanted]))
        assert data.train[1] is not None
        assert data.train[1].tolist() == [each["label"] for each in wanted]

    def test_any_key_may_be_the_target(self) -> None:
        data = read("Sentences", label="length")
        assert data.structure is not None
        assert set(data.structure.tree) == {"tokens", "score", "label"}
        assert "did you mean 'length'?" in refuse("Sentences", label="lenght")

    def test_samples_of_many_lengths_are_padded_by_their_loader(self) -> None:
        data = read("padded")
        assert data.train[0].shape[1] == 6
        told = refuse("Ragged")
        assert "samples differ: sample 0 is (" in told
        assert "collate_fn" in told

    def test_numbers_zero_and_one_are_classes_unless_told_otherwise(self) -> None:
        assert read("marks").task == "binary"
        assert read("marks", task="numbers").task == "regression"
        assert read("diabetes").task == "regression"
        assert "whole numbers" in refuse("diabetes", task="classes")
        numbers = read("arrays", task="numbers")
        assert (numbers.task, numbers.targets) == ("regression", 1)


class TestLoaders:
    def test_a_loader_says_batch_size_and_what_it_drops(self) -> None:
        work = prepare(make(data=own("loader", batch_size=48), train={"epochs": 3}))
        assert (work.batch_size, work.per_epoch, work.updates, work.shuffle) == (48, 144, 9, True)
        work = prepare(make(data=own("loader", batch_size=48, drop_last=False, shuffle=False), train={"epochs": 3}))
        assert (work.per_epoch, work.updates, work.shuffle) == (160, 12, False)

    def test_the_config_says_another_batch_size(self) -> None:
        assert prepare(make(data=own("loader"), train={"batch_size": 16})).batch_size == 16

    @pytest.mark.parametrize("target", ["weighted", "resampled"])
    def test_a_sampler_draws_for_each_run_and_epoch(self, target: str) -> None:
        work = prepare(make(data=target, train={"epochs": 2}))
        assert work.draw is not None
        count = {"weighted": 64, "resampled": 100}[target]
        first, again, other = (work.draw(torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
        assert len(first) == count == work.per_epoch

    def test_a_sampler_decides_what_is_learned(self) -> None:
        plain, weighted = train(
            make(data="loader", train={"epochs": 30}, optimizer={"name": "adam", "lr": 0.01}),
            make(data="weighted", train={"epochs": 30}, optimizer={"name": "adam", "lr": 0.01}),
        )
        assert weighted.updates == 30 * 4
        assert (weighted.metrics["train_accuracy"] or 0) < 0.6 < (plain.metrics["train_accuracy"] or 0)

    def test_a_sampler_of_its_own_cannot_be_split(self) -> None:
        assert "set it to 0" in refuse("weighted_alone")
        assert len(read("weighted_alone", test_fraction=0.0).train[0]) == 200


class TestRefusals:
    @pytest.mark.parametrize(
        ("target", "words"),
        [
            ("Stream", "IterableDataset, which has no length: say with `data.samples`"),
            ("Endless", "the Endless has no length: give it a __len__"),
            ("Broken", "sample 5 cannot be read in tests/own/sets.py:"),
            ("Broken", "ValueError: line 5 is empty"),
            ("words", "the inputs have a str"),
            ("uneven", "every tensor must have as many samples: 5 in inputs, 4 in target"),
            ("no_optimizer", "does not take these arguments: missing a required argument: 'parameters'"),
        ],
    )
    def test_say_what_is_wrong(self, target: str, words: str) -> None:
        assert words in refuse(target)

    def test_a_stream_is_read_as_far_as_it_is_asked(self) -> None:
        assert len(read("Stream", samples=50, test_fraction=0.0).train[0]) == 50

    def test_several_inputs_need_a_network_of_ones_own(self) -> None:
        with pytest.raises(UserError, match="several inputs a sample"):
            prepare({"model": {"kind": "lstm"}, "data": own("Sentences"), "loss": "cross_entropy"})

    def test_what_stands_beside_whole_numbers_must_be_finite(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def draw(self: sets.Sentences, index: int) -> Any:
            return {"tokens": torch.tensor([index]), "score": torch.tensor(float("nan") if index == 7 else 1.0), "label": 0}

        spec = validate({"data": own("Sentences", samples=9)}).data
        load(spec)
        module = __import__("sys").modules
        target = next(each for name, each in module.items() if name.startswith("trainlab_target") and hasattr(each, "Sentences"))
        monkeypatch.setattr(target.Sentences, "__getitem__", draw)
        with pytest.raises(UserError, match=r"\['score'\] hold NaN or infinity in 1 samples of the train part, sample 7 first"):
            read("Sentences", test_fraction=0.1)
