"""Modules that hold modules: in a row, in a list, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chainrule.errors import ConfigError
from chainrule.nn.module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Row(Module):
    """Modules as the attributes "0", "1", …, so that a layer's path is its place."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> Any:
        """Adds a module at the end; returns this one."""
        setattr(self, str(len(self)), _checked(self, module))
        return self

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self.children())

    def __getitem__(self, index: int | slice) -> Any:
        modules = list(self)
        if isinstance(index, slice):  # a view for running and looking; names stay those of the whole
            part = object.__new__(type(self))
            vars(part).update({str(i): m for i, m in enumerate(modules[index])}, _training=self._training)
            return part
        return modules[index]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, str(range(len(self))[index]), _checked(self, module))


class Sequential(_Row):
    """Modules one after the other: each is called with what the one before returned.

    Arguments:
        modules: in order, each as an argument.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> model(cr.ones((5, 4))).shape, model[0].out_features
        ((5, 3), 8)
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return x


class _Holder(Module):
    """Modules that another one calls: without a forward of its own, its name stands in theirs."""

    def _rename(self, name: str) -> None:
        super()._rename(name)
        for inner, module in self.children():
            module._rename(self._below(inner))

    def _below(self, name: str) -> str:
        return f"{self._name}.{name}" if self._name else name


class ModuleList(_Holder, _Row):
    """Modules in a list, for a forward that calls them as it likes.

    Example:
        >>> from chainrule import nn
        >>> layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
        >>> len(layers), [name for name, _ in layers.named_parameters()][:2]
        (3, ['0.weight', '0.bias'])
    """

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Adds modules at the end."""
        for module in modules:
            self.append(module)
        return self


class ModuleDict(_Holder):
    """Modules by name, for a forward that calls them as it likes.

    Example:
        >>> from chainrule import nn
        >>> heads = nn.ModuleDict({"mean": nn.Linear(8, 1), "spread": nn.Linear(8, 1)})
        >>> sorted(heads), heads["mean"].out_features
        (['mean', 'spread'], 1)
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        for name, module in (modules or {}).items():
            self[name] = module

    def __setitem__(self, name: str, module: Module) -> None:
        if not isinstance(name, str) or not name or "." in name or name.startswith("_") or hasattr(type(self), name):
            raise ConfigError(
                f"A module cannot be called {name!r} in a ModuleDict.",
                fix="a word that is not a method of Module, without dots",
            )
        setattr(self, name, _checked(self, module))

    def __getitem__(self, name: str) -> Module:
        found = vars(self).get(name)
        if not isinstance(found, Module):
            raise KeyError(name)
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and isinstance(vars(self).get(name), Module)

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.children())

    def keys(self) -> list[str]:
        """The names."""
        return list(self)

    def values(self) -> list[Module]:
        """The modules."""
        return [module for _, module in self.children()]

    def items(self) -> list[tuple[str, Module]]:
        """The (name, module) pairs."""
        return list(self.children())


def _checked(owner: Module, module: Any) -> Module:
    if not isinstance(module, Module):
        given = module.__name__ if isinstance(module, type) else type(module).__name__
        made = f"{given}()" if isinstance(module, type) else "an nn.Module"
        raise ConfigError(f"{type(owner).__name__} holds modules, got {module!r}.", fix=f"{made}, with its arguments")
    return module
