"""`compile`, and the function it makes."""

from __future__ import annotations

import copy
import functools
import inspect
import logging
import threading
import time
from collections.abc import Callable
from types import MethodType
from typing import Any, Generic, ParamSpec, TypeVar, overload

import numpy as np

from chainrule.array import current_precision, import_jax
from chainrule.compile.cache import no_cache, persistent_cache
from chainrule.compile.memory import keep_freed_memory, needs_much, pieces
from chainrule.compile.options import can_be_kept, options_for
from chainrule.compile.program import Compilation, Program, dense
from chainrule.compile.structure import describe, flatten, flatten_result, rebuild
from chainrule.compile.surroundings import Name, names_of, same
from chainrule.compile.trace import Discovery, NewStateError, Trace
from chainrule.errors import CompileError, LeakedTracerError, ShapeError
from chainrule.graph import TRACE, Tensor, Variable, enable_grad

__all__ = ["Compilation", "CompiledFunction", "compile"]

P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger("chainrule.compile")

_KEPT = 8
"""How many programs are kept that differ only in modes, settings and names; an older one goes."""

_OFTEN = 32
"""After how many compilations of one function the log warns."""


class CompiledFunction(Generic[P, R]):
    """A function that runs as one XLA program for each combination of shapes, dtypes, Python values and modes it meets.

    Attributes:
        compilations: a record of every compilation so far, with its reason.
    """

    def __init__(self, function: Callable[P, R], compiler_options: dict[str, Any] | None = None) -> None:
        functools.update_wrapper(self, function, updated=())  # a layer's attributes are not this object's
        self.function = function
        self.compilations: list[Compilation] = []
        self._options = compiler_options
        self._programs: dict[Any, list[Program]] = {}
        self._lock = threading.RLock()
        self._parameters = _parameter_names(function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs the program for these arguments; compiles it first where it is new."""
        return self._run(args, kwargs, scan=False)

    def scan(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs the function once for every entry of the leading axis of its array arguments, in one program.

        State is carried from one step to the next as in a Python loop, without returning to Python in between: small
        steps run many times faster. Results are stacked along a new leading axis.

        Example:
            >>> import chainrule as cr
            >>> total = cr.Variable(0.0)
            >>> @cr.compile
            ... def add(x):
            ...     total.assign(total + x)
            ...     return total * 1.0
            >>> add.scan(cr.tensor([1.0, 2.0, 3.0])).tolist()
            [1.0, 3.0, 6.0]
        """
        return self._run(args, kwargs, scan=True)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        # Programs belong to the object, so that they go when it goes.
        key = f"_compiled {self.function.__qualname__}"
        try:
            kept = vars(instance)
        except TypeError:  # an object with slots
            return functools.partial(self, instance)
        bound = kept.get(key)
        if bound is None or bound.function.__self__ is not instance:  # a shallow copy has the programs of the other
            bound = kept[key] = CompiledFunction(MethodType(self.function, instance), self._options)
        return bound

    def __deepcopy__(self, memo: dict[int, Any]) -> CompiledFunction[P, R]:
        return CompiledFunction(copy.deepcopy(self.function, memo), self._options)

    def __repr__(self) -> str:
        return (
            f"compile({getattr(self.function, '__qualname__', self.function)}: {len(self.compilations)} compilations)"
        )

    # -- finding the program ------------------------------------------------------------------------------------------

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any], scan: bool) -> Any:
        if TRACE.get() is not None:  # part of a larger program
            if scan:
                raise CompileError(
                    "scan cannot be used inside another compiled function.",
                    fix="loop in Python, or scan the outer function",
                )
            return self.function(*args, **kwargs)
        leaves: list[Any] = []
        structure = flatten((args, dict(sorted(kwargs.items()))) if kwargs else (args,), leaves)
        shapes = tuple([(leaf.shape, leaf.dtype) if type(leaf) is not float else ((), float) for leaf in leaves])
        key = (structure, shapes, scan, current_precision())
        program = self._find(key)
        if program is None:
            with import_jax().enable_x64(True), self._lock:
                program = self._find(key) or self._build(key, leaves)
        return program.run(leaves)

    def _find(self, key: Any) -> Program | None:
        for program in self._programs.get(key, ()):
            if program.broken_guard() is None:
                return program
        return None

    # -- making a program ---------------------------------------------------------------------------------------------

    def _build(self, key: Any, leaves: list[Any]) -> Program:
        jax = import_jax()
        structure, _, scan, _ = key
        started = time.perf_counter()
        names = names_of(self.function)
        if scan:
            lengths = {np.shape(leaf)[0] if np.ndim(leaf) else None for leaf in leaves}
            if len(lengths) != 1 or None in lengths:
                raise ShapeError(
                    "scan needs array arguments with one common leading axis, got "
                    f"{[np.shape(leaf) for leaf in leaves]}.",
                    fix="stack the batches along a new first axis, and pass single values as Variables or "
                    "Python numbers",
                )
        try:
            plan = self._explore(jax, structure, leaves, scan)
            program = self._compile(jax, key, leaves, plan, names, started)
        except jax.errors.UnexpectedTracerError as error:
            raise LeakedTracerError(
                "A Tensor from an earlier compilation is used inside this one; it never held a value.",
                fix="keep state between calls in Variables or Buffers with assign(), and return everything else",
            ) from error
        programs = self._programs.setdefault(key, [])
        programs.append(program)
        del programs[:-_KEPT]
        self.compilations.append(program.compilation)
        often = len(self.compilations) % _OFTEN == 0
        log.log(
            logging.WARNING if often else logging.INFO,
            "compiled %s in %.2f s: %s%s",
            getattr(self.function, "__qualname__", "?"),
            program.compilation.seconds,
            program.compilation.reason,
            f" (compiled {len(self.compilations)} times so far; what changes at every call belongs in a Tensor, a "
            "float or a Variable)"
            if often
            else "",
        )
        return program

    def _explore(self, jax: Any, structure: Any, leaves: list[Any], scan: bool) -> Discovery:
        """Runs the function on abstract values to learn which Variables it touches."""
        discovery = Discovery()

        def explore(*traced: Any) -> list[Any]:
            return self._trace(discovery, structure, list(traced))[1]

        explored = jax.make_jaxpr(explore)(*[_abstract(jax, leaf, scan) for leaf in leaves])
        if any(isinstance(constant, jax.core.Tracer) for constant in explored.consts):
            raise jax.errors.UnexpectedTracerError("a tracer of an earlier compilation")
        return discovery

    def _trace(self, trace: Trace, structure: Any, leaves: list[Any]) -> tuple[Any, list[Any]]:
        """What the function returns, as a structure and its arrays: a Variable among them counts with its new value."""
        token = TRACE.set(trace)
        try:
            with enable_grad():
                parts = rebuild(structure, iter(leaves))
                result = self.function(*parts[0], **(parts[1] if len(parts) > 1 else {}))
                arrays: list[Any] = []
                return flatten_result(result, arrays), arrays
        finally:
            TRACE.reset(token)
            trace.forget_leaf_grads()

    def _compile(
        self, jax: Any, key: Any, leaves: list[Any], plan: Discovery, names: list[Name], started: float
    ) -> Program:
        structure, shapes, scan, _ = key
        written = list(plan.written.values())
        read = [v for k, v in plan.variables.items() if k not in plan.written]
        with_grad = list(plan.with_grad.values())
        told: dict[str, Any] = {}

        def program(written_values: list[Any], read_values: list[Any], grads: list[Any], inputs: list[Any]) -> Any:
            def step(state: list[Any], inputs: list[Any]) -> Any:
                values = {id(v): x for v, x in zip([*written, *read], [*state, *read_values], strict=True)}
                trace = Trace(values, set(plan.written), {id(v): g for v, g in zip(with_grad, grads, strict=True)})
                trace.known_leaves = plan.leaves
                told["result"], arrays = self._trace(trace, structure, inputs)
                told["guards"] = trace.lasting_guards()
                told["ops"], told["rounds"] = frozenset(trace.ops), trace.rounds
                told["grads"], grad_arrays = _grads_of(trace, scan)
                new = [trace.values[id(v)] for v in written]
                return new, (arrays, grad_arrays)

            if scan:
                new, (arrays, _) = jax.lax.scan(step, written_values, inputs)
                return new, arrays, []
            new, (arrays, grad_arrays) = step(written_values, inputs)
            return new, arrays, grad_arrays

        values = [v._value for v in written], [v._value for v in read], [dense(v) for v in with_grad]
        try:
            traced = jax.jit(program, donate_argnums=(0,)).trace(*values, leaves)
        except NewStateError as error:
            raise CompileError(
                "The function touched other Variables when it ran for the second time; compiling needs it to "
                "do the same every time.",
                fix="remove what changes between calls, such as a counter or a list that grows",
            ) from error
        lowered, jaxpr = traced.lower(), traced.jaxpr.jaxpr
        options = {**options_for(told["ops"], told["rounds"], jaxpr), **(self._options or {})}
        with persistent_cache() if can_be_kept(jaxpr) else no_cache():
            compiled = lowered.compile(options)
        more = pieces(compiled)
        arguments = tuple(describe(structure, iter([(s, getattr(d, "name", "float")) for s, d in shapes])))
        compilation = Compilation(
            reason=self._reason(key, arguments),
            arguments=arguments,
            seconds=time.perf_counter() - started,
            variables=len(written) + len(read),
            written=len(written),
            ops=told["ops"],
        )
        had = [(v, v._grad is not None) for v in plan.read_first.values()]
        return Program(
            compiled=compiled,
            call=compiled,
            if_often=(lambda: self._in_kept_memory(compiled, lowered, more, options)) if needs_much(compiled) else None,
            written=written,
            read=read,
            with_grad=with_grad,
            grads_before=had,
            grads_after=told["grads"],
            result=told["result"],
            guards=told["guards"] + [(v, "dtype", v.dtype) for v in (*written, *read)],
            names=[name for name in names if same(name.now(), name.value)],
            compilation=compilation,
            in_64_bits=any(
                np.dtype(dtype).itemsize > 4 for dtype in (*(d for _, d in shapes), *(v.dtype for v in read))
            ),
        )

    def _in_kept_memory(self, compiled: Any, lowered: Any, more: dict[str, Any], options: dict[str, Any]) -> Any:
        """The program to go on with where one that needs much memory is called often: itself, or with more options, by
        which it cannot be written to the cache.
        """
        keep_freed_memory()
        if not more:
            return compiled
        started = time.perf_counter()
        with import_jax().enable_x64(True), no_cache():
            compiled = lowered.compile({**more, **options})
        log.info(
            "compiled %s once more in %.2f s: it needs much memory and is called often",
            getattr(self.function, "__qualname__", "?"),
            time.perf_counter() - started,
        )
        return compiled

    def _reason(self, key: Any, arguments: tuple[tuple[str, str], ...]) -> str:
        if not self.compilations:
            return "first call"
        for program in self._programs.get(key, ()):
            broken = program.broken_guard()
            if broken:
                return broken
        before = dict(self.compilations[-1].arguments)
        named = [
            f"argument {self._name(place)} was {before.get(place, 'absent')}, now {what}"
            for place, what in arguments
            if before.get(place) != what
        ]
        if named:
            return "; ".join(named)
        if any(key[:3] == known[:3] for known in self._programs):
            return f"precision is {key[3]} now"
        if any(known[2] == key[2] for known in self._programs):
            return "arguments were given in another way"
        return "first scan" if key[2] else "first single call"

    def _name(self, place: str) -> str:
        """`0.1` as the parameter's name."""
        parts = place.split(".")
        if parts[0] == "0" and len(parts) > 1 and int(parts[1]) < len(self._parameters):
            return ".".join([self._parameters[int(parts[1])], *parts[2:]])
        return ".".join(parts[1:]) or place


