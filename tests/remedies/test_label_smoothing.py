from tests.remedies.proposing import NUMBERS, propose


def test_shares():
    assert propose("label-smoothing") == [{"regularize.label_smoothing": share} for share in (0.1, 0.3)]


def test_numbers_to_predict_have_no_classes():
    assert propose("label-smoothing", NUMBERS) == []


def test_in_use_already():
    assert propose("label-smoothing", regularize__label_smoothing=0.1) == []
