"""Optimizer: parameter groups, state in Variables, and the way from a loss to updated parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from chainrule import ops
from chainrule.array import is_floating
from chainrule.compile import Followed
from chainrule.errors import CheckpointError, ConfigError, GradientError, suggest
from chainrule.graph import TRACE, RowSparse, Tensor, Variable, as_tensor, changed, gradients, wrap
from chainrule.graph.context import RECORDING
from chainrule.ops.rows import set_rows
from chainrule.optim.clipping import clip_gradients, distinct_rows, masked

__all__ = ["DIALECTS", "Group", "Optimizer"]

DIALECTS = ("paper", "pytorch", "keras")

_LARGE = 1 << 16
"""A parameter with more entries than this is updated by itself, so that its old values and state are gone before the
next one's new ones are made; smaller ones are updated together, as each call costs more than their numbers."""


class _Options(dict[str, Any]):
    """Hyperparameters by name; compiled functions follow when one is set."""

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        changed()


class Group(Followed):
    """Parameters that share their hyperparameters.

    Attributes:
        parameters: the Variables.
        options: the other hyperparameters; a compiled step is compiled again when one is set.
        first_lr: the learning rate it was made with.
    """

    def __init__(self, parameters: list[Variable], lr: float, options: dict[str, Any]) -> None:
        self.parameters = parameters
        self.options = _Options(options)
        self.first_lr = lr
        self._lr = Variable(wrap(np.asarray(lr, np.float64)), name="learning rate")

    @property
    def lr(self) -> Variable:
        """The learning rate, a 0-d float64 Variable, so that compiled steps see every change; a number may be set."""
        return self._lr

    @lr.setter
    def lr(self, value: float | Tensor) -> None:
        if not isinstance(value, Tensor):
            if not 0.0 <= value < math.inf:
                raise ConfigError(f"A learning rate is a number of at least 0, got {value!r}.")
            value = wrap(np.asarray(value, np.float64))
        self._lr.assign(value)

    @property
    def _hyperparameters(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.options.items())


