"""Texts: read or refused, split where they are, and cut into pieces whose target is the next token."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import data
from chainrule.data.parts import TextPart
from chainrule.data.text import UNITS
from chainrule.errors import ConfigError, DataError

PROSE = "It was the best of times, it was the worst of times;\n\nit was the age of wisdom.\n" * 20


def written(folder: Path, text: str | bytes, name: str = "novel.txt") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_text_is_split_in_its_order(tmp_path: Path) -> None:
    prepared = data.prepare(written(tmp_path, PROSE), context=16, validation=0.2, test_fraction=0.1)
    parts = [prepared.train, prepared.validation, prepared.test]
    fitted = prepared.preprocessing
    assert isinstance(fitted, data.TextPreprocessing)
    texts = [fitted.decode_tokens(part.tokens) for part in parts if isinstance(part, data.TextSamples)]
    assert "".join(texts) == PROSE
    assert [len(text) for text in texts] == [1120, 320, 160]
    assert prepared.summary["rows"] == {"train": 1120, "validation": 320, "test": 160}
    assert fitted.input_description == {"kind": "text", "vocabulary": 20, "context": 16, "outputs": 20}


def test_every_target_is_the_next_token() -> None:
    samples = data.TextSamples(np.arange(100), 7)
    for rows in (samples.rows(), samples.order(0, 3), samples.order(5, 0, shuffle=False)):
        (inputs,), target = samples.select(samples.arrays, rows)
        assert np.array_equal(inputs + 1, target)
        assert target.max() <= 99
    assert len(samples) == len(samples.rows()) == 14
    assert not np.array_equal(samples.order(0, 1), samples.order(0, 2))
    assert np.array_equal(samples.order(0, 1), samples.order(0, 1))


def test_the_epoch_can_have_a_size_of_its_own() -> None:
    assert len(data.TextSamples(np.arange(100), 7, per_epoch=33).order(0, 0)) == 33


@given(st.text(min_size=1).filter(str.strip))
def test_encoding_goes_back_and_forth(text: str) -> None:
    for unit in UNITS:
        fitted, _ = data.TextPreprocessing.fit(TextPart(text, "t"), length=4, unit=unit)
        again = data.Preprocessing.from_dict(json.loads(json.dumps(fitted.to_dict())))
        assert isinstance(again, data.TextPreprocessing)
        assert again.decode_tokens(again.encode(text)) == text


def test_bytes_of_any_file(tmp_path: Path) -> None:
    path = written(tmp_path, bytes(range(256)) * 8, "program.bin")
    prepared = data.prepare(path, unit="bytes", context=8)
    assert isinstance(prepared.train, data.TextSamples)
    assert prepared.train.tokens[:256].tolist() == list(range(256))


def test_a_txt_with_columns_is_a_table(tmp_path: Path) -> None:
    table = "a\tb\n" + "".join(f"{i}\t{i % 2}\n" for i in range(40))
    assert data.load(written(tmp_path, table)).kind == "table"
    assert data.load(written(tmp_path, PROSE)).kind == "text"
    assert data.load(written(tmp_path, "Once, long ago, there was one line.")).kind == "text"
    one_column = "word\n" + "yes\nno\n" * 30
    assert data.load(written(tmp_path, one_column), target="word").kind == "table"


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("", {}, "is empty"),
        (" \n\n", {}, "is empty"),
        ("short", {"context": 64}, "has 5 tokens, too few for pieces of 64"),
        (b"caf\xe9 " * 50, {}, "is not UTF-8: byte 0xe9"),
        (PROSE, {"encoding": "utf-9"}, "no encoding 'utf-9'"),
        (PROSE, {"unit": "words"}, "unit is 'words', expected 'characters' or 'bytes'"),
        (PROSE, {"context": 0}, "at least 1 token"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str | bytes, options: dict[str, object], words: str) -> None:
    with pytest.raises((DataError, ConfigError), match=words):
        data.prepare(written(tmp_path, text), validation=0.0, test_fraction=0.0, **options)  # type: ignore[arg-type]


def test_an_unknown_character_is_named_with_its_place() -> None:
    fitted, _ = data.TextPreprocessing.fit(TextPart("to be\nor not", "t"), length=4)
    with pytest.raises(DataError, match="character 'q'") as caught:
        fitted.encode("to be\nor quit", "the prompt")
    assert caught.value.where == "the prompt, line 2, character 4"


def test_a_table_is_no_text(tmp_path: Path) -> None:
    fitted = data.prepare(written(tmp_path, PROSE)).preprocessing
    with pytest.raises(DataError, match="is no text"):
        fitted.transform(([[1.0]], [0]))
    table = data.prepare({"a": [1.0, 2.0] * 20, "y": [0, 1] * 20}).preprocessing
    assert table.kind == "table"
