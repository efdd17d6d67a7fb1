from tests.remedies.proposing import propose


def test_strengths():
    assert propose("l1") == [{"regularize.l1": strength} for strength in [0.003, 0.001, 0.01]]


def test_in_use_already():
    assert propose("l1", regularize__l1=0.1) == []
