from tests.remedies.proposing import propose


def test_both_at_once():
    assert all(set(patch) == {"regularize.l1", "optimizer.weight_decay"} for patch in propose("l1-l2"))
    assert len(propose("l1-l2")) == 2


def test_one_of_them_is_in_use_already():
    assert propose("l1-l2", regularize__l1=0.1) == []
    assert propose("l1-l2", optimizer__weight_decay=0.1) == []
