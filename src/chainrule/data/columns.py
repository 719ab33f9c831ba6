"""What each column of a table is: a number, a category, a date, … , found out from its values and told."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from chainrule.data.missing import MISSING
from chainrule.data.parts import TablePart
from chainrule.errors import ConfigError, DataError, suggest

if TYPE_CHECKING:
    import polars as pl

__all__ = ["KINDS", "ColumnType", "as_booleans", "as_dates", "as_numbers", "as_text", "clean", "infer_types"]

KINDS = ("number", "category", "boolean", "date", "drop")
_MOSTLY = 0.95  # of the values that are there, how many must be numbers for the rest to count as mistakes
_WORDS = {"true": 1.0, "t": 1.0, "yes": 1.0, "y": 1.0, "false": 0.0, "f": 0.0, "no": 0.0, "n": 0.0}
_PAIRS = ({"true", "false"}, {"t", "f"}, {"yes", "no"}, {"y", "n"})
_FORMATS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%d %b %Y", "%b %d, %Y", "%d %B %Y"),
    *(f"%Y-%m-%d{gap}%H:%M{rest}" for gap in ("T", " ") for rest in (":%S%.f", ":%S%.fZ", ":%S%.f%:z", "")),
    *(
        "%m/%d/%Y %H:%M:%S",
        "%m/%d/%Y %H:%M",
        "%d/%m/%Y %H:%M:%S",
        "%d/%m/%Y %H:%M",
        "%d.%m.%Y %H:%M:%S",
        "%d.%m.%Y %H:%M",
    ),
)
_ID_NAME = re.compile(
    r"(^|[ _.-])(id|uuid|guid|index|rownum|row_?number|key)$|[a-z]I[dD]$|^column_1$|^Unnamed", re.IGNORECASE
)


@dataclass(frozen=True)
class ColumnType:
    """What a column was found to be.

    Arguments:
        name: the column's name.
        kind: `number`, `category`, `boolean`, `date`; or why it is left out: `text`, `identifier`, `constant`, `same`,
            `answer`, `nested`, `drop`.
        missing: how many values are missing.
        distinct: how many different values there are.
        form: how a date is written, or `","` for numbers with a decimal comma; empty elsewhere.
        note: why, where that is not plain.
        given: whether a person said so.
        numeric: whether its values are numbers, whatever the kind.
    """

    name: str
    kind: str
    missing: int
    distinct: int
    form: str = ""
    note: str = ""
    given: bool = False
    numeric: bool = False

    @property
    def keep(self) -> str:
        """The kind to ask for in order to keep a column that was left out."""
        return "number" if self.numeric else "category"

    @property
    def used(self) -> bool:
        """Whether the column becomes an input."""
        return self.kind in ("number", "category", "boolean", "date")


def clean(frame: pl.DataFrame, missing: Collection[str] = MISSING) -> pl.DataFrame:
    """Text without surrounding blanks, and null for every sign of a missing value and for NaN."""
    import polars as pl
    from polars import selectors as cs

    frame = frame.with_columns(cs.categorical().cast(pl.String), cs.enum().cast(pl.String))
    text = cs.string()
    signs = [sign for sign in missing if sign]
    return frame.with_columns(text.str.strip_chars()).with_columns(
        pl.when(text.is_in(signs) | (text == "")).then(None).otherwise(text).name.keep(), cs.float().fill_nan(None)
    )


def infer_types(
    part: TablePart, *, types: Mapping[str, str] | None = None, skip: Collection[str] = ()
) -> list[ColumnType]:
    """The type of each column of a cleaned table, in order.

    Arguments:
        part: the table, its frame cleaned.
        types: kinds that a person gave, by column: one of `KINDS`, or a date format such as `"%d/%m/%Y"`.
        skip: columns to leave alone (the target).

    Raises:
        ConfigError: a kind or a column in `types` that does not exist. DataError: a column of numbers with some words
            in it.
    """
    types = dict(types or {})
    for name, kind in types.items():
        if name not in part.frame.columns:
            raise ConfigError(
                f"types names the column {name!r}, which the table does not have.{suggest(name, part.frame.columns)}"
            )
        if kind not in KINDS and "%" not in kind:
            raise ConfigError(
                f"types[{name!r}] is {kind!r}, expected one of {', '.join(KINDS)} or a date format such as '%d/%m/%Y'"
            )
    return [
        _given(part, s, types[s.name]) if s.name in types else _infer(part, s) for s in part.frame if s.name not in skip
    ]


def _given(part: TablePart, series: pl.Series, kind: str) -> ColumnType:
    missing, distinct = series.null_count(), series.drop_nulls().n_unique()
    form = ""
    if "%" in kind:
        kind, form = "date", kind
    elif kind == "date":
        form = _date_format(series) if series.dtype.is_(_polars().String) else ""
        if form is None:
            raise DataError(
                f"column {series.name!r} is to be a date, but its values are in no format that is known",
                where=part.place(int(np.argmax(series.is_not_null().to_numpy())), series.name),
                fix=f"give the format: types={{{series.name!r}: '%d/%m/%Y'}}",
            )
    elif kind == "number" and series.dtype == _polars().String and _decimal_commas(series):
        form = ","
    found = ColumnType(
        series.name, kind, missing, distinct, form, given=True, note="left out as asked" if kind == "drop" else ""
    )
    if found.kind in ("number", "boolean", "date"):  # say now, with the line, what does not fit
        {"number": as_numbers, "boolean": as_booleans, "date": as_dates}[found.kind](part, series, form)
    return found


def _infer(part: TablePart, series: pl.Series) -> ColumnType:
    pl = _polars()
    missing = series.null_count()
    if series.dtype.is_nested() or series.dtype in (pl.Object, pl.Binary):
        return ColumnType(series.name, "nested", missing, 0, note=f"holds values of type {series.dtype}")
    present = series.drop_nulls()
    distinct = present.n_unique()
    first = series.name == part.frame.columns[0]

    def found(kind: str, form: str = "", note: str = "") -> ColumnType:
        return ColumnType(series.name, kind, missing, distinct, form, note)

    if distinct == 0:
        return found("constant", note="has no values")
    if distinct == 1 and missing == 0:
        return found("constant", note=f"is always {str(present[0])[:40]!r}")
    if series.dtype == pl.Boolean:
        return found("boolean")
    if series.dtype.is_temporal():
        return found("number") if series.dtype in (pl.Duration, pl.Time) else found("date")
    if series.dtype.is_numeric():
        return _identifier_or_number(present, first, found)
    words = set(present.unique().str.to_lowercase()) if distinct <= 4 else set()
    if any(words == pair for pair in _PAIRS):
        return found("boolean")
    numbers = present.cast(pl.Float64, strict=False)
    good = len(present) - numbers.null_count()
    if good == 0 and _decimal_commas(series):
        return found("number", ",")
    if good == len(present):
        return _identifier_or_number(numbers, first, found)
    if good > _MOSTLY * len(present):
        as_numbers(part, series)  # raises, naming the rows
    form = _date_format(series)
    if form is not None:
        both = form.startswith("%m/%d/%Y") and _parses(present, form.replace("%m/%d", "%d/%m"))
        return found("date", form, "could be day/month as well as month/day, taken as month/day" if both else "")
    return _category_or_text(present, distinct, found)


def _identifier_or_number(present: pl.Series, first: bool, found: Callable[..., ColumnType]) -> ColumnType:
    """Whole numbers that only count the rows say nothing about a new row: a first column in order, or one called so."""
    values = present.to_numpy().astype(np.float64)
    probe = replace(found("number"), numeric=True)
    if probe.distinct == len(values) >= 20 and probe.missing == 0 and np.array_equal(values, np.round(values)):
        counts = values.max() - values.min() + 1 == len(values)
        if _ID_NAME.search(probe.name) or (first and counts and (np.diff(values) == 1).all()):
            return replace(probe, kind="identifier", note="numbers the rows" if counts else "is different in every row")
    return probe


def _category_or_text(present: pl.Series, distinct: int, found: Callable[..., ColumnType]) -> ColumnType:
    rows = len(present)
    if distinct == rows and rows >= 20:
        long = present.str.len_chars().mean()
        text = isinstance(long, float) and present.str.contains(" ").mean() > 0.5  # type: ignore[operator]
        return found("text" if text else "identifier", note="is different in every row")
    if distinct > 20 and distinct > 0.5 * rows:
        return found("text", note=f"{distinct:,} different values in {rows:,} rows")
    return found("category")


def _decimal_commas(series: pl.Series) -> bool:
    present = series.drop_nulls()
    return (
        len(present) > 0
        and bool(present.str.contains(r"^[+-]?\d+(,\d+)?$").all())
        and bool(present.str.contains(",").any())
    )


def _date_format(series: pl.Series) -> str | None:
    """The first known format in which all values are dates."""
    present = series.drop_nulls()
    if len(present) == 0 or not present.head(20).str.contains(r"^\d.*[-/. ].*\d|^[A-Za-z]{3,9} \d").all():
        return None
    return next((form for form in _FORMATS if _parses(present.head(20), form) and _parses(present, form)), None)


def _parses(present: pl.Series, form: str) -> bool:
    return _parse_dates(present, form).null_count() == 0


def _parse_dates(text: pl.Series, form: str) -> pl.Series:
    """Date-times in microseconds, zones taken to UTC; null where the text is none."""
    pl = _polars()
    try:
        if not any(mark in form for mark in ("%H", "%M", "%I", "%T", "%R")):
            return text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
        parsed = text.str.to_datetime(form, strict=False, time_unit="us")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ConfigError(
            f"{form!r} is no date format: {str(error).splitlines()[0]}", fix="for example '%d/%m/%Y'"
        ) from None
    return parsed.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if "z" in form else parsed


def as_numbers(part: TablePart, series: pl.Series, form: str = "") -> np.ndarray:
    """The column as float64, NaN where missing.

    Raises:
        DataError: a value that is no number, or is infinite, with its row.
    """
    pl = _polars()
    if series.dtype == pl.String:
        text = series.str.replace(",", ".", literal=True) if form == "," else series
        numbers = text.cast(pl.Float64, strict=False)
        bad = np.flatnonzero((numbers.is_null() & series.is_not_null()).to_numpy())
        if bad.size:
            row, name = int(bad[0]), series.name
            raise DataError(
                f"column {name!r} holds numbers, but {str(series[row])[:60]!r} in {part.rows_in_words(bad[:1])} is none"
                + (f" ({part.rows_in_words(bad)})" if bad.size > 1 else ""),
                where=part.place(row, name),
                fix="correct the cell, leave it empty if unknown, add the word to missing=[…], or, when "
                f"training, types={{{name!r}: 'category'}}",
            )
    elif series.dtype == pl.Time:
        numbers = series.cast(pl.Int64).cast(pl.Float64) / 3.6e12  # hours
    elif series.dtype == pl.Duration:
        numbers = series.dt.total_microseconds().cast(pl.Float64) / 1e6  # seconds
    elif series.dtype.is_numeric() or series.dtype in (pl.Boolean, pl.Null):
        numbers = series.cast(pl.Float64)
    else:
        raise DataError(
            f"column {series.name!r} held numbers in training and holds {series.dtype} now",
            where=part.place(0, series.name),
        )
    values = numbers.to_numpy()  # a null becomes NaN
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        raise DataError(
            f"column {series.name!r} holds {values[infinite[0]]}, which is not finite ({part.rows_in_words(infinite)})",
            where=part.place(int(infinite[0]), series.name),
            fix="correct the cell, or leave it empty if the value is unknown",
        )
    return values


def as_booleans(part: TablePart, series: pl.Series, form: str = "") -> np.ndarray:
    """The column as 0, 1 and NaN where missing.

    Raises:
        DataError: a value that is neither yes nor no, with its row.
    """
    pl = _polars()
    if series.dtype in (pl.Boolean, pl.Null) or series.dtype.is_numeric():
        values = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    else:
        text = as_text(series).str.to_lowercase().replace({"1": "true", "0": "false"})
        values = text.replace_strict(_WORDS, default=-1.0, return_dtype=pl.Float64).to_numpy()
        values = np.where(text.is_null().to_numpy(), np.nan, values)
    bad = np.flatnonzero(~np.isnan(values) & (values != 0) & (values != 1))
    if bad.size:
        raise DataError(
            f"column {series.name!r} holds yes and no, but {str(series[int(bad[0])])[:60]!r} is neither",
            where=part.place(int(bad[0]), series.name),
            fix="correct the cell, leave it empty if unknown, or types={" + repr(series.name) + ": 'category'}",
        )
    return values


def as_dates(part: TablePart, series: pl.Series, form: str = "") -> np.ndarray:
    """The column as days since 1970-01-01 in float64, the time of day as a fraction, NaN where missing.

    Raises:
        DataError: a value that is no date of the given format, with its row.
    """
    pl = _polars()
    if series.dtype == pl.String:
        moments = _parse_dates(series, form or "%Y-%m-%d")
        bad = np.flatnonzero((moments.is_null() & series.is_not_null()).to_numpy())
        if bad.size:
            raise DataError(
                f"column {series.name!r} holds dates like {form or '%Y-%m-%d'}, but "
                f"{str(series[int(bad[0])])[:60]!r} is none",
                where=part.place(int(bad[0]), series.name),
                fix="correct the cell, or leave it empty if unknown",
            )
    elif series.dtype in (pl.Date, pl.Datetime, pl.Null):
        if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        moments = series.cast(pl.Datetime("us"))
    else:
        raise DataError(
            f"column {series.name!r} held dates in training and holds {series.dtype} now",
            where=part.place(0, series.name),
        )
    return (moments.cast(pl.Int64).cast(pl.Float64) / 86_400e6).fill_null(float("nan")).to_numpy()


def as_text(series: pl.Series) -> pl.Series:
    """The column as text in one spelling, whatever type a reader found: whole numbers without a decimal point."""
    pl = _polars()
    if series.dtype == pl.String:
        return series
    if series.dtype.is_float():
        whole = bool(((series == series.round()) | series.is_null()).all()) and bool(
            (series.abs() < 2**53).fill_null(True).all()
        )
        return series.cast(pl.Int64).cast(pl.String) if whole else series.cast(pl.String)
    try:
        return series.cast(pl.String)
    except pl.exceptions.PolarsError:
        raise DataError(f"column {series.name!r} holds {series.dtype}, which cannot be categories") from None


def _polars():  # noqa: ANN202
    """Polars, loaded when the first table is."""
    import polars

    return polars
