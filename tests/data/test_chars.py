from __future__ import annotations

import pytest
import torch

from trainlab.config import validate
from trainlab.data import load
from trainlab.errors import UserError


def make(**data):
    return load(validate({"data": {"name": "chars", "test_fraction": 0.0, **data}}).data)


def test_the_text_that_comes_along():
    dataset = make()
    inputs, target = dataset.train
    assert inputs.shape == target.shape == (len(inputs), 32)
    assert 4000 < inputs.numel() < 6000
    assert 30 < dataset.tokens == dataset.classes < 60
    assert int(inputs.max()) < dataset.tokens
    assert dataset.every_step


def test_the_target_of_a_character_is_the_next_one(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("abcdeabcde\näb", encoding="utf-8")
    dataset = make(path=str(path), length=4)
    inputs, target = dataset.train
    letters = "\nabcdeä"
    say = lambda row: "".join(letters[number] for number in row)  # noqa: E731
    assert [say(row) for row in inputs] == ["abcd", "eabc", "de\nä"]
    assert [say(row) for row in target] == ["bcde", "abcd", "e\näb"]
    assert dataset.tokens == 7


def test_fewer_pieces_in_random_order():
    assert len(make(samples=10).train[0]) == 10
    assert not torch.equal(make(samples=10).train[0], make(samples=10, seed=1).train[0])
    assert len(make(samples=10**6).train[0]) == len(make().train[0])


def test_mistakes(tmp_path):
    path = tmp_path / "text.txt"
    with pytest.raises(UserError, match=r"data.path: there is no such file"):
        make(path=str(path))
    path.write_text("short")
    with pytest.raises(UserError, match=r"data.length: is too long: the text has 5 characters, .*got 4"):
        make(path=str(path), length=4)
    near = str(tmp_path / "txet.txt")
    with pytest.raises(UserError, match=r"did you mean '.*text.txt'"):
        make(path=near)
    bad = tmp_path / "latin.txt"
    bad.write_bytes(b"one\ntwo\n\xff")
    with pytest.raises(UserError, match=r"latin.txt:3: data.path: must be text in UTF-8"):
        make(path=str(bad))
    with pytest.raises(UserError, match=r"data.path: cannot be read: is a directory"):
        make(path=str(tmp_path))
    with pytest.raises(UserError, match=r"data.path: cannot be read"):
        make(path="a\x00b")
