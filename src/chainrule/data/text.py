"""Texts for language models: read, split into tokens (characters or bytes), and cut into pieces to predict from."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data.files import read_bytes
from chainrule.data.parts import TextPart
from chainrule.data.preprocessing import Preprocessing
from chainrule.data.samples import Samples
from chainrule.data.state import State
from chainrule.data.targets import TargetPlan
from chainrule.errors import ConfigError, DataError

__all__ = ["UNITS", "TextPreprocessing", "TextSamples", "is_prose", "read_text"]

UNITS = ("characters", "bytes")
_ENDINGS = (".txt", ".text", ".md", ".rst", ".tex")
_MANY = 1000  # different characters from which bytes make the smaller table
_LOOKED_AT = 10_000  # bytes


def read_text(path: Path, encoding: str | None = None, unit: str | None = None) -> TextPart:
    """A file as text, unpacked where it is gzip; with the line ends of Unix, unless it is wanted byte by byte.

    Raises:
        DataError: it is empty, or not in this encoding (UTF-8 by default), with the line.
    """
    raw = read_bytes(path)
    if not raw.strip():
        raise DataError(f"{path.name} is empty: there is no text to learn from", where=str(path))
    if unit == "bytes":
        return TextPart(raw.decode("utf-8", errors="surrogateescape"), path.name)
    try:
        return TextPart(raw.decode(encoding or "utf-8-sig").replace("\r\n", "\n"), path.name)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} is not {encoding or 'UTF-8'}: byte {raw[error.start]:#04x} does not fit",
            where=f"{path}, line {raw.count(10, 0, error.start) + 1}",
            fix="--encoding latin-1 (or another) says what it is; --unit bytes takes any file as it is",
        ) from None
    except LookupError:
        raise ConfigError(f"There is no encoding {encoding!r}.", fix="utf-8, latin-1, cp1252, …") from None


def is_prose(path: Path) -> bool:
    """Whether a file is a text to read rather than a table: by its ending, and as its lines have no common columns."""
    if not path.name.lower().removesuffix(".gz").endswith(_ENDINGS):
        return False
    try:
        with (gzip.open if path.suffix.lower() == ".gz" else open)(path, "rb") as file:
            start = file.read(_LOOKED_AT).decode("utf-8", errors="replace")
    except (OSError, EOFError, zlib.error):  # which the reader will say
        return True
    lines = [line for line in start.splitlines() if line.strip()]
    whole = lines[:-1] if len(start) >= _LOOKED_AT else lines  # the last one may be cut
    counts = [{line.count(sign) for line in whole} for sign in "\t,;|"]
    return len(whole) < 2 or not any(len(found) == 1 and found != {0} for found in counts)


class TextSamples(Samples):
    """Pieces of a text, each with the same piece one token later: what a language model should say at every place.

    An epoch has as many tokens as the text; its pieces begin at places drawn at random, and those of an evaluation one
    after the other.

    Arguments:
        tokens: the text as numbers, (M,) integers.
        length: T, tokens in a piece: what the model sees at once.
        per_epoch: pieces in one epoch; as many as the text has by default.

    `select` gives inputs (N, T) and target (N, T), both int32.

    Raises:
        DataError: when the text is shorter than a piece and the token after it.

    Example:
        >>> samples = TextSamples([0, 1, 2, 3, 4, 5, 6], 3)
        >>> inputs, target = samples.few(2)
        >>> inputs[0].tolist(), target.tolist()
        ([[0, 1, 2], [3, 4, 5]], [[1, 2, 3], [4, 5, 6]])
    """

    task = "language"

    def __init__(self, tokens: Any, length: int, *, per_epoch: int | None = None) -> None:
        self.tokens = np.asarray(tokens, np.int32)
        self.length = length
        if length < 1:
            raise ConfigError(f"A piece of text has at least 1 token, got {length}.")
        if len(self.tokens) <= length:
            raise DataError(
                f"the text has {len(self.tokens):,} tokens, too few for pieces of {length} and the token after it",
                fix=f"a longer text, or a shorter context: --context {max(len(self.tokens) // 4, 1)}",
            )
        self._per_epoch = per_epoch

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The tokens."""
        return (self.tokens,)

    def __len__(self) -> int:
        return self._per_epoch or len(self.rows())

    def rows(self) -> np.ndarray:
        """Where pieces begin that follow each other without a gap."""
        return np.arange(0, len(self.tokens) - self.length, self.length)

    def order(self, seed: int, epoch: int, shuffle: bool = True) -> np.ndarray:
        """Where the pieces of an epoch begin, drawn anew for each epoch."""
        if not shuffle:
            return self.rows()
        return self.generator(seed, epoch).integers(0, len(self.tokens) - self.length, len(self))

    def select(self, arrays: Any, rows: Any) -> tuple[tuple[Any, ...], Any]:
        """The pieces that begin at the rows, and the tokens after each of theirs; see `Samples.select`."""
        (tokens,) = arrays
        places = rows[:, None] + np.arange(self.length)
        return (tokens[places],), tokens[places + 1]

    def __repr__(self) -> str:
        return f"TextSamples({len(self.tokens):,} tokens in pieces of {self.length})"