def _parameter_names(function: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def _abstract(jax: Any, leaf: Any, scan: bool) -> Any:
    if type(leaf) is float:
        return jax.ShapeDtypeStruct((), np.dtype("float64"), weak_type=True)
    return jax.ShapeDtypeStruct(leaf.shape[1:] if scan else leaf.shape, leaf.dtype)


def _grads_of(trace: Trace, scan: bool) -> tuple[list[tuple[Variable, str]], list[Any]]:
    """What the function left in `.grad` of the Variables it touched, as kinds and arrays."""
    kinds: list[tuple[Variable, str]] = []
    arrays: list[Any] = []
    for key, variable in trace.touched_grads.items():
        grad = trace.grads[key]
        if grad is None:
            kinds.append((variable, "none"))
            continue
        if scan:
            raise CompileError(
                f"The scanned function leaves a gradient in {variable.name or 'a Variable'}, which cannot be "
                "carried to the next step.",
                fix="use optimizer.minimize(loss), or end the step with optimizer.zero_grad()",
            )
        if isinstance(grad, Tensor):
            kinds.append((variable, "dense"))
            arrays.append(grad._data)
        else:
            kinds.append((variable, "rows"))
            arrays += [grad.rows._data, grad.values._data]
    return kinds, arrays


@overload
def compile(function: Callable[P, R], *, compiler_options: dict[str, Any] | None = None) -> CompiledFunction[P, R]: ...
@overload
def compile(
    *, compiler_options: dict[str, Any] | None = None
) -> Callable[[Callable[P, R]], CompiledFunction[P, R]]: ...
def compile(function: Any = None, *, compiler_options: dict[str, Any] | None = None) -> Any:
    """The function as one XLA program: forward, backward and update together, with nothing changed in it.

    Arguments:
        function: takes and returns Tensors, arrays, floats and nestings of them in lists, tuples, dictionaries and
            dataclasses. Other arguments (integers, strings, objects, Variables) are constants: a new one makes a new
            program. What it uses from outside is followed: the values of Variables without a new program; names, the
            settings of layers and update rules, training modes and `requires_grad` flags with one. Only what changes
            inside other objects is not, such as an entry of a list or of a NumPy array.
        compiler_options: XLA's, for this function alone; they go before those that chainrule chooses by the operations.

    The first call with new shapes, dtypes or modes compiles, and `compilations` says why; further calls only run the
    program. Results are Tensors without history. Print inside the function shows the tracing, once.

    Raises:
        TracedValueError: when Python needs a value (a branch, `float(x)`) that is not known yet.
        CompileError: when a Variable is made inside.
        LeakedTracerError: when a Tensor made inside is kept outside and used later.

    Differs from `torch.compile`: the whole function is one program, without fallbacks, and state is updated in place.
    Differs from
    `jax.jit`: Variables are found and updated, so the function need not be pure.

    Example:
        >>> import chainrule as cr
        >>> @cr.compile
        ... def norm(x):
        ...     return cr.sqrt((x * x).sum())
        >>> float(norm(cr.tensor([3.0, 4.0]))), len(norm.compilations)
        (5.0, 1)
    """
    if function is None:
        return functools.partial(compile, compiler_options=compiler_options)
    return CompiledFunction(function, compiler_options)
