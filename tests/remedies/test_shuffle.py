from tests.remedies.proposing import propose


def test_batches_that_never_change():
    assert propose("shuffle", train__batch_size=10, train__shuffle=False) == [{"train.shuffle": True}]


def test_in_use_already():
    assert propose("shuffle", train__batch_size=10) == []


def test_the_full_batch_has_no_order():
    assert propose("shuffle", train__shuffle=False) == []
