"""Tables that already have columns: Parquet and Arrow files, data frames of any library, dicts of columns."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.data.files import MAX_BYTES, existing
from chainrule.data.parts import TablePart
from chainrule.errors import DataError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["is_frame", "read_columnar_file", "read_frame"]


def is_frame(source: object) -> bool:
    """Whether this is a table in memory: a data frame of some library, or a dict of columns."""
    return (
        isinstance(source, Mapping)
        or type(source).__name__ == "LazyFrame"
        or hasattr(source, "__arrow_c_stream__")
        or (hasattr(source, "columns") and hasattr(source, "to_numpy"))
    )


def read_columnar_file(path: Path) -> TablePart:
    """A Parquet or Arrow IPC (Feather) file.

    Raises:
        DataError: missing, damaged, or without rows.
    """
    import polars as pl

    existing(path)
    parquet = path.suffix.lower() in (".parquet", ".pq")
    kind = "Parquet" if parquet else "Arrow"
    try:
        with path.open("rb") as file:
            start = file.read(6)
            file.seek(0, 2)
            size = file.tell()
        if size > MAX_BYTES:
            raise DataError(f"{path.name} has {size:,} bytes, more than the {MAX_BYTES:,} that are read at once")
        if not start.startswith(b"PAR1" if parquet else b"ARROW1"):
            raise DataError(f"{path.name} does not start as {kind} files do", fix=f"write it again as {kind}")
        frame = pl.read_parquet(path, glob=False) if parquet else pl.read_ipc(io.BytesIO(path.read_bytes()))
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror or error}") from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError, OverflowError, MemoryError) as error:
        if isinstance(error, DataError):
            raise
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path.name} is a damaged {kind} file: {first}", fix="write or fetch it again") from None
    return _part(frame, path.name)


def read_frame(source: Any, name: str = "the table") -> TablePart:
    """A data frame of any library that speaks Arrow (polars, pandas, pyarrow, DuckDB, …), or a dict of columns.

    Raises:
        DataError: columns of different lengths, names that are no text or occur twice, no rows.
    """
    import polars as pl

    if isinstance(source, TablePart):
        return source
    try:
        if isinstance(source, pl.DataFrame):
            frame = source
        elif isinstance(source, pl.LazyFrame):
            frame = source.collect()
        elif isinstance(source, Mapping):
            frame = pl.DataFrame([_series(str(key), values) for key, values in source.items()])
        else:
            frame = _foreign(source)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{name} of type {type(source).__name__} cannot be read as columns: {str(error).splitlines()[0]}",
            fix="every column needs the same number of values of one type",
        ) from None
    return _part(frame, name)


def _foreign(source: Any) -> pl.DataFrame:
    """A frame of another library: by the Arrow interface, or column by column where that needs what is not
    installed.
    """
    import polars as pl

    names = [str(name) for name in getattr(source, "columns", [])]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"the table has more than one column called {twice[0]!r}", fix="give each its own name")
    if hasattr(source, "__arrow_c_stream__"):
        try:
            return pl.DataFrame(source)
        except ImportError:  # pandas speaks Arrow through pyarrow only
            pass
    return pl.DataFrame([_series(str(name), source[name].to_numpy()) for name in source.columns])


def _series(name: str, values: Any) -> pl.Series:
    import polars as pl

    if isinstance(values, pl.Series):
        return values.alias(name)
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise DataError(f"column {name!r} has shape {values.shape}, expected one value per row: (N,)")
        if values.dtype.kind != "O":
            return pl.Series(name, values.astype(str) if values.dtype.kind in "SU" else values)
        values = values.tolist()
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise DataError(f"column {name!r} is {values!r}, expected a list of values, one per row")
    cells = [None if _absent(value) else value for value in values]
    kinds = {type(value) for value in cells if value is not None}
    if len(kinds) > 1 and not kinds <= {int, float, bool, np.float64, np.int64}:
        cells = [None if value is None else str(value) for value in cells]  # types are told from the text instead
    return pl.Series(name, cells, strict=False)


def _absent(value: Any) -> bool:
    """None, NaN, and pandas' NA and NaT, each of which is not equal to itself or refuses to say."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def _part(frame: pl.DataFrame, name: str) -> TablePart:
    if frame.width == 0 or frame.height == 0:
        raise DataError(f"{name} has {frame.height} rows and {frame.width} columns", fix="give a table with rows")
    stripped = [column.strip() for column in frame.columns]
    names = [column or f"column_{i + 1}" for i, column in enumerate(stripped)]
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise DataError(f"{name} has more than one column called {twice!r}", fix="give each its own name")
    return TablePart(frame.rename(dict(zip(frame.columns, names, strict=True))), name)
