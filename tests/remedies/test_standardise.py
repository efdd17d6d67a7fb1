from __future__ import annotations

from tests.remedies.proposing import propose_for


def test_where_features_are_as_they_came() -> None:
    assert propose_for("standardise") == [{"data.standardize": True}]
    assert propose_for("standardise", data__standardize=True) == []
    assert propose_for("standardise", data={"name": "ones"}, loss="sum") == []
