from tests.remedies.proposing import propose


def test_samples_kept_back_are_used():
    assert propose("more-data", data__fraction=0.5) == [{"data.fraction": 1.0}]


def test_all_are_in_use_already():
    assert propose("more-data") == []
    assert propose("more-data", data={"name": "ones"}, loss="sum") == []
