from tests.remedies.proposing import propose


def test_strengths():
    assert propose("weight-noise") == [{"regularize.weight_noise": strength} for strength in [0.05, 0.02, 0.1]]


def test_in_use_already():
    assert propose("weight-noise", regularize__weight_noise=0.1) == []
