"""The format that suffixes tell."""

from __future__ import annotations

import pytest
from bulk.inputs import MemorySource

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk import (
    CSV,
    CSVBody,
    FileBody,
    Files,
    Format,
    JSONBody,
    JSONLines,
    Parquet,
    body_for,
    format_for,
)


def format_of(*names: str) -> Format:
    return format_for(MemorySource(dict.fromkeys(names, b"")).files())


@pytest.mark.parametrize(
    ("names", "format"),
    [
        (["a.jsonl", "b/c.NDJSON"], JSONLines()),
        (["a.csv"], CSV()),
        (["a.tsv"], CSV(delimiter="\t")),
        (["a.parquet"], Parquet()),
        (["a.jpg", "b.png", "c.wav", "d.pdf"], Files()),
    ],
)
def test_a_suffix_tells_the_format(names: list[str], format: Format) -> None:
    """In any case."""
    assert format == format_of(*names)


def test_each_run_has_a_format_of_its_own() -> None:
    """That of CSV keeps the header of its files."""
    assert format_of("a.csv") is not format_of("a.csv")


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (
            ["a.csv", "b.parquet"],
            r"the input has a\.csv and b\.parquet, which are of different formats: make a run for each kind",
        ),
        (["a.csv", "b.tsv"], "of different formats"),
        (["a.jsonl.gz"], r"a\.jsonl\.gz is compressed, .*: decompress it first, with gunzip"),
        (["a.json"], r"a\.json may have a document on each line, or be one document: say which"),
        (["a.txt"], r"a\.txt has the unknown suffix \.txt: say what the files are with format="),
        (["README"], "README has no suffix: say what the files are"),
    ],
)
def test_what_tells_none_is_refused_with_what_to_do(names: list[str], problem: str) -> None:
    """A guess would make a dead letter of every record."""
    with pytest.raises(ConfigError, match=problem):
        format_of(*names)


def test_a_format_has_a_body_that_fits() -> None:
    """What most containers take of it."""
    formats = [JSONLines(), Parquet(), CSV(), Files()]

    assert [JSONBody(), JSONBody(), CSVBody(), FileBody()] == [body_for(format) for format in formats]
