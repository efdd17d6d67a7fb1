from tests.remedies.proposing import TOKENS, propose


def test_strengths():
    assert [patch["regularize.input_noise"] for patch in propose("input-noise")] == [0.3, 0.1, 1.0]


def test_pixels_of_digits_are_larger_until_they_are_scaled():
    assert propose("input-noise", data={"name": "digits"})[0] == {"regularize.input_noise": 0.3 * 16}
    assert propose("input-noise", data={"name": "digits", "standardize": True})[0] == {"regularize.input_noise": 0.3}


def test_tokens_cannot_be_moved():
    assert propose("input-noise", TOKENS) == []


def test_in_use_already():
    assert propose("input-noise", regularize__input_noise=0.1) == []
