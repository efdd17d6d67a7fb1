from tests.remedies.proposing import propose


def list_strengths(**changes):
    return [patch["optimizer.weight_decay"] for patch in propose("weight-decay", **changes)]


def test_strengths_of_the_source_text_first():
    assert list_strengths() == [0.04, 0.01, 0.1]


def test_a_decay_apart_from_the_gradient_must_be_far_larger():
    assert min(list_strengths(optimizer__name="adamw")) > max(list_strengths())
    assert list_strengths(optimizer__name="radam", optimizer__decoupled_weight_decay=True) == list_strengths(
        optimizer__name="adamw"
    )
    assert list_strengths(optimizer__name="radam") == list_strengths()


def test_a_gradient_that_is_not_divided_by_its_size_needs_less():
    assert max(list_strengths(optimizer__name="sgd")) <= 0.01


def test_in_use_already():
    assert list_strengths(optimizer__weight_decay=0.001) == []
