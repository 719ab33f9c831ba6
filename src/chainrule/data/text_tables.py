"""CSV, TSV and their kin: separator and header found out, and every fault named with its line."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainrule.data.files import read_bytes
from chainrule.data.headers import column_names, looks_like_header
from chainrule.data.parts import TablePart
from chainrule.errors import ConfigError, DataError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read_text_table"]

_SEPARATORS = (",", "\t", ";", "|")
_MAGIC = {
    b"PK\x03\x04": ("a zip archive, or an Excel file", "save the sheet as CSV"),
    b"PAR1": ("a Parquet file", "give it the ending .parquet"),
    b"ARROW1": ("an Arrow file", "give it the ending .arrow"),
    b"\x89PNG": ("a PNG image", "name the folder that holds the class folders"),
    b"\xff\xd8\xff": ("a JPEG image", "name the folder that holds the class folders"),
    b"\x93NUMPY": ("a NumPy array", "save x and y together with numpy.savez and give the .npz file"),
    b"%PDF": ("a PDF", "export the table as CSV"),
    b"\xd0\xcf\x11\xe0": ("an old Excel file", "save the sheet as CSV"),
}


def read_text_table(
    path: Path,
    *,
    header: bool | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    expected: Sequence[str] = (),
) -> TablePart:
    """A text table as columns of numbers where every cell is one, and of text elsewhere; empty cells are null.

    Arguments:
        path: the file, gzip or not.
        header: whether the first line holds the names; None finds out.
        separator: one character; None finds out.
        encoding: None is UTF-8 (or UTF-16 where the file starts with its mark).
        expected: names that a header would hold, from the table a model was trained on.

    Raises:
        DataError: empty, binary, wrongly encoded or ragged, with the line.
    """
    if separator is not None and (len(separator) != 1 or separator in '"\r\n' or ord(separator) > 127):
        raise ConfigError(f"separator is {separator!r}, expected one character such as ',' or '\\t'")
    content = _decoded(read_bytes(path), path.name, encoding)
    if b"\r" in content and b"\n" not in content:
        content = content.replace(b"\r", b"\n")
    if not content.strip():
        raise DataError(
            f"{path.name} is empty, expected a table", where=str(path), fix="give a file with a header line and rows"
        )
    separator = separator or _sniff(content, path)
    if b'"' in content:
        rows, lines = _quoted_rows(content, separator, path.name)
        first, sample = rows[0], rows[1:200]
    else:
        content, lines, first, sample = _plain_rows(content, separator, path.name)
        rows = None
    has_header = looks_like_header(first, sample, expected) if header is None else header
    names, messages = column_names(first, has_header, path.name, found=header is None)
    if has_header:
        lines = lines[1:]
        if not len(lines):
            raise DataError(
                f"{path.name} has a header line and no rows",
                where=str(path),
                fix="header=False if its first line is a row; otherwise give a file with rows",
            )
    frame = (
        _from_rows(rows[has_header:], names)
        if rows is not None
        else _from_plain(content, separator, names, has_header, path)
    )
    if frame.height != len(lines):  # the lines are for messages; a parser that counts differently must not mislead
        raise DataError(f"{path.name} was read as {frame.height} rows where {len(lines)} lines were counted")
    return TablePart(frame, path.name, has_header, lines, messages)


def _decoded(raw: bytes, name: str, encoding: str | None) -> bytes:
    """The bytes as UTF-8 without a mark."""
    for magic, (what, fix) in _MAGIC.items():
        if raw.startswith(magic):
            raise DataError(f"{name} is {what}, expected a text table", fix=fix)
    if encoding is None:
        encoding = "utf-8-sig" if raw.startswith(codecs.BOM_UTF8) else "utf-8"
        if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            encoding = "utf-16"
    elif encoding == "utf-8":
        encoding = "utf-8-sig"
    try:
        codecs.lookup(encoding)
        text = raw.decode(encoding)
    except LookupError:
        raise ConfigError(
            f"no encoding is called {encoding!r}", fix="encoding='utf-8', 'latin-1' or 'cp1252'"
        ) from None
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        control = sum(byte < 9 or 13 < byte < 32 for byte in raw[:4096])
        if control > len(raw[:4096]) // 50:
            raise DataError(f"{name} is not text: it holds bytes that no table has", fix="give a CSV file") from None
        raise DataError(
            f"{name} is not {encoding}: the byte 0x{raw[error.start]:02x} at position {error.start} is not valid there",
            where=f"{name}, line {line}",
            fix="encoding='latin-1' (or 'cp1252', from Windows), or save the file as UTF-8",
        ) from None
    if "\0" in text[: 1 << 20] or "\0" in text:
        raise DataError(
            f"{name} is not text: it holds zero bytes",
            where=f"{name}, line {text.count(chr(10), 0, text.index(chr(0))) + 1}",
            fix="encoding='utf-16' if it was saved as Unicode; otherwise give a CSV file",
        )
    try:
        return raw if encoding == "utf-8" else text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(f"{name} holds text that cannot be represented: {error.reason}") from None


def _sniff(content: bytes, path: Path) -> str:
    """The separator that cuts the first lines into the same number of fields, the most fields if several do."""
    if path.name.lower().removesuffix(".gz").endswith((".tsv", ".tab")):
        return "\t"
    head = [line for line in content[: 1 << 16].decode("utf-8", "ignore").split("\n")[:50] if line.strip()]
    head = head[:-1] if len(head) > 2 and len(content) > 1 << 16 else head
    best, best_score = ",", (0.0, 0)
    for separator in _SEPARATORS:
        if not head:
            break
        counts = Counter(_fields_outside_quotes(line, separator) for line in head)
        fields, times = counts.most_common(1)[0]
        if fields and (times / len(head), fields) > best_score:
            best, best_score = separator, (times / len(head), fields)
    return best


def _fields_outside_quotes(line: str, separator: str) -> int:
    return sum(piece.count(separator) for piece in line.split('"')[::2])


def _plain_rows(content: bytes, separator: str, name: str) -> tuple[bytes, np.ndarray, list[str], list[list[str]]]:
    """The content without blank lines, the line of each row, the first row and a sample, where nothing is quoted."""
    if not content.endswith(b"\n"):
        content += b"\n"
    data = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    counts = np.diff(np.searchsorted(np.flatnonzero(data == ord(separator)), ends), prepend=0)
    lines = np.arange(1, len(ends) + 1)
    width = np.diff(ends, prepend=-1) - 1
    maybe_blank = np.flatnonzero((counts == 0) & (width < 80)) if counts.max(initial=0) else np.flatnonzero(width < 80)
    blank = [i for i in maybe_blank if not content[ends[i] - width[i] : ends[i]].strip()]
    if blank:
        keep = np.ones(len(ends), bool)
        keep[blank] = False
        pieces = content.split(b"\n")
        content = b"\n".join(pieces[i] for i in np.flatnonzero(keep)) + b"\n"
        lines, counts = lines[keep], counts[keep]
    _check_widths(counts + 1, lines, name, separator)
    head = [
        [cell.strip() for cell in line.split(separator)]
        for line in content[: 1 << 20].decode("utf-8", "ignore").split("\n")[:201]
    ]
    sample = [row for row in head[1:] if len(row) == len(head[0])]
    return content, lines, head[0], sample


def _quoted_rows(content: bytes, separator: str, name: str) -> tuple[list[list[str]], np.ndarray]:
    """All rows and the line each starts at, where some cell is quoted."""
    rows: list[list[str]] = []
    lines: list[int] = []
    reader = csv.reader(
        io.StringIO(content.decode("utf-8"), newline=""), delimiter=separator, skipinitialspace=True, strict=True
    )
    line = 1
    try:
        for row in reader:
            if row and (len(row) > 1 or row[0].strip()):
                rows.append(row)
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{name} cannot be cut into cells: {error}",
            where=f"{name}, line {line}",
            fix='close the quote, and write a quote inside a quoted cell twice: "5"" pipe"',
        ) from None
    if not rows:
        raise DataError(f"{name} holds no rows", fix="give a file with a header line and rows")
    numbers = np.array(lines)
    _check_widths(np.array([len(row) for row in rows]), numbers, name, separator)
    return rows, numbers


def _check_widths(widths: np.ndarray, lines: np.ndarray, name: str, separator: str) -> None:
    """Refuse rows that do not have as many cells as the first."""
    if not len(widths):
        raise DataError(f"{name} holds no rows", fix="give a file with a header line and rows")
    ragged = np.flatnonzero(widths != widths[0])
    if ragged.size:
        row = int(ragged[0])
        more = f" ({ragged.size} such lines)" if ragged.size > 1 else ""
        raise DataError(
            f"line {lines[row]} has {widths[row]} cells where the first line has {widths[0]}{more}",
            where=f"{name}, line {lines[row]}",
            fix=f"put a cell that holds {separator!r} in quotes, or complete the line; separator='…' if it is another",
        )


def _from_rows(rows: list[list[str]], names: list[str]) -> pl.DataFrame:
    import polars as pl

    columns = zip(*rows, strict=True)
    frame = pl.DataFrame(
        {name: pl.Series(name, cells, dtype=pl.String) for name, cells in zip(names, columns, strict=True)}
    )
    return frame.with_columns(pl.all().replace("", None))


def _from_plain(content: bytes, separator: str, names: list[str], header: bool, path: Path) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_csv(
            content,
            has_header=False,
            skip_lines=1 if header else 0,
            new_columns=names,
            separator=separator,
            quote_char=None,
            infer_schema_length=None,
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise DataError(
            f"{path.name} cannot be read as a table: {str(error).splitlines()[0]}", where=str(path)
        ) from None
