"""What holds for every remedy: its name, its words, and that what it proposes is a config, and another one."""

from __future__ import annotations

import re

import pytest

from tests.remedies.proposing import CONFIG, NUMBERS, OVERFIT, TOKENS, load_remedy
from trainlab import plugins
from trainlab.config import apply_patch, find_config, list_configs, load, validate
from trainlab.judging import list_rules
from trainlab.studies._remedies import choose_remedies

NAMES = plugins.list_names("trainlab.remedies")
KINDS = [
    {"model": {"kind": kind}, "data": {"name": "digits"}, "loss": "cross_entropy"} for kind in ("cnn", "resnet", "transformer")
]
SEVERAL = [CONFIG, NUMBERS, TOKENS, *(validate(OVERFIT | values) for values in KINDS)]
SEVERAL += [validate(load(find_config(name)).values) for name in list_configs()]


@pytest.mark.parametrize("name", NAMES)
class TestEveryRemedy:
    def test_is_named_like_its_file(self, name: str) -> None:
        remedy = load_remedy(name)
        assert remedy.name == plugins.to_name(type(remedy).__module__) == name

    def test_mends_what_some_rule_finds(self, name: str) -> None:
        codes = load_remedy(name).codes
        assert codes
        assert set(codes) <= set(list_rules())

    def test_says_why_in_one_sentence(self, name: str) -> None:
        remedy = load_remedy(name)
        assert re.fullmatch(r"(L1|[a-z])[^.!?]{20,}", remedy.reason)
        assert len(type(remedy).__doc__ or "") > 60

    def test_proposes_configs_that_differ_from_the_base_and_from_each_other(self, name: str) -> None:
        for config in SEVERAL:
            made = [apply_patch(config, dict(patch)) for patch in load_remedy(name).propose(config)]
            assert all(each.config != config for each in made)
            assert len({repr(each.config) for each in made}) == len(made)


@pytest.mark.parametrize("name", choose_remedies({"F001", "F004"}))
class TestEveryRemedyOfOverfitting:
    def test_applies_somewhere_and_not_twice(self, name: str) -> None:
        held = {"data": {"name": "classification", "fraction": 0.5}, "train": {"epochs": 400, "batch_size": 10, "shuffle": False}}
        config = validate(OVERFIT | held)
        patches = list(load_remedy(name).propose(config))
        assert patches
        if name != "smaller-network":  # which can be made smaller again
            assert not list(load_remedy(name).propose(apply_patch(config, dict(patches[0])).config))
