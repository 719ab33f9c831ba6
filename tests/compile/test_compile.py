"""Compiled functions do what the same Python does eagerly, keep state in Variables, and say why they compile."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import jax
import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, ops
from chainrule.compile import compile as compile_function
from chainrule.errors import CompileError, LeakedTracerError, ShapeError, TracedValueError
from chainrule.graph import RowSparse, gradients


def test_same_values_as_eager_and_one_compilation():
    def f(x, y):
        return {"sum": (cr.exp(x) * y).sum(), "pair": (x + y, [x - y, None, "kept"])}

    compiled = compile_function(f)
    x, y = np.ones((3, 4), np.float32), np.arange(4, dtype=np.float32)
    eager, first, second = f(cr.tensor(x), cr.tensor(y)), compiled(x, y), compiled(cr.tensor(x), y)
    for result in (first, second):
        np.testing.assert_allclose(result["sum"].numpy(), eager["sum"].numpy(), rtol=1e-6)
        np.testing.assert_array_equal(result["pair"][1][0].numpy(), eager["pair"][1][0].numpy())
        assert result["pair"][1][1:] == [None, "kept"]
    assert len(compiled.compilations) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool", "bfloat16"])
def test_dtypes_are_those_of_eager(dtype):
    x = cr.asarray(np.array([0, 1, 2]), dtype=dtype)
    for f in (lambda x: x * 2, lambda x: x + 1.5, lambda x: cr.sum(x), lambda x: cr.astype(x, cr.float64) + x):
        if dtype == "bool" and f(cr.ones((1,))).ndim == 0:
            continue
        try:
            expected = f(x)
        except TypeError:
            continue
        assert compile_function(f)(x).dtype == expected.dtype


def test_variables_are_found_written_and_read():
    w, scale, unused = cr.Variable([1.0, 2.0]), cr.Variable(3.0), cr.Variable(9.0)

    @compile_function
    def step(x):
        w.assign(w + scale * x)
        return w * 1.0

    assert step(cr.tensor([1.0, 1.0])).tolist() == [4.0, 5.0]
    scale.assign(1.0)
    assert step(cr.tensor([1.0, 1.0])).tolist() == [5.0, 6.0]
    assert w.tolist() == [5.0, 6.0] and unused.item() == 9.0
    assert (step.compilations[0].variables, step.compilations[0].written, len(step.compilations)) == (2, 1, 1)


def test_a_view_taken_before_a_step_keeps_its_values():
    w = cr.Variable(np.zeros(1000, np.float32))
    step = compile_function(lambda: w.assign(w + 1.0))
    step()
    before, detached = w.numpy(), w.detach()
    step()
    assert before[0] == 1.0 and detached.numpy()[0] == 1.0 and w.numpy()[0] == 2.0


def test_backward_inside_and_gradients_left_outside():
    w = cr.Variable([1.0, 2.0], requires_grad=True)

    @compile_function
    def step(x):
        loss = (w * w * x).sum()
        loss.backward()
        return loss

    step(cr.tensor([1.0, 1.0]))
    assert w.grad is not None and w.grad.tolist() == [2.0, 4.0]
    step(cr.tensor([1.0, 1.0]))  # accumulates, as eagerly: another program, since now there is a gradient before
    assert w.grad.tolist() == [4.0, 8.0]
    step(cr.tensor([1.0, 1.0]))
    assert w.grad.tolist() == [6.0, 12.0]
    assert "gradient" in step.compilations[1].reason and len(step.compilations) == 2
    w.zero_grad()
    step(cr.tensor([1.0, 1.0]))
    assert w.grad.tolist() == [2.0, 4.0] and len(step.compilations) == 2


def test_row_sparse_gradients_come_out_as_rows():
    table = cr.Variable(np.ones((5, 2), np.float32), requires_grad=True)

    @compile_function
    def step(ids):
        ops.embedding(table, ids).sum().backward()

    step(np.array([1, 3, 1]))
    assert isinstance(table.grad, RowSparse)
    assert table.grad.numpy()[:, 0].tolist() == [0.0, 2.0, 0.0, 1.0, 0.0]


def test_random_streams_advance_and_draw_what_eager_draws():
    eager, compiled = cr.random.Stream(5), cr.random.Stream(5)
    draw = compile_function(lambda: (compiled.uniform((3,)), compiled.integers(0, 10, (4,)), compiled.permutation(6)))
    for _ in range(3):
        a, b, c = draw()
        np.testing.assert_array_equal(a.numpy(), eager.uniform((3,)).numpy())
        np.testing.assert_array_equal(b.numpy(), eager.integers(0, 10, (4,)).numpy())
        np.testing.assert_array_equal(c.numpy(), eager.permutation(6).numpy())
    assert len(draw.compilations) == 1


def test_reasons_for_compiling():
    @compile_function
    def f(x, times=2, rate=0.5):
        return x * times * rate

    x = np.ones((2, 3), np.float32)
    f(x)
    f(x, rate=0.25)  # passed by name: another structure
    f(x, rate=0.75)  # a float is an input, not a constant
    assert len(f.compilations) == 2
    f(x[:1], rate=0.5)
    assert "argument x was float32[2, 3], now float32[1, 3]" in f.compilations[-1].reason
    f(x.astype(np.int32), rate=0.5)
    assert "int32" in f.compilations[-1].reason
    f(x, 3)
    f(x, 4)
    assert "argument times was 3, now 4" in f.compilations[-1].reason


def test_requires_grad_is_followed():
    w = cr.Variable([1.0], requires_grad=True, name="w")
    f = compile_function(lambda x: (w * x).requires_grad)
    assert f(cr.tensor([1.0])) is True
    w.requires_grad = False
    assert f(cr.tensor([1.0])) is False
    assert "requires_grad of w changed from True to False" in f.compilations[-1].reason
    w.requires_grad = True
    assert f(cr.tensor([1.0])) is True and len(f.compilations) == 2


def test_an_exception_leaves_every_variable_as_it_was():
    w = cr.Variable([1.0, 2.0], requires_grad=True)

    @compile_function
    def step(x):
        w.assign(w * 2.0)
        w.grad = w * 1.0
        if x.shape[0] == 3:
            raise KeyError("mine")
        return w @ x

    with pytest.raises(KeyError, match="mine"):
        step(np.ones(3, np.float32))
    assert type(w._value) is np.ndarray and w.tolist() == [1.0, 2.0] and w.grad is None
    with pytest.raises(ShapeError, match="matmul"):
        step(np.ones(4, np.float32))
    assert w.tolist() == [1.0, 2.0]
    assert step(np.ones(2, np.float32)).item() == 6.0


def test_a_branch_on_a_traced_value_names_the_line_and_the_fix():
    @compile_function
    def f(x):
        if x.sum() > 0:  # the line to be named
            return x
        return -x

    with pytest.raises(TracedValueError) as caught:
        f(cr.tensor([1.0]))
    line = f.function.__code__.co_firstlineno + 2
    assert f"test_compile.py:{line} in f" in str(caught.value) and "cr.where" in str(caught.value)
    for use in (float, int, lambda x: x.item(), lambda x: x.numpy(), lambda x: np.asarray(x), lambda x: x.tolist()):
        with pytest.raises(TracedValueError):
            compile_function(lambda x, use=use: use(x))(cr.tensor([1.0]))
    with pytest.raises(TracedValueError, match="shape depends on values"):
        compile_function(lambda x: x[x > 0])(cr.tensor([1.0]))


def test_a_variable_made_inside_is_refused():
    with pytest.raises(CompileError, match="made inside a compiled function") as caught:
        compile_function(lambda x: cr.Variable([1.0]) + x)(cr.tensor([1.0]))
    assert "test_compile.py" in str(caught.value)


def test_a_leaked_tensor_is_recognised_when_it_is_used():
    kept = []

    @compile_function
    def f(x):
        kept.append(x * 2.0)
        return x

    f(cr.tensor([1.0]))
    with pytest.raises(LeakedTracerError):
        kept[0] + 1.0
    with pytest.raises(LeakedTracerError):
        compile_function(lambda x: x + kept[0])(cr.tensor([1.0]))


def test_scan_is_the_loop():
    def make():
        w = cr.Variable(np.ones(3), dtype=cr.float64, requires_grad=True)
        stream = cr.random.Stream(1)

        def step(x, y):
            loss = ((w @ x - y) ** 2) * (0.5 + stream.uniform((), dtype=cr.float64))
            (g,) = [g for _, g in gradients([loss], [None], wanted=[w])]
            w.assign(w.detach() - 0.1 * g)
            return loss

        return w, step

    rng = np.random.default_rng(0)
    xs, ys = cr.asarray(rng.normal(size=(20, 3))), cr.asarray(rng.normal(size=20))
    w1, step1 = make()
    eager = [step1(x, y).item() for x, y in zip(xs, ys, strict=True)]
    w2, step2 = make()
    scanned = compile_function(step2)
    np.testing.assert_allclose(scanned.scan(xs, ys).numpy(), eager, rtol=1e-12)
    np.testing.assert_allclose(w2.numpy(), w1.numpy(), rtol=1e-12)
    with pytest.raises(ShapeError, match="leading axis"):
        scanned.scan(xs, ys[:5])


def test_scan_refuses_to_carry_a_gradient():
    w = cr.Variable(1.0, requires_grad=True, name="w")
    with pytest.raises(CompileError, match="gradient in w"):
        compile_function(lambda x: (w * x).backward()).scan(cr.tensor([1.0, 2.0]))


def test_a_compiled_function_inside_another_is_part_of_it():
    inner = compile_function(lambda x: x * 2.0)
    outer = compile_function(lambda x: inner(x) + 1.0)
    assert outer(cr.tensor([1.0])).tolist() == [3.0] and not inner.compilations


def test_a_layer_compiles_for_several_shapes():
    layer = nn.Linear(2, 1)
    fast = cr.compile(layer)
    for rows in (1, 3):
        np.testing.assert_allclose(fast(cr.ones((rows, 2))).numpy(), layer(cr.ones((rows, 2))).numpy(), rtol=1e-6)
    assert "was float32[1, 2], now float32[3, 2]" in fast.compilations[1].reason


def test_methods_compile_for_each_object():
    class Counter:
        def __init__(self, start):
            self.count = cr.Variable(start)

        @compile_function
        def add(self, x):
            self.count.assign(self.count + x)
            return self.count * 1.0

    a, b = Counter(0.0), Counter(10.0)
    assert [a.add(1.0).item(), a.add(2.0).item(), b.add(1.0).item()] == [1.0, 3.0, 11.0]


def test_nothing_global_changes():
    names = (
        "jax_enable_x64",
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_debug_nans",
    )
    before = {name: getattr(jax.config, name) for name in names}
    environment, state = dict(os.environ), repr(np.random.get_state())  # noqa: NPY002 - the global state is the point
    compile_function(lambda x: cr.exp(x) * 1.25)(cr.asarray(np.ones(3)))
    assert {name: getattr(jax.config, name) for name in names} == before
    assert dict(os.environ) == environment
    assert repr(np.random.get_state()) == state  # noqa: NPY002
    assert jax.numpy.asarray(1.5).dtype == np.float32


def test_threads_do_not_disturb_each_other():
    w = cr.Variable(np.zeros(4, np.float32))
    inside, go_on, seen = threading.Event(), threading.Event(), []

    @compile_function
    def slow(x):
        y = w + x
        inside.set()
        go_on.wait(10)
        return y

    thread = threading.Thread(target=lambda: slow(cr.tensor(np.ones(4))))
    thread.start()
    assert inside.wait(10)
    seen.append((w * 1.0).tolist())  # eager, while the other thread traces
    go_on.set()
    thread.join()
    assert seen == [[0.0] * 4]


def test_programs_are_kept_on_disk(tmp_path: Path):
    program = "import chainrule as cr, numpy as np; cr.compile(lambda x: cr.exp(x) @ x)(np.ones((7, 7), np.float32))"
    environment = {**os.environ, "CHAINRULE_CACHE": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)

    def entries() -> list[str]:
        return sorted(p.name for p in (tmp_path / "cache").rglob("*") if p.is_file() and not p.name.endswith("atime"))

    before = entries()
    assert before
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    assert entries() == before
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        one = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); " + program
        subprocess.run([sys.executable, "-c", one], check=True, env=environment)
        assert len(entries()) > len(before)  # it is cut into other parts there
    unwritable = tmp_path / "file"
    unwritable.write_text("in the way")
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "CHAINRULE_CACHE": str(unwritable)})


def test_clearing_gradients_first_needs_one_program():
    w = cr.Variable([1.0, 2.0], requires_grad=True)

    @compile_function
    def step(x):
        w.zero_grad()
        (w * x).sum().backward()

    for _ in range(3):
        step(cr.tensor([3.0, 4.0]))
    assert w.grad.tolist() == [3.0, 4.0] and len(step.compilations) == 1
