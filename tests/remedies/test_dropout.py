from tests.remedies.proposing import TOKENS, propose


def test_shares():
    assert [patch["model.dropout"] for patch in propose("dropout")] == [0.5, 0.2, 0.8]


def test_in_use_already():
    assert propose("dropout", model__dropout=0.1) == []


def test_a_single_recurrent_layer_has_nothing_to_drop():
    assert propose("dropout", TOKENS) == []
    assert len(propose("dropout", TOKENS, model__layers=2)) == 3


def test_a_list_of_modules_has_no_such_setting():
    assert propose("dropout", model={"kind": "layers", "modules": ["Flatten"]}) == []
