from tests.remedies.proposing import TOKENS, propose


def test_strengths():
    assert [patch["regularize.adversarial"] for patch in propose("adversarial")] == [0.1, 0.3]


def test_pixels_of_digits_are_larger_until_they_are_scaled():
    assert propose("adversarial", data={"name": "digits"})[0] == {"regularize.adversarial": 0.1 * 16}
    assert propose("adversarial", data={"name": "digits", "standardize": True})[0] == {"regularize.adversarial": 0.1}


def test_tokens_cannot_be_moved():
    assert propose("adversarial", TOKENS) == []


def test_in_use_already():
    assert propose("adversarial", regularize__adversarial=0.1) == []
