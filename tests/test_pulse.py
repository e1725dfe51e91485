"""How late the loop is, as beats tell it."""

from __future__ import annotations

import asyncio
import time

import pytest

from proxy.pulse import Pulse


def test_a_loop_that_keeps_time_has_no_lag():
    pulse = Pulse()
    for _ in range(10):
        pulse.beat(0.021)
    assert pulse.lag == 0.0


def test_a_lag_is_believed_at_once_and_fades():
    pulse = Pulse()
    pulse.beat(0.12)
    assert pulse.lag == pytest.approx(0.1)
    for _ in range(5):
        pulse.beat(0.02)
    assert pulse.lag == pytest.approx(0.05, rel=0.05)
    for _ in range(30):
        pulse.beat(0.02)
    assert pulse.lag == 0.0


async def test_a_loop_that_is_held_up_is_found_late():
    pulse = Pulse()
    task = asyncio.get_running_loop().create_task(pulse.run())
    assert pulse.lag == 0.0  # who asks wants it measured
    await asyncio.sleep(0)
    hold_up(0.06)
    await asyncio.sleep(0.03)
    task.cancel()
    assert pulse.lag > 0.02


async def test_a_pulse_that_nobody_asks_for_rests():
    pulse = Pulse(rest_after=2)
    beats = []
    pulse.beat = beats.append
    task = asyncio.get_running_loop().create_task(pulse.run())
    await asyncio.sleep(0.1)
    unasked = len(beats)
    assert pulse.lag == 0.0
    await asyncio.sleep(0.2)
    task.cancel()

    assert unasked == 0
    assert len(beats) == 2


def hold_up(seconds: float) -> None:
    time.sleep(seconds)
