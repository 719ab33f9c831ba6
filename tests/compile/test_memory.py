"""Programs that need much memory for themselves are compiled once more, to take it in pieces, and compute the same."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile import memory
from chainrule.compile.function import CompiledFunction
from chainrule.compile.program import Program


def chain(x: Any) -> Any:
    """A gradient, for which several large arrays are kept at the same time."""

    def value(x: Any) -> Any:
        y = x
        for _ in range(4):
            y = cr.tanh(y @ x)
        return y.sum()

    return cr.grad(value)(x).sum()


def only_program(function: CompiledFunction[Any, Any]) -> Program:
    ((program,),) = function._programs.values()
    return program


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_PIECE", 70_000)
    monkeypatch.setattr(memory, "_MUCH", 70_000)


@pytest.mark.parametrize("again", [True, False])
def test_a_program_that_is_called_often(again: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_MUCH", 70_000)
    if again:  # and not only kept in one piece
        monkeypatch.setattr(memory, "_PIECE", 70_000)
    function, x = cr.compile(chain), np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32)
    first = function(x).numpy()
    program = only_program(function)
    plain = program.compiled
    assert program.if_often is not None
    for _ in range(memory.CALLS):
        assert function(x).numpy() == first
    assert program.if_often is None and (program.compiled is not plain) is again
    assert len(function.compilations) == 1


def test_a_second_compilation_that_is_interrupted_is_made_up_for(
    small_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, x = cr.compile(chain), np.ones((128, 128), np.float32)
    first = function(x).numpy()
    program = only_program(function)
    again = program.if_often
    assert again is not None

    def interrupted() -> None:
        raise KeyboardInterrupt

    program.if_often = interrupted
    function(x)
    with pytest.raises(KeyboardInterrupt):
        function(x)
    program.if_often = again
    assert function(x).numpy() == first
    assert program.if_often is None


def test_memory_that_is_kept_anyhow_stays_in_one_piece() -> None:
    function = cr.compile(chain)
    function(np.ones((128, 128), np.float32))
    program = only_program(function)
    assert program.if_often is None


def test_nothing_is_gained_where_a_single_array_is_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_PIECE", 60_000)
    compiled = cr.compile(chain)
    compiled(np.ones((128, 128), np.float32))
    program = only_program(compiled)
    assert memory._needed(program.compiled) > memory._PIECE and not memory.pieces(program.compiled)


@pytest.mark.parametrize(
    ("text", "size"),
    [("f32[2,3]{1,0} s8[100] pred[7]", 100), ("%x = bf16[8,8]{1,0} f64[3]", 128), ("no arrays, f32[] alone", 0)],
)
def test_the_largest_array_of_a_program(text: str, size: int) -> None:
    assert memory._largest(text) == size


def test_the_c_library_is_asked_to_keep_memory_only_for_such_programs(
    small_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(import_module("chainrule.compile.function"), "keep_freed_memory", lambda: asked.append(True))
    large, small = cr.compile(chain), cr.compile(cr.exp)
    for _ in range(5):
        small(np.ones(3, np.float32))
        assert not asked
    for _ in range(5):
        large(np.ones((128, 128), np.float32))
    assert asked == [True]
    memory.keep_freed_memory()  # whatever the C library is
