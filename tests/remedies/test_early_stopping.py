from tests.remedies.proposing import propose


def test_a_part_to_judge_by_is_held_back():
    assert propose("early-stopping")[0] == {"train.early_stopping": 20, "data.validation_fraction": 0.2}
    assert [patch["train.early_stopping"] for patch in propose("early-stopping")] == [20, 10, 50]


def test_a_part_that_is_there_is_used():
    assert propose("early-stopping", data__validation_fraction=0.1)[0] == {"train.early_stopping": 20}


def test_short_runs_wait_for_fewer_epochs_and_say_it_once():
    assert [patch["train.early_stopping"] for patch in propose("early-stopping", train__epochs=20)] == [2]
    assert propose("early-stopping", train__epochs=4) == []


def test_in_use_already():
    assert propose("early-stopping", data__validation_fraction=0.1, train__early_stopping=5) == []


def test_data_that_cannot_be_split():
    assert propose("early-stopping", data={"name": "ones"}, loss="sum") == []