class TextPreprocessing(Preprocessing):
    """From text to tokens and back: a number for each character that the training text has, or for each of 256 bytes.

    Arguments:
        unit: `"characters"` or `"bytes"`.
        length: T, tokens that the network sees at once.
        characters: those that have a number, in order; empty for bytes.

    Example:
        >>> fitted, _ = TextPreprocessing.fit(TextPart("to be or not to be", "hamlet.txt"), length=4)
        >>> fitted.encode("be").tolist(), fitted.decode_tokens([1, 2])
        ([1, 2], 'be')
    """

    kind = "text"
    task = "language"  # pyright: ignore[reportAssignmentType]
    target: TargetPlan | None = None

    def __init__(self, unit: str, length: int, characters: str = "") -> None:
        self.unit, self.length, self.characters = unit, length, characters
        self._number = {character: i for i, character in enumerate(characters)}

    @classmethod
    def fit(cls, part: TextPart, *, length: int, unit: str | None = None) -> tuple[TextPreprocessing, list[str]]:
        """The characters of a text, or its bytes where there are very many different ones, and what to say of it."""
        if unit is not None and unit not in UNITS:
            raise ConfigError(f"unit is {unit!r}, expected 'characters' or 'bytes'")
        found = "".join(sorted(set(part.text))) if unit != "bytes" else ""
        if unit == "bytes" or (unit is None and len(found) > _MANY):
            why = f"{len(found):,} different characters are many" if found else "as asked for"
            return cls("bytes", length), [f"tokens: 256 bytes ({why})"]
        shown = repr(found if len(found) <= 80 else found[:80] + "…")
        return cls("characters", length, found), [f"tokens: {len(found)} different characters, {shown}"]

    @property
    def vocabulary(self) -> int:
        """V, how many tokens there are."""
        return len(self.characters) or 256

    @property
    def first(self) -> np.ndarray:
        """A token to begin a text with, (1,): the end of a line where there is one."""
        return np.array([self._number.get("\n", 0) if self.characters else 10], np.int32)

    def encode(self, text: str, name: str = "the text") -> np.ndarray:
        """The tokens of a text, (M,) int32.

        Raises:
            DataError: a character that the training text did not have, with its place.
        """
        if self.unit == "bytes":
            return np.frombuffer(text.encode("utf-8", errors="surrogateescape"), np.uint8).astype(np.int32)
        unknown = re.search(f"[^{re.escape(self.characters)}]", text)
        if unknown is not None:
            line = text.count("\n", 0, unknown.start()) + 1
            raise DataError(
                f"{name} has the character {unknown[0]!r}, which the training text did not have",
                where=f"{name}, line {line}, character {unknown.start() - text.rfind(chr(10), 0, unknown.start())}",
                fix="leave it out; a network trained with --unit bytes knows every character",
            )
        return np.array([self._number[character] for character in text], np.int32)

    def decode_tokens(self, tokens: Any) -> str:
        """The text of tokens; bytes that are no UTF-8 become the replacement character."""
        numbers = np.asarray(tokens)
        if self.unit == "bytes":
            return numbers.astype(np.uint8).tobytes().decode("utf-8", errors="replace")
        return "".join(self.characters[i] for i in numbers.tolist())

    def transform(self, source: Any, *, has_target: bool | None = None) -> tuple[TextSamples, list[str]]:
        """A text as samples; see `Preprocessing.transform`. Its target is its own next token."""
        from chainrule.data.sources import Reading, read

        part, _ = read(source, Reading(unit=self.unit))
        if not isinstance(part, TextPart):
            raise DataError(f"{part.name} is no text, and the training data were one", fix="give a text file")
        return TextSamples(self.encode(part.text, part.name), self.length), []

    @property
    def input_description(self) -> dict[str, Any]:
        """Kind `text`, the vocabulary and the context."""
        return {"kind": "text", "vocabulary": self.vocabulary, "context": self.length, "outputs": self.vocabulary}

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {**self._state(), "unit": self.unit, "length": self.length, "characters": self.characters}

    @classmethod
    def _restored(cls, state: State, target: TargetPlan | None) -> TextPreprocessing:
        unit, characters = state.text("unit"), state.text("characters")
        if unit not in UNITS or bool(characters) != (unit == "characters") or len(set(characters)) < len(characters):
            raise state.wrong("unit", f"is {unit[:40]!r} with {len(characters)} characters, which do not fit")
        return cls(unit, state.whole("length", 1), characters)
