"""Places of rows of use: mean places in both orders, apart by the order that was shown."""

from __future__ import annotations

from proxy.evidence.places import Places
from proxy.evidence.shown import Row


def test_the_first_row_of_use_counts_in_each_order():
    places = Places()
    assert places.empty

    places.add([Row(0, 4, 0), Row(0, 2, 5)], shown_reranked=True)
    places.add([Row(0, 0, 1)], shown_reranked=True)
    places.add([Row(0, 0, 9)], shown_reranked=False)

    assert not places.empty
    assert places.figures() == {
        "reranked_shown": 2,
        "reranked_shown_store_place": 2.0,
        "reranked_shown_reranked_place": 1.5,
        "store_shown": 1,
        "store_shown_store_place": 1.0,
        "store_shown_reranked_place": 10.0,
    }
    assert "favours the order shown" in places.evidence()["note"]
