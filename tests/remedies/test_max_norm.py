from tests.remedies.proposing import propose


def test_strengths():
    assert propose("max-norm") == [{"regularize.max_norm": strength} for strength in [1.0, 0.5, 2.0]]


def test_in_use_already():
    assert propose("max-norm", regularize__max_norm=3.0) == []
