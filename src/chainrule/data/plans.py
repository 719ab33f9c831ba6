"""What was fitted for one column, and how it turns the column of any later table into network inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chainrule.data.columns import ColumnType, as_booleans, as_dates, as_numbers, as_text
from chainrule.data.parts import TablePart
from chainrule.data.state import State

if TYPE_CHECKING:
    import polars as pl

__all__ = ["CategoryPlan", "ColumnPlan", "DatePlan", "NumberPlan", "fit_column", "plan_from_dict"]

_HEAVY = 3.0  # skewness from which a logarithm is tried; an exponential distribution has 2
_EDGE = 10.0  # a column that is nearly always the same would give values in the hundreds, and one mistake in millions
_RARE = 3  # a category seen less often than this in training is taken as unknown
_YEAR, _WEEK = 365.2425, 7.0


@dataclass(frozen=True)
class NumberPlan:
    """Standardised numbers: missing ones become the training median and are marked, heavy tails are drawn in by a
    logarithm.

    z = (t(x) − mean) / deviation, kept within ±10;  t(x) = x, or sign(x) · ln(1 + |x| / scale) where scale is above 0.
    """

    plan: ClassVar[str] = "number"
    name: str
    kind: str
    form: str
    median: float
    scale: float
    mean: float
    deviation: float
    marks_missing: bool
    lowest: float
    highest: float

    @property
    def inputs(self) -> list[str]:
        """The names of the number inputs that come out."""
        return [self.name, f"{self.name} is missing"] if self.marks_missing else [self.name]

    @property
    def instead(self) -> str:
        """What a missing value becomes, in words."""
        if self.kind == "boolean" and self.median in (0.0, 1.0):
            return f"{'yes' if self.median else 'no'}, the more frequent in training"
        return f"the training median {_short(self.median)}"

    def encode(self, part: TablePart, series: pl.Series) -> tuple[np.ndarray, list[str]]:
        """The inputs as float32 (N, 1 or 2), and what was noteworthy."""
        values = (as_booleans if self.kind == "boolean" else as_numbers)(part, series, self.form)
        missing = np.isnan(values)
        filled = np.where(missing, self.median, values)
        messages = _missing_message(self.name, missing, self.instead)
        # far outside the training range a network guesses: say so
        span = self.highest - self.lowest
        out = (filled < self.lowest - span) | (filled > self.highest + span)
        if out.any():
            messages.append(
                f"column {self.name!r}: {_count(out, 'value')} far outside the training range {_short(self.lowest)} to "
                f"{_short(self.highest)}, such as {_short(filled[np.argmax(out)])}"
            )
        columns = [np.clip(_standardised(_drawn_in(filled, self.scale), self), -_EDGE, _EDGE)]
        if self.marks_missing:
            columns.append(missing.astype(np.float64))
        return np.stack(columns, axis=1).astype(np.float32), messages


@dataclass(frozen=True)
class DatePlan:
    """A date as numbers: the time that has passed, the season and the day of the week as points on circles, the hour
    where there are any.

    The time is in days since 1970, standardised. Season, weekday and hour are sine and cosine of a full turn a year,
    week or day.
    """

    plan: ClassVar[str] = "date"
    name: str
    form: str
    median: float
    mean: float
    deviation: float
    marks_missing: bool
    hours: bool

    @property
    def inputs(self) -> list[str]:
        """The names of the number inputs that come out."""
        turns = ["season", "weekday", *(["hour"] if self.hours else [])]
        parts = ["time", *(f"{turn} {wave}" for turn in turns for wave in ("sine", "cosine"))]
        return [f"{self.name} {part}" for part in parts] + ([f"{self.name} is missing"] if self.marks_missing else [])

    def encode(self, part: TablePart, series: pl.Series) -> tuple[np.ndarray, list[str]]:
        """The inputs as float32 (N, K), and what was noteworthy."""
        days = as_dates(part, series, self.form)
        missing = np.isnan(days)
        days = np.where(missing, self.median, days)
        columns = [np.clip(_standardised(days, self), -_EDGE, _EDGE)]
        for period in [_YEAR, _WEEK, *([1.0] if self.hours else [])]:
            turn = 2 * np.pi * (days if period == 1.0 else np.floor(days)) / period
            columns += [np.where(missing, 0.0, np.sin(turn)), np.where(missing, 0.0, np.cos(turn))]
        if self.marks_missing:
            columns.append(missing.astype(np.float64))
        messages = _missing_message(self.name, missing, "the training median")
        return np.stack(columns, axis=1).astype(np.float32), messages


@dataclass(frozen=True)
class CategoryPlan:
    """Codes for words: 0 for what training did not know (or hardly), 1 for missing where training had missing ones,
    then each value.
    """

    plan: ClassVar[str] = "category"
    name: str
    values: tuple[str, ...]
    knows_missing: bool

    @property
    def cardinality(self) -> int:
        """How many codes there are."""
        return 1 + self.knows_missing + len(self.values)

    def encode(self, part: TablePart, series: pl.Series) -> tuple[np.ndarray, list[str]]:
        """The codes as int32 (N,), and what was noteworthy."""
        import polars as pl

        text = as_text(series)
        first = 1 + self.knows_missing
        known = pl.DataFrame(
            {"value": pl.Series(self.values, dtype=pl.String), "code": np.arange(first, first + len(self.values))}
        )
        found = text.to_frame("value").join(known, on="value", how="left", maintain_order="left")["code"]
        missing = text.is_null().to_numpy()
        codes = np.where(missing, 1 if self.knows_missing else 0, found.fill_null(0).to_numpy()).astype(np.int32)
        messages = []
        unseen = ~missing & (codes == 0)
        if unseen.any():
            words = text.filter(pl.Series(unseen)).unique(maintain_order=True)
            shown = ", ".join(repr(word[:40]) for word in words[:3]) + (
                f" and {len(words) - 3} more" if len(words) > 3 else ""
            )
            messages.append(
                f"column {self.name!r}: {_count(unseen, 'value')} unknown from training ({shown}), taken as unknown"
            )
        if missing.any() and not self.knows_missing:
            messages.append(
                f"column {self.name!r}: {_count(missing, 'value')} missing as never in training, taken as unknown"
            )
        return codes, messages


ColumnPlan = NumberPlan | DatePlan | CategoryPlan


def fit_column(part: TablePart, series: pl.Series, found: ColumnType, rows: np.ndarray) -> tuple[ColumnPlan, list[str]]:
    """The plan for a column, fitted on some rows of it, and what to say about it.

    Arguments:
        part: the table the column is of, for the lines in messages.
        series: the whole column, cleaned.
        found: its type.
        rows: the training rows, the only ones that are looked at.
    """
    if found.kind == "category":
        plan, messages = _fit_category(series[rows], found)
        knew_missing, instead = plan.knows_missing, "taken as unknown"
    elif found.kind == "date":
        plan, messages = _fit_date(as_dates(part, series, found.form)[rows], found)
        knew_missing, instead = plan.marks_missing, "replaced by the training median"
    else:
        values = (as_booleans if found.kind == "boolean" else as_numbers)(part, series, found.form)[rows]
        plan, messages = _fit_number(values, found)
        knew_missing, instead = plan.marks_missing, f"replaced by {plan.instead}"
    if found.missing and not knew_missing:
        messages.append(f"column {found.name!r}: {found.missing:,} missing, none in the training rows; {instead}")
    return plan, messages


def _fit_number(values: np.ndarray, found: ColumnType) -> tuple[NumberPlan, list[str]]:
    missing = np.isnan(values)
    present = values[~missing]
    if not present.size:
        present = np.zeros(1)
    median = float(np.median(present))
    scale, heavy = 0.0, []
    if found.kind == "number" and abs(_skewness(present)) > _HEAVY:
        away = np.abs(present[present != 0])
        trial = float(np.median(away)) if away.size else 0.0
        if trial > 0 and abs(_skewness(_drawn_in(present, trial))) < abs(_skewness(present)):
            scale = trial
            heavy.append(
                f"column {found.name!r} (number): heavy-tailed ({_short(present.min())} to {_short(present.max())}, "
                f"median {_short(median)}), drawn in by a logarithm: sign(x) ln(1 + |x| / {_short(scale)})"
            )
    drawn = _drawn_in(np.where(missing, median, values), scale)
    mean, deviation = _mean_and_deviation(drawn)
    plan = NumberPlan(
        name=found.name,
        kind=found.kind,
        form=found.form,
        median=median,
        scale=scale,
        mean=mean,
        deviation=deviation,
        marks_missing=bool(missing.any()),
        lowest=float(present.min()),
        highest=float(present.max()),
    )
    if not plan.marks_missing:
        return plan, heavy
    return plan, [
        f"column {found.name!r} ({found.kind}): {int(missing.sum()):,} of {len(values):,} missing, replaced by "
        f"{plan.instead}, and marked in an input of their own",
        *heavy,
    ]


def _fit_date(days: np.ndarray, found: ColumnType) -> tuple[DatePlan, list[str]]:
    missing = np.isnan(days)
    present = days[~missing] if not missing.all() else np.zeros(1)
    median = float(np.median(present))
    mean, deviation = _mean_and_deviation(np.where(missing, median, days))
    hours = bool((present != np.floor(present)).any())
    plan = DatePlan(found.name, found.form, median, mean, deviation, bool(missing.any()), hours)
    parts = "time, season, weekday" + (" and hour" if hours else "")
    written = f" written {found.form}" if found.form else ""
    messages = [f"column {found.name!r} (date{written}): taken as {parts}" + (f"; {found.note}" if found.note else "")]
    if missing.any():
        messages.append(
            f"column {found.name!r} (date): {int(missing.sum()):,} of {len(days):,} missing, "
            "marked in an input of their own"
        )
    return plan, messages


def _fit_category(series: pl.Series, found: ColumnType) -> tuple[CategoryPlan, list[str]]:
    import polars as pl

    text = as_text(series)
    counts = text.drop_nulls().value_counts().sort(pl.col("count"), text.name, descending=[True, False])
    least = _RARE if len(text) >= 200 else 1
    kept = counts.filter(pl.col("count") >= least)
    missing = text.null_count()
    messages = []
    if missing:
        messages.append(
            f"column {found.name!r} (category): {missing:,} of {len(text):,} missing, a category of its own"
        )
    if kept.height < counts.height:
        messages.append(
            f"column {found.name!r} (category): {counts.height - kept.height:,} of {counts.height:,} values occur less "
            f"than {least} times in training and share the code of unknown ones"
        )
    return CategoryPlan(found.name, tuple(kept[text.name].to_list()), bool(missing)), messages


def plan_from_dict(state: State) -> ColumnPlan:
    """The plan that `asdict` wrote, every value checked."""
    kind = state.text("plan")
    name = state.text("name")
    if kind == "category":
        return CategoryPlan(name, tuple(state.texts("values")), state.flag("knows_missing"))
    if kind == "date":
        return DatePlan(
            name=name,
            form=state.text("form"),
            median=state.number("median"),
            mean=state.number("mean"),
            deviation=state.positive("deviation"),
            marks_missing=state.flag("marks_missing"),
            hours=state.flag("hours"),
        )
    if kind == "number":
        return NumberPlan(
            name=name,
            kind=state.text("kind"),
            form=state.text("form"),
            median=state.number("median"),
            scale=state.number("scale"),
            mean=state.number("mean"),
            deviation=state.positive("deviation"),
            marks_missing=state.flag("marks_missing"),
            lowest=state.number("lowest"),
            highest=state.number("highest"),
        )
    raise state.wrong("plan", f"is {kind!r}, expected 'number', 'date' or 'category'")


def plan_to_dict(plan: ColumnPlan) -> Mapping[str, Any]:
    """The plan as JSON can hold it."""
    fields = asdict(plan)
    return {"plan": plan.plan, **fields, **({"values": list(fields["values"])} if "values" in fields else {})}


def _drawn_in(values: np.ndarray, scale: float) -> np.ndarray:
    if scale == 0:
        return values
    with np.errstate(over="ignore"):
        size = np.abs(values) / scale
    return np.sign(values) * np.log1p(np.minimum(size, np.finfo(np.float64).max))


def _skewness(values: np.ndarray) -> float:
    values = values / (float(np.abs(values).max()) or 1.0)  # cubes of numbers near the end of float64 must not overflow
    centred = values - values.mean()
    spread = np.sqrt(np.mean(centred**2))
    return float(np.mean((centred / spread) ** 3)) if spread > 1e-12 else 0.0


def _mean_and_deviation(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation, 1 where the values hardly differ."""
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    mean = float(np.mean(values / largest) * largest)  # numbers near the end of float64 must not overflow
    deviation = float(np.std(values / largest) * largest)
    return mean, deviation if deviation > 1e-12 * largest else 1.0


def _standardised(values: np.ndarray, plan: NumberPlan | DatePlan) -> np.ndarray:
    with np.errstate(over="ignore"):  # infinity is cut off by the caller
        return (values - plan.mean) / plan.deviation


def _missing_message(name: str, missing: np.ndarray, instead: str) -> list[str]:
    return [f"column {name!r}: {_count(missing, 'value')} missing, replaced by {instead}"] if missing.any() else []


def _count(mask: np.ndarray, unit: str) -> str:
    count = int(mask.sum())
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def _short(value: float) -> str:
    return f"{value:,.6g}"
