"""What this namespace can do, as the array API standard lets other libraries ask."""

from __future__ import annotations

from typing import Any

from chainrule import array
from chainrule.array import default_dtypes
from chainrule.errors import ConfigError
from chainrule.ops.data_types import isdtype

__all__ = ["__array_api_version__", "__array_namespace_info__"]

__array_api_version__ = "2024.12"

_STANDARD = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float32", "float64", "complex64", "complex128",
)  # fmt: skip


class __array_namespace_info__:
    """Answers what the namespace can do: capabilities, devices, dtypes and their defaults.

    Example:
        >>> import chainrule as cr
        >>> cr.__array_namespace_info__().default_dtypes()["real floating"].name
        'float32'
    """

    __module__ = "chainrule"

    def capabilities(self) -> dict[str, Any]:
        """Boolean indexing and data-dependent shapes: yes eagerly; compiled functions refuse them with an
        explanation.
        """
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """Where eager Tensors live."""
        return "cpu"

    def devices(self) -> list[str]:
        """The devices that eager Tensors can live on; compiled functions use accelerators by themselves."""
        return ["cpu"]

    def default_dtypes(self, /, *, device: Any = None) -> dict[str, Any]:
        """The dtypes that are chosen where none is asked for."""
        _check_device(device)
        return default_dtypes()

    def dtypes(self, /, *, device: Any = None, kind: str | tuple[str, ...] | None = None) -> dict[str, Any]:
        """The standard's dtypes by name, of a kind or of several; bfloat16 is one more that the standard does not
        know.
        """
        _check_device(device)
        every = {name: getattr(array, "bool_" if name == "bool" else name) for name in _STANDARD}
        return every if kind is None else {name: dtype for name, dtype in every.items() if isdtype(dtype, kind)}


def _check_device(device: Any) -> None:
    if device not in (None, "cpu"):
        raise ConfigError(f"The only device of eager Tensors is 'cpu', not {device!r}.")
