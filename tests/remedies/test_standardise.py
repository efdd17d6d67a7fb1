from __future__ import annotations

from tests.remedies.proposing import propose


def test_where_features_are_as_they_came() -> None:
    assert propose("standardise") == [{"data.standardize": True}]
    assert propose("standardise", data__standardize=True) == []
    assert propose("standardise", data={"name": "ones"}, loss="sum") == []
