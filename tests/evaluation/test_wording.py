import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.evaluation.wording import chance, duration, excerpt, interval, percentiles, points, share


@pytest.mark.parametrize(
    ("value", "plain", "signed"),
    [(0.0591, ".059", "+.059"), (1.0, "1.000", "+1.000"), (0.0, ".000", "+.000"), (-0.004, "-.004", "-.004")],
)
def test_measures_are_written_as_the_field_does(value, plain, signed):
    assert points(value) == plain
    assert points(value, signed=True) == signed


def test_what_rounds_to_nothing_has_no_minus():
    assert points(-0.0001) == ".000"


def test_an_interval_that_is_clear_of_0_looks_clear_of_it():
    assert interval(-0.04, -0.0002) == "-.040 to -.001"
    assert interval(0.0002, 0.02) == "+.001 to +.020"
    assert interval(-1e-17, 0.0) == "+.000 to +.000"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.0018, "1.8 ms"),
        (0.00996, "10 ms"),
        (0.0171, "17 ms"),
        (0.9996, "1.0 s"),
        (2.34, "2.3 s"),
        (-0.003, "-3.0 ms"),
    ],
)
def test_times_are_written_in_the_unit_that_suits_them(seconds, written):
    assert duration(seconds) == written


def test_percentiles_share_their_unit():
    assert percentiles((0.0046, 0.012, 1.234)) == "4.6 / 12 / 1,234"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.0004, "< 0.1 %"),
        (0.9996, "> 99.9 %"),
        (0.025, "2.5 %"),
        (0.124, "12 %"),
        (0.994, "99.4 %"),
    ],
)
def test_only_nothing_is_0_and_only_all_is_100_percent(value, written):
    assert share(value) == written


def test_a_chance_is_never_written_as_none():
    assert chance(0.0001) == "< .001"
    assert chance(0.0312) == ".031"


def test_an_excerpt_ends_between_words():
    assert excerpt("one two  three\nfour", 100) == "one two three four"
    assert excerpt("one two three four", 12) == "one two…"
    assert excerpt("x" * 100, 10) == f"{'x' * 9}…"


def test_what_does_not_print_or_turns_the_text_around_is_left_out():
    assert excerpt("a\x00b\x1b[31m\u202ec\u200b", 20) == "ab[31mc"


@example("00     \U000105bd0", 2)
@given(st.text(), st.integers(2, 300))
def test_an_excerpt_is_one_printable_line_of_that_length(text, most):
    line = excerpt(text, most)

    assert len(line) <= most
    assert all(one.isprintable() for one in line)
