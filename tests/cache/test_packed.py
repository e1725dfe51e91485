from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.cache import packed

ends = st.integers(0, packed.MAX_TICKS)


@given(
    st.dictionaries(st.binary(min_size=5, max_size=5), st.tuples(ends, st.binary(max_size=90)), min_size=1)
)
def test_what_is_packed_is_unpacked_in_its_order(records):
    run = packed.pack(records)

    assert list(packed.unpack(run, 5).items()) == list(records.items())
    assert packed.count(run) == len(records)
    assert packed.last_end(run) == max(end for end, _ in records.values())


def test_the_last_records_that_fit_are_kept_and_at_least_one():
    few = {b"1": (1, bytes(20_000)), b"2": (2, bytes(20_000)), b"3": (3, b"")}
    large = {b"1": (1, b""), b"2": (2, bytes(packed.MAX_RUN))}

    assert list(packed.unpack(packed.pack(few), 1)) == [b"2", b"3"]
    assert list(packed.unpack(packed.pack(large), 1)) == [b"2"]


def test_a_score_is_26_bytes():
    one, two = {bytes(16): (1, b"four")}, {bytes(16): (1, b"four"), b"x" * 16: (1, b"four")}

    assert len(packed.pack(two)) - len(packed.pack(one)) == 26
