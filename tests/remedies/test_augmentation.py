from tests.remedies.proposing import TOKENS, propose


def test_numbers_get_noise():
    assert [patch["data.augment.copies"] for patch in propose("augmentation")] == [1, 3]
    assert all(patch["data.augment.noise"] == 0.3 for patch in propose("augmentation"))


def test_images_are_shifted_first():
    assert propose("augmentation", data={"name": "digits"})[0] == {"data.augment.copies": 3, "data.augment.shift": 1}


def test_in_use_already():
    assert propose("augmentation", data__augment=2) == []


def test_tokens_have_no_like():
    assert propose("augmentation", TOKENS) == []
