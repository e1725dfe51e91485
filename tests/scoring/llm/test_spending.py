"""What calls cost: told or estimated, and never more than there is."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.llm.chat import Usage
from proxy.scoring.llm.spending import Prices, Purse, Till, refusals

PRICES = Prices(2.0, 10.0)


def test_a_price_is_that_of_a_million_tokens():
    assert PRICES.of(Usage(500_000, 100_000)) == 2.0


async def test_tokens_that_the_server_told_are_counted_apart_from_estimates():
    till = Till(PRICES)
    async with till.bill(400, 50) as bill:
        bill.report(Usage(120, 7), "text")
    async with till.bill(400, 50) as bill:
        bill.report(None, "12345678")

    figures = till.figures()
    assert (figures["llm_input_tokens"], figures["llm_output_tokens"]) == (120, 7)
    assert (figures["llm_input_tokens_estimated"], figures["llm_output_tokens_estimated"]) == (100, 3)
    assert figures["llm_cost"] == pytest.approx(PRICES.of(Usage(220, 10)))


async def test_a_call_that_ends_badly_may_have_to_be_paid():
    till = Till(PRICES)
    with pytest.raises(ValueError, match="gone"):
        async with till.bill(400, 50):
            raise ValueError("gone")

    assert till.figures()["llm_output_tokens_estimated"] == 50
    assert till.purse.spent >= PRICES.of(Usage(400, 50))


async def test_what_was_refused_is_free():
    till = Till(PRICES)
    async with till.bill(400, 50) as bill:
        bill.free = True

    assert till.purse.spent == 0
    assert set(till.figures().values()) == {0}


async def test_without_enough_money_there_is_no_call():
    till = Till(PRICES)
    till.purse = Purse(0.0001)

    noted = refusals()
    with pytest.raises(Unscored) as refused:
        async with till.bill(400, 50):
            pytest.fail("not to be reached")
    assert refused.value.reason is Reason.REMOTE_DENIED
    assert till.purse.refused
    assert noted == [PRICES.of(Usage(400 + 1024, 50))]
    assert till.purse.spent == 0


async def test_what_is_set_aside_is_given_back():
    till = Till(PRICES)
    till.purse = Purse(0.004)
    for _ in range(3):
        async with till.bill(400, 50) as bill:
            bill.report(Usage(100, 5), "x")

    assert not till.purse.refused


async def test_what_calls_under_way_may_leave_is_waited_for():
    purse = Purse(10)
    assert await purse.hold(6)
    second = asyncio.ensure_future(purse.hold(6))
    third = asyncio.ensure_future(purse.hold(6))
    await asyncio.sleep(0)
    assert not second.done()

    purse.settle(6, cost=1)
    assert await second
    purse.settle(6, cost=6)
    assert not await third
    assert purse.spent == 7


async def test_who_waits_for_money_is_not_overtaken():
    """A later query would be paid for, and not written, as an earlier one had to go without."""
    purse = Purse(10)
    assert await purse.hold(6)
    waiting = asyncio.ensure_future(purse.hold(6))
    await asyncio.sleep(0)

    purse.settle(6, cost=1)  # enough for one of them, and the one that waits has not run yet
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await purse.hold(6)
    assert await waiting


async def test_what_is_not_free_in_time_is_late():
    till = Till(PRICES)
    till.purse = Purse(0.004)
    async with till.bill(400, 50):
        with pytest.raises(Unscored) as unscored:
            async with till.bill(400, 50, deadline=asyncio.get_running_loop().time()):
                pytest.fail("not to be reached")

    assert unscored.value.reason is Reason.LATE
    assert not till.purse.refused


async def test_nothing_is_waited_for_but_calls():
    """Sums of what is held and given back may be off by a rounding."""
    purse = Purse(4.0)
    for most in (0.8, 0.8, 0.8, 0.7):
        assert await purse.hold(most)
    for most in (0.8, 0.8, 0.8, 0.7):
        purse.settle(most, cost=0.875)

    assert await asyncio.wait_for(purse.hold(0.5), 1)


async def test_refusals_are_noted_where_they_are_met():
    purse = Purse(1)

    async def pay(most):
        noted = refusals()
        await asyncio.create_task(purse.hold(most))
        return len(noted)

    assert await asyncio.gather(pay(2), pay(1), pay(3)) == [1, 0, 1]


async def test_without_prices_all_is_free_and_said_to_be_unknown():
    till = Till(Prices())
    till.purse = Purse(0.0)
    async with till.bill(10**9, 10**9) as bill:
        bill.report(Usage(10**9, 10**9), "x")

    assert not till.priced
    assert Till(PRICES).priced


CALLS = st.lists(
    st.tuples(
        st.integers(0, 10**6),
        st.integers(1, 10**5),
        st.floats(0, 1),
        st.sampled_from(["told", "silent", "dies"]),
    )
)


@given(CALLS, st.floats(0, 10))
async def test_never_more_is_spent_than_there_is(calls, limit):
    """Whatever calls take, if only a token is a byte at least, and answers keep to their limit."""
    till = Till(PRICES)
    till.purse = Purse(limit)
    paid = 0.0
    for sent, most_output, share, kind in calls:
        real = Usage(int(sent * share), int(most_output * share))
        try:
            async with till.bill(sent, most_output) as bill:
                paid += PRICES.of(real)
                if kind != "dies":
                    bill.report(real if kind == "told" else None, "words")
        except Unscored:
            pass
    assert paid <= till.purse.spent + 1e-9 <= limit + 2e-9
