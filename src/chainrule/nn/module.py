"""Module: what every layer and model is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from chainrule.array import as_dtype, is_floating
from chainrule.compile import Followed
from chainrule.errors import ChainruleError, CheckpointError, ConfigError, DtypeError, suggest
from chainrule.graph import SCOPE, TRACE, Tensor, Variable, as_tensor, changed, no_grad, wrap
from chainrule.graph.random import Stream
from chainrule.nn.variables import Parameter
from chainrule.nn.watching import WATCHERS

__all__ = ["Module"]

M = TypeVar("M", bound="Module")


class Module(Followed):
    """The base of layers and models: parameters, buffers and submodules are plain attributes, `forward` is the
    computation.

    Any attribute that is a `Parameter`, a `Buffer` (or another `Variable`), a random `Stream` or a `Module` belongs to
    it. Several modules in a row go into `Sequential`, `ModuleList` or `ModuleDict`; a plain list of modules is refused,
    since nobody would find them.

    Call the module, not `forward`: the call notes the layer's path (`encoder.0`), which nodes and error messages show.

    Attributes:
        training: whether layers such as Dropout and BatchNorm behave as in training; set by `train()` and `eval()`.

    Differs from PyTorch: `super().__init__()` may be left out; `state_dict` copies, and holds a shared parameter once;
    the state of random streams belongs to it.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import init, nn
        >>> class Scale(nn.Module):
        ...     def __init__(self, features):
        ...         super().__init__()
        ...         self.weight = nn.Parameter(init.ones((features,)))
        ...
        ...     def forward(self, x):
        ...         return x * self.weight
        >>> Scale(2)(cr.tensor([[1.0, 2.0]])).tolist()
        [[1.0, 2.0]]
    """

    _training: bool = True
    _name: str = ""

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """The computation; every layer and model defines its own."""
        raise ConfigError(
            f"{type(self).__name__} has no forward.", fix="define forward(self, x) in the class, returning the result"
        )

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Computes `forward`, with NumPy arrays taken in as Tensors, under this layer's path."""
        token = SCOPE.set((*SCOPE.get(), self._name)) if self._name else None
        trace = TRACE.get()
        if trace is not None:
            self._tell_settings(trace)
        try:
            inputs = tuple([as_tensor(x) if isinstance(x, np.ndarray) else x for x in inputs])
            outputs = self.forward(*inputs, **options)
            watchers = WATCHERS.get()
            if watchers:
                path = ".".join(SCOPE.get())
                for watcher in watchers:
                    watcher(path, self, inputs, outputs)
            return outputs
        except ChainruleError as error:
            self._locate(error, inputs)
            raise
        finally:
            if token is not None:
                SCOPE.reset(token)

    def _locate(self, error: ChainruleError, inputs: tuple[Any, ...]) -> None:
        """Adds to an error the innermost layer it happened in and what that layer was given."""
        if hasattr(error, "layer"):
            return
        path = ".".join(SCOPE.get())
        error.layer = path  # type: ignore[attr-defined]
        if self.label() in error.message:
            return
        got = ", ".join(f"{x.dtype} {x.shape}" if isinstance(x, Tensor) else type(x).__name__ for x in inputs)
        here = f"{self.label()} given {got or 'nothing'}"
        error.where = f"{error.where}; {here}" if error.where else here

    def label(self) -> str:
        """This layer in messages: its path and what it is, such as `layer '2' (Linear(128, 10))`; right only while it
        runs.
        """
        path = ".".join(SCOPE.get())
        kind = f"{type(self).__name__}({self.extra_repr()})"
        return f"layer {path!r} ({kind})" if path else kind

    # -- attributes ---------------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Module):
            value._rename(self._below(name))
            for path, variable in value._named_variables():
                variable.name = _joined(self._place(name), path)
        elif isinstance(value, Variable):
            value.name = name
        elif isinstance(value, Stream):
            value.state.name = name
        elif isinstance(value, list | tuple | dict) and not name.startswith("_"):
            _refuse_hidden(self, name, value)
        super().__setattr__(name, value)

    def _rename(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def _below(self, name: str) -> str:
        """What a module under this name adds to the path of the layers that are running."""
        return name

    def _place(self, name: str) -> str:
        """What a module under this name adds to the paths of what belongs to it."""
        return name

    @property
    def training(self) -> bool:
        trace = TRACE.get()
        if trace is not None:
            trace.guard(self, "training", self._training)
        return self._training

    @training.setter
    def training(self, value: bool) -> None:
        object.__setattr__(self, "_training", bool(value))
        changed()

    # -- what belongs to it -------------------------------------------------------------------------------------------

    def children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below, as (name, module)."""
        return ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module, whose path is the prefix, and all below it, as (path, module); each once."""
        seen: set[int] = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            below = [(_joined(path, module._place(name)), child) for name, child in module.children()]
            stack.extend(reversed(below))

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def _named_variables(self) -> Iterator[tuple[str, Variable]]:
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, value in vars(module).items():
                variable = value.state if isinstance(value, Stream) else value
                if isinstance(variable, Variable) and id(variable) not in seen:
                    seen.add(id(variable))
                    yield _joined(path, name), variable

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All parameters as (path, parameter), such as `"2.weight"`; a shared one once, under its first path."""
        return ((path, v) for path, v in self._named_variables() if isinstance(v, Parameter))

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (v for _, v in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Variable]]:
        """All state that is not learned, as (path, Variable): buffers and the states of random streams."""
        return ((path, v) for path, v in self._named_variables() if not isinstance(v, Parameter))

    def buffers(self) -> Iterator[Variable]:
        """All state that is not learned."""
        return (v for _, v in self.named_buffers())

    # -- state on file ------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers by path.

        Differs from PyTorch: later training does not change what was returned.
        """
        return {path: np.array(variable.numpy()) for path, variable in self._named_variables()}

    def load_state_dict(self, state: Mapping[str, Any], *, strict: bool = True) -> None:
        """Takes over the values of a `state_dict`; nothing is changed when anything does not fit.

        Arguments:
            state: arrays by path.
            strict: whether every path has to be there, and no other; without it those in common are taken over.

        Raises:
            CheckpointError: naming every missing path, every unexpected one with the nearest known name, and every
                wrong shape or dtype.
        """
        own = dict(self._named_variables())
        wrong = []
        if strict:
            wrong += [f"missing: {path} {own[path].shape}" for path in own if path not in state]
            missing = [path for path in own if path not in state]
            wrong += [f"unexpected: {path}.{suggest(path, missing or own, 1)}" for path in state if path not in own]
        arrays = {path: np.asarray(state[path]) for path in own if path in state}
        for path, array in arrays.items():
            if array.shape != own[path].shape:
                wrong.append(f"wrong shape: {path} is {own[path].shape} in the model and {array.shape} in the state")
            elif is_floating(array.dtype) != is_floating(own[path].dtype):
                wrong.append(f"wrong dtype: {path} is {own[path].dtype} in the model and {array.dtype} in the state")
        if wrong:
            raise CheckpointError(
                f"The state does not fit this {type(self).__name__}:\n  " + "\n  ".join(wrong),
                fix="build the model with the same sizes and options as the saved one, or load_state_dict(state, "
                "strict=False) "
                "to take over what has the same path",
            )
        for path in sorted(arrays, key=lambda path: isinstance(own[path], Parameter)):  # masks before what they mask
            own[path].assign(wrap(np.array(arrays[path])))

    def from_pytorch(self, entries: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """This layer's own entries of a PyTorch `state_dict`, by its own names and in its own layout; for
        `nn.load_pytorch`.
        """
        return entries

    # -- modes --------------------------------------------------------------------------------------------------------

    def train(self: M, mode: bool = True) -> M:
        """Sets `training` on this module and all below it; returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """`train(False)`."""
        return self.train(False)

    def freeze(self: M) -> M:
        """Takes all parameters out of training; running statistics of normalisations still follow the data unless in
        `eval`.
        """
        for parameter in self.parameters():
            parameter.requires_grad = False
            parameter.zero_grad()
        return self

    def unfreeze(self: M) -> M:
        """Takes all parameters into training again."""
        for parameter in self.parameters():
            parameter.requires_grad = True
        return self

    def to(self: M, dtype: Any) -> M:
        """Changes the dtype of all floating parameters and buffers, in place; gradients are forgotten.

        Make the optimizer afterwards: its state has the dtype of the parameters it was made with.

        Raises:
            DtypeError: for a dtype that is not floating.
        """
        wanted = as_dtype(dtype)
        if not is_floating(wanted):
            raise DtypeError(
                f"A model computes in floating numbers; {wanted} is not.",
                fix="to(cr.float32), or cr.float64 or cr.bfloat16",
            )
        for _, variable in self._named_variables():
            if is_floating(variable.dtype):
                variable._value = np.array(variable.numpy()).astype(wanted)
                variable.zero_grad()
        changed()
        return self

    def zero_grad(self) -> None:
        """Forgets the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def apply(self: M, function: Callable[[Module], Any]) -> M:
        """Calls the function with every module below and then with this one; returns the module."""
        for module in reversed(list(self.modules())):
            function(module)
        return self

    # -- to look at ---------------------------------------------------------------------------------------------------

    def summary(self, *inputs: Any) -> str:
        """A table of the layers: path, kind, output shape and number of parameters, from one forward pass without
        training.

        Arguments:
            inputs: what the model is called with: arrays, Tensors, or shapes such as `(1, 64)`, which stand for zeros
                of the parameters' dtype.

        Example:
            >>> from chainrule import nn
            >>> print(nn.Sequential(nn.Linear(64, 10), nn.ReLU()).summary((1, 64)))
            layer  kind        output   parameters
            -----  ----------  -------  ----------
                   Sequential  (1, 10)         650
            0      Linear      (1, 10)         650
            1      ReLU        (1, 10)           0
            650 parameters, 2.6 kB
        """
        from chainrule.nn.summary import summary

        return summary(self, inputs)

    def extra_repr(self) -> str:
        """What stands in the brackets of the module's representation: the arguments that made it."""
        return ""

    def __repr__(self) -> str:
        lines = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self.children()]
        if not lines:
            return f"{type(self).__name__}({self.extra_repr()})"
        extra = [self.extra_repr()] if self.extra_repr() else []
        return "\n  ".join([f"{type(self).__name__}(", *extra, *lines]) + "\n)"


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def _refuse_hidden(module: Module, name: str, value: Any) -> None:
    """A list of modules would look registered and not be: its parameters would never be trained or saved."""
    inside = value.values() if isinstance(value, dict) else value
    if any(isinstance(item, Module | Variable) for item in inside):
        kind = "ModuleDict" if isinstance(value, dict) else "ModuleList"
        raise ConfigError(
            f"{type(module).__name__}.{name} is a {type(value).__name__} with modules or parameters in it, which "
            "would not be trained or saved.",
            fix=f"self.{name} = nn.{kind}(...), or one attribute for each parameter",
        )


def quiet_forward(module: Module, inputs: tuple[Any, ...]) -> Any:
    """One forward pass that leaves no trace: evaluation mode, nothing recorded, every module's mode as it was
    afterwards.
    """
    modes = [(m, m._training) for m in module.modules()]
    try:
        module.eval()
        with no_grad():
            return module(*inputs)
    finally:
        for m, mode in modes:
            m.training = mode
