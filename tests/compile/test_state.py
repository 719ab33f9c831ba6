"""Variables around a program: it takes over their memory, and nobody who holds the same values may notice."""

import signal
import threading
import time

import jax
import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import CompileError
from chainrule.graph import RowSparse


def counter(start: float = 0.0):
    """A Variable that is in a program's memory already, and the program that adds 1 to it."""
    a = cr.Variable(np.full(100, start, np.float32))

    @cr.compile
    def add():
        a.assign(a + 1.0)

    add()
    return a, add


def test_a_variable_that_is_returned_has_its_new_value():
    a, _ = counter()

    @cr.compile
    def add():
        before = a.detach()
        a.assign(a + 1.0)
        return a, {"before": before, "again": a}

    now, more = add()
    add()
    assert [float(x[0]) for x in (now, more["before"], more["again"], a)] == [2.0, 1.0, 2.0, 3.0]
    read = cr.compile(lambda: a)
    first = read()
    a.assign(a * 10.0)
    assert [float(first[0]), float(read()[0])] == [3.0, 30.0]


def test_what_shares_a_variables_memory_keeps_its_values():
    a, add = counter()
    same = cr.Variable(np.zeros(100))
    same.assign(a)
    add()
    detached = a.detach()
    add()
    view = a.numpy()
    add()
    assert [float(x[0]) for x in (same, detached, view, a)] == [1.0, 2.0, 3.0, 4.0]


def test_two_variables_may_hold_one_array():
    a, b = cr.Variable(np.zeros(100)), cr.Variable(np.ones(100))

    @cr.compile
    def step():
        a.assign(a + 1.0)
        b.assign(b + 2.0)

    step()
    a.assign(b)
    step()
    assert (float(a[0]), float(b[0])) == (4.0, 5.0)


def test_arrays_given_to_a_variable_stay_the_givers():
    a, add = counter()
    given = jax.numpy.zeros(100)
    a.assign(given)
    add()
    assert float(given[0]) == 0.0 and float(a[0]) == 1.0
    result = cr.compile(lambda x: x + 1.0)(np.zeros(100, np.float32))
    a.assign(result)
    add()
    assert float(result[0]) == 1.0 and float(a[0]) == 2.0


def test_a_large_variable_is_read_where_it_lies():
    given = np.arange(300_000, dtype=np.float32)
    a = cr.Variable(given)
    first = a.numpy()
    cr.compile(lambda: a * 2.0)()
    assert a.numpy().ctypes.data == first.ctypes.data != given.ctypes.data
    cr.compile(lambda: a.assign(a * 2.0))()
    np.testing.assert_array_equal(first, given)
    np.testing.assert_array_equal(a.numpy(), 2.0 * given)


def test_threads_may_run_one_step_at_once():
    a, add = counter()
    read = cr.compile(lambda: a.sum())
    read()
    failures: list[Exception] = []

    def work(function):
        try:
            for _ in range(100):
                function()
        except (RuntimeError, ValueError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(f,)) for f in (add, add, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert float(a[0]) == 201.0


@pytest.mark.slow  # shoots at a running program, and so depends on what else the machine does
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that interrupt")
def test_ctrl_c_during_a_program_loses_no_state():
    a, add = counter()
    add()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(8):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.01)
                started = time.perf_counter()
                while time.perf_counter() - started < 5:
                    add()
            except KeyboardInterrupt:
                pass
            assert np.isfinite(a.numpy()).all()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_row_sparse_gradients_from_before_are_taken_in():
    table = nn.Embedding(10, 2)

    @cr.compile
    def look_up(ids):
        table(ids).sum().backward()

    ids = cr.tensor([1, 1, 3])
    for _ in range(2):
        table.zero_grad()
        look_up(ids)
        assert isinstance(table.weight.grad, RowSparse)
        look_up(ids)
        assert table.weight.grad.numpy()[:4, 0].tolist() == [0.0, 4.0, 0.0, 2.0]
    assert len(look_up.compilations) == 2


def test_a_tensor_from_outside_cannot_collect_a_gradient_inside():
    outside = cr.tensor([1.0, 2.0], requires_grad=True)
    (outside * 3.0).sum().backward()

    @cr.compile
    def step(x):
        (outside * x).sum().backward()

    for _ in range(2):
        with pytest.raises(CompileError, match="only Variables can keep one") as caught:
            step(cr.ones((2,)))
        assert "nn.Parameter" in str(caught.value) and "test_state.py" in str(caught.value)
        assert outside.grad.tolist() == [3.0, 3.0]

    @cr.compile
    def inside(x):
        leaf = cr.tensor([1.0, 2.0], requires_grad=True)
        (leaf * x * x).sum().backward()
        (x := cr.tensor(1.0, requires_grad=True)).backward()
        return leaf.grad, x.grad

    assert [g.tolist() for g in inside(cr.tensor([3.0, 4.0]))] == [[9.0, 16.0], 1.0]


@pytest.mark.parametrize("write", [False, True])
def test_higher_derivatives_of_a_variable_that_programs_use(write):
    w = nn.Parameter([0.5, 1.0] if write else [1.0, 2.0])
    use = cr.compile(lambda: w.assign(w * 2.0) if write else w.sum())
    if write:
        use()  # which leaves its values in the program's memory
    y = (w * w * w).sum()
    if not write:
        use()  # which moves its values
    y.backward(create_graph=True)
    g, w.grad = w.grad, None
    g.sum().backward()
    np.testing.assert_array_equal(w.grad, [6.0, 12.0])
    if write:
        use()
        y = (w * w * w).sum()
        use()
        with pytest.raises(cr.errors.GradientError, match="assigned to after"):
            y.backward(create_graph=True)