class Optimizer(Followed):
    """The base of all update rules.

    A rule is a pure function of the gradient, the parameter and the rule's state to the step and the new state;
    everything around it is here. All state is made with the optimizer, so that compiled functions can use it.

    Arguments:
        parameters: Variables, or dictionaries `{"params": [...], "lr": ..., ...}` for groups with hyperparameters of
            their own.
        lr: the learning rate; `optimizer.lr = 0.01` changes it at any time, in all groups, without a new compilation.
        weight_decay: λ; how it enters is said by each rule: L2 adds λθ to the gradient, decoupled decay shrinks θ by
            itself. It applies to all parameters of the group, biases too (`decay_groups` leaves them out).
        clip_norm: scales all gradients down together where their common norm is larger.
        clip_value: cuts every entry of the gradients to ±clip_value.
        lazy: whether a row-sparse gradient (of an embedding) updates just its rows, at a cost that does not grow with
            the table (compiled; eagerly the table is copied once). Rows that a batch does not touch then keep their
            state, which is exact for SGD and AdaGrad without weight decay; for rules with moving averages these do not
            decay in the meantime. False takes such gradients as dense.
        dialect: "paper", "pytorch" or "keras": whose definition and defaults, where they differ.

    Attributes:
        groups: the parameter groups.
        count: how many steps were taken, an int64 Variable.

    Raises:
        ConfigError: for no parameters, one given twice, or a hyperparameter that does not exist or cannot be.
    """

    name: ClassVar[str] = "optimizer"
    slots: tuple[str, ...] = ()
    """The names of what the rule remembers of each parameter, each of its shape and dtype, 0 at first."""

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float,
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        lazy: bool = True,
        dialect: str = "paper",
        **options: Any,
    ) -> None:
        if dialect not in DIALECTS:
            raise ConfigError(
                f"There is no dialect {dialect!r}.{suggest(dialect, DIALECTS)}", fix=f"one of {', '.join(DIALECTS)}"
            )
        for value, what in ((clip_norm, "clip_norm"), (clip_value, "clip_value")):
            if value is not None and not value > 0:
                raise ConfigError(f"{what} is a number above 0, or None for no clipping, got {value!r}.")
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.lazy = lazy
        self.dialect = dialect
        self.groups = self._groups(parameters, lr, {"weight_decay": weight_decay, **options})
        self.count = Variable(np.int64(0), name="step count")
        self._state: dict[int, tuple[Variable, ...]] = {
            id(p): tuple(self._slot(slot, p) for slot in self.slots) for p in self.parameters
        }

    def _groups(self, parameters: Iterable[Any], lr: float, options: dict[str, Any]) -> list[Group]:
        if isinstance(parameters, Tensor | Mapping):
            raise ConfigError(
                f"{type(self).__name__} needs a list of parameters, got a {type(parameters).__name__}.",
                fix="[parameter]",
            )
        given = list(parameters)
        dicts: list[Any] = given if given and all(isinstance(item, Mapping) for item in given) else [{"params": given}]
        groups = []
        seen: set[int] = set()
        known = {"params", "lr", *options}
        for item in dicts:
            for key in item:
                if key not in known:
                    raise ConfigError(f"{type(self).__name__} has no option {key!r} for a group.{suggest(key, known)}")
            listed = item.get("params", ())
            members: list[Any] = [listed] if isinstance(listed, Tensor) else list(listed)
            for p in members:
                if not isinstance(p, Variable) or not is_floating(p.dtype):
                    raise ConfigError(
                        f"{type(self).__name__} updates floating Variables, got {p!r}.", fix="model.parameters()"
                    )
                if id(p) in seen:
                    raise ConfigError(f"The parameter {p.name or p.shape} was given twice.")
                seen.add(id(p))
            own = {key: item.get(key, value) for key, value in options.items()}
            rate = item.get("lr", lr)
            self.check(rate, own)
            groups.append(Group(members, float(rate), own))
        if not seen:
            raise ConfigError(
                f"{type(self).__name__} was given no parameters.",
                fix="optim.Adam(model.parameters()), with a model that has some",
            )
        return groups

    def __init_subclass__(cls, **options: Any) -> None:
        """A rule that is changed is not passed over by the inherited form for many parameters at once."""
        super().__init_subclass__(**options)
        if ("rule" in vars(cls) or "decayed" in vars(cls)) and "rules" not in vars(cls):
            cls.rules = Optimizer.rules

    # -- what a rule defines ------------------------------------------------------------------------------------------

    def check(self, lr: float, options: dict[str, Any]) -> None:
        """Refuses hyperparameters that cannot be."""
        for value, what in ((lr, "lr"), (options["weight_decay"], "weight_decay")):
            if not isinstance(value, int | float) or not (0.0 <= value < math.inf):
                raise ConfigError(f"{type(self).__name__}: {what} is a number of at least 0, got {value!r}.")
        for what, value in options.items():
            if what in ("beta1", "beta2", "decay", "momentum") and not 0.0 <= value < 1.0:
                raise ConfigError(f"{type(self).__name__}: {what} lies between 0 and 1 (without it), got {value!r}.")
            if what == "epsilon" and not value >= 0:
                raise ConfigError(f"{type(self).__name__}: epsilon is at least 0, got {value!r}.")

    def _slot(self, slot: str, p: Variable) -> Variable:
        first = np.full(self.slot_shape(slot, p.shape), self.first(slot), p.dtype)
        return Variable(wrap(first), name=f"{p.name}.{slot}")

    def slot_shape(self, slot: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of what is remembered under this name of a parameter of this shape."""
        return shape

    def first(self, slot: str) -> float:
        """What a slot holds before the first step."""
        return 0.0

    def scales(self, group: Group) -> tuple[Tensor, ...]:
        """Numbers that all parameters of a group share in this step, in float64."""
        return (group.lr,)

    def rule(
        self, g: Tensor, p: Tensor, state: tuple[Tensor, ...], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        """The step to subtract from the parameter, and the new state of each slot."""
        raise NotImplementedError

    def rules(
        self,
        gs: list[Tensor],
        ps: list[Variable],
        states: list[tuple[Variable, ...]],
        scales: tuple[Tensor, ...],
        options: dict[str, Any],
    ) -> Iterable[tuple[Tensor, ...]]:
        """For each of several parameters its new value and state: `decayed` and `rule` for one after the other.

        What is met often has a faster form, one operation for all of them.
        """
        for g, p, state in zip(gs, ps, states, strict=True):
            delta, *new = self.rule(self.decayed(g, p, options), p, state, scales, options)
            yield p - delta, *new

    def decayed(self, g: Tensor, p: Tensor, options: dict[str, Any]) -> Tensor:
        """The gradient with the weight decay that enters through it; rules with decoupled decay leave it as it is."""
        decay = options["weight_decay"]
        return g + decay * p if decay else g

    # -- steps --------------------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> list[Variable]:
        """All parameters, group by group."""
        return [p for group in self.groups for p in group.parameters]

    @property
    def lr(self) -> Variable:
        """The learning rate of the first group; assigning sets that of all groups, to a number or a Tensor."""
        return self.groups[0].lr

    @lr.setter
    def lr(self, value: float | Tensor) -> None:
        for group in self.groups:
            group.lr = value

    def zero_grad(self) -> None:
        """Forgets the gradients of all parameters."""
        for p in self.parameters:
            p.zero_grad()

    def step(self) -> None:
        """Updates the parameters by their `.grad`, which stays; those without one are left as they are.

        Raises:
            GradientError: when none has a gradient.
        """
        self.update([p.grad for p in self.parameters])

    def minimize(self, loss: Tensor | Callable[[], Tensor]) -> Tensor:
        """Updates the parameters by the gradients of the loss, leaving `.grad` of each None; the whole of a training
        step.

        Arguments:
            loss: a single number, or a function that computes it.

        Returns:
            the loss.

        Differs from `zero_grad(); loss.backward(); step()`: Tensors that are not this optimizer's get no gradient, and
        none is kept, so a compiled step need not return them.

        Raises:
            GradientError: when the loss depends on none of the parameters.
        """
        made = loss() if callable(loss) else loss
        parameters = self.parameters
        wanted = [p for p in parameters if p.requires_grad]
        found = {id(p): g for p, g in gradients([made], [None], wanted=wanted)}
        for p in parameters:
            p.grad = None
        self.update([found.get(id(p)) for p in parameters])
        return made

    def update(self, given: list[Any]) -> None:
        """One step by these gradients, one for each of `parameters`: a Tensor, a RowSparse, or None for no update."""
        if not [g for g in given if g is not None]:
            raise GradientError(
                f"None of the {len(given)} parameters of {type(self).__name__} has a gradient.",
                fix="loss.backward() before step(); or a loss that is computed from these parameters, outside of "
                "cr.no_grad(), unfrozen",
            )
        trace = TRACE.get()
        if trace is not None:
            self._tell_settings(trace)
            for group in self.groups:
                trace.guard(group, "_hyperparameters", group._hyperparameters)
        recording = RECORDING.set(False)
        try:
            self.count.assign(self.count + 1)
            prepared = [masked(self._prepare(g), p) for g, p in zip(given, self.parameters, strict=True)]
            if self.clip_norm is not None or self.clip_value is not None:
                prepared = clip_gradients(prepared, self.clip_norm, self.clip_value, self.dialect)
            rest = iter(prepared)
            for group in self.groups:
                scales, options = self.scales(group), group.options
                ps: list[Variable] = []
                gs: list[Tensor] = []
                for p in group.parameters:
                    g = next(rest)
                    if isinstance(g, RowSparse):
                        self.update_rows(p, g, scales, options)
                    elif g is not None and g.size > _LARGE:
                        self.update_dense([p], [g], scales, options)
                    elif g is not None:
                        ps.append(p)
                        gs.append(g)
                if ps:
                    self.update_dense(ps, gs, scales, options)
        finally:
            RECORDING.reset(recording)

    def _prepare(self, g: Any) -> Any:
        if isinstance(g, RowSparse):
            return distinct_rows(g) if self.lazy else g.dense()
        if g is None or (type(g) is Tensor and not g.requires_grad):
            return g
        return as_tensor(g).detach()

    def update_dense(
        self, ps: list[Variable], gs: list[Tensor], scales: tuple[Tensor, ...], options: dict[str, Any]
    ) -> None:
        """Updates whole parameters of a group."""
        states = [self._state[id(p)] for p in ps]
        for p, state, new in zip(ps, states, self.rules(gs, ps, states, scales, options), strict=True):
            for variable, value in zip((p, *state), new, strict=True):
                variable.assign(value)

    def update_rows(self, p: Variable, g: RowSparse, scales: tuple[Tensor, ...], options: dict[str, Any]) -> None:
        """Updates the rows of a parameter that its gradient touches, and their state; the rows are distinct."""
        slots = self._state[id(p)]
        p_rows = ops.take(p, g.rows, axis=0)
        state = tuple(ops.take(slot, g.rows, axis=0) for slot in slots)
        delta, *new = self.rule(self.decayed(g.values, p_rows, options), p_rows, state, scales, options)
        for slot, value in zip(slots, new, strict=True):
            slot.assign(set_rows(slot, g.rows, value))
        p.assign(set_rows(p, g.rows, p_rows - delta))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy's state belongs to the copy's parameters."""
        vars(self).update(state)
        self._state = dict(zip(map(id, self.parameters), state["_state"].values(), strict=True))

    # -- state on file ------------------------------------------------------------------------------------------------

    def named_variables(self) -> Iterator[tuple[str, Variable]]:
        """All state: the step count, the learning rates, and what is remembered of each parameter, under `<its
        number>.<slot>`.
        """
        yield "count", self.count
        for number, group in enumerate(self.groups):
            yield f"lr.{number}", group.lr
        for number, p in enumerate(self.parameters):
            for slot, variable in zip(self.slots, self._state[id(p)], strict=True):
                yield f"{number}.{slot}", variable

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all state by name."""
        return {name: np.array(variable.numpy()) for name, variable in self.named_variables()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over a `state_dict`; nothing is changed when anything does not fit.

        Raises:
            CheckpointError: naming what is missing, unexpected, or of another shape.
        """
        own = dict(self.named_variables())
        wrong = [f"missing: {name}" for name in own if name not in state]
        wrong += [f"unexpected: {name}.{suggest(name, own, 1)}" for name in state if name not in own]
        for name, variable in own.items():
            if name in state and np.shape(state[name]) != variable.shape:
                wrong.append(f"wrong shape: {name} is {variable.shape} here and {np.shape(state[name])} in the state")
        if wrong:
            raise CheckpointError(
                f"The state does not fit this {type(self).__name__}:\n  " + "\n  ".join(wrong),
                fix="the same update rule over the same parameters in the same order as when it was saved",
            )
        for name, variable in own.items():
            variable.assign(wrap(np.array(state[name], dtype=variable.dtype)))

    def __repr__(self) -> str:
        parts = []
        for group in self.groups:
            options = {"lr": float(group.lr), **group.options}
            parts.append(", ".join(f"{key}={value!r}" for key, value in options.items()))
        return f"{type(self).__name__}({'; '.join(parts)})"
