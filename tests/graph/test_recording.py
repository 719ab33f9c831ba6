"""no_grad, enable_grad and detach: nested, decorated, in threads and in coroutines."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import chainrule as cr


@pytest.fixture
def x():
    return cr.tensor([1.0, 2.0], requires_grad=True)


def test_nothing_is_recorded_within_no_grad(x):
    with cr.no_grad():
        y = x * x
        assert not cr.is_recording()
    assert y.node is None and not y.requires_grad
    assert cr.is_recording()


def test_nesting_restores_what_was_outside(x):
    with cr.no_grad():
        with cr.enable_grad():
            assert (x * x).requires_grad
            with cr.no_grad():
                assert not (x * x).requires_grad
            assert (x * x).requires_grad
        assert not (x * x).requires_grad
    assert (x * x).requires_grad


def test_an_exception_restores_recording(x):
    with pytest.raises(RuntimeError), cr.no_grad():
        raise RuntimeError
    assert cr.is_recording()


def test_one_object_may_be_entered_again(x):
    off = cr.no_grad()
    with off, off:
        assert not cr.is_recording()
    assert cr.is_recording()


def test_as_a_decorator(x):
    @cr.no_grad()
    def predict(depth=2):
        assert not cr.is_recording()
        return predict(depth - 1) if depth else x * x

    assert predict().node is None
    assert cr.is_recording()


def test_an_error_in_backward_restores_recording(x):
    with pytest.raises(cr.errors.GradientError):
        (x * x).backward()
    assert cr.is_recording()


def test_threads_do_not_disturb_each_other(x):
    inside, leave = threading.Event(), threading.Event()
    seen = []

    def other():
        with cr.no_grad():
            inside.set()
            leave.wait(5)
            seen.append(cr.is_recording())

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(5)
    assert cr.is_recording() and (x * x).requires_grad
    leave.set()
    thread.join()
    assert seen == [False]


def test_one_object_shared_by_threads():
    off = cr.no_grad()
    gate = threading.Barrier(4)

    def enter(number):
        for _ in range(50):
            gate.wait(5)
            with off:
                gate.wait(5)
                assert not cr.is_recording()
            assert cr.is_recording()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(enter, range(4)))


def test_threads_build_graphs_at_once():
    weight = cr.Variable([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)

    def slope(k):
        for _ in range(30):
            value = cr.grad(lambda w: ((w * float(k)) ** 2).sum())(weight)
        return value.tolist()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(slope, range(1, 5)))
    assert found == [[[2.0 * k * k * v for v in row] for row in ([1.0, 2.0], [3.0, 4.0])] for k in range(1, 5)]


def test_coroutines_do_not_disturb_each_other(x):
    async def without():
        with cr.no_grad():
            await asyncio.sleep(0.01)
            assert not cr.is_recording()
            return (x * x).node is None

    async def recorded():
        await asyncio.sleep(0.005)
        return (x * x).node is not None

    async def both():
        return await asyncio.gather(without(), recorded(), without())

    assert asyncio.run(both()) == [True, True, True]


def test_one_object_shared_by_coroutines(x):
    off = cr.no_grad()

    async def task(seconds):
        with off:
            await asyncio.sleep(seconds)
            assert not cr.is_recording()
        return cr.is_recording()

    async def several():
        return await asyncio.gather(task(0.02), task(0.01), task(0.015))

    assert asyncio.run(several()) == [True, True, True]


def test_a_decorated_coroutine_records_nothing_while_it_runs(x):
    @cr.no_grad()
    async def predict():
        await asyncio.sleep(0)
        return x * x

    assert asyncio.run(predict()).node is None


def test_a_decorated_generator_is_refused():
    with pytest.raises(cr.errors.ConfigError, match="generator"):

        @cr.no_grad()
        def batches():
            yield 1


def test_detach_cuts_the_history(x):
    y = (x * x).detach()
    assert y.node is None and not y.requires_grad
    (x * y).sum().backward()
    assert x.grad.tolist() == [1.0, 4.0]


def test_what_is_made_without_recording_counts_as_a_constant(x):
    with cr.no_grad():
        scale = x.sum()
    (x * scale).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
