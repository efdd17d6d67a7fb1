from tests.remedies.proposing import propose


def test_fewer_units():
    assert [patch["model.width"] for patch in propose("smaller-network")] == [25, 10, 2]


def test_each_layer_of_a_list():
    patches = propose("smaller-network", model__layers=3, model__width=[100, 20])
    assert patches == [{"model.width": widths} for widths in ([25, 5], [10, 2], [2, 2])]


def test_a_layer_less():
    assert propose("smaller-network", model__layers=4)[-1] == {"model.layers": 3}


def test_heads_and_groups_still_fit():
    patches = propose("smaller-network", model={"kind": "transformer", "width": 32, "heads": 4})
    assert [patch["model.width"] for patch in patches if "model.width" in patch] == [8, 4]


def test_a_network_of_two_units_is_small_already():
    assert propose("smaller-network", model__width=2) == []
