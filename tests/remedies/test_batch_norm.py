from tests.remedies.proposing import TOKENS, propose


def test_it_is_switched_on():
    assert propose("batch-norm") == [{"model.norm": "batch"}]


def test_in_use_already_or_another_one():
    assert propose("batch-norm", model__norm="batch") == []
    assert propose("batch-norm", model__norm="layer") == []


def test_one_sample_has_no_variance():
    assert propose("batch-norm", train__batch_size=1) == []


def test_a_recurrent_network_has_none():
    assert propose("batch-norm", TOKENS) == []
