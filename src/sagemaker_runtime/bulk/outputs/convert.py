"""`convert`: converts results from JSON Lines to another format."""

from __future__ import annotations

import os
import shutil
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.outputs.csv_output import write_csv
from sagemaker_runtime.bulk.outputs.parquet_output import write_parquet
from sagemaker_runtime.extras import require

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

OutputFormat: TypeAlias = Literal["jsonl", "csv", "parquet"]


def converter(format: OutputFormat) -> Callable[[Path, Path], None] | None:
    """
    The function that converts results to *format*; None if they are published as they are.

    Raises:
        ConfigError: There is no such format, or pyarrow is needed and missing.
    """
    if format not in get_args(OutputFormat):
        raise ConfigError(f"output_format is {format!r}; it takes 'jsonl', 'csv' or 'parquet'")
    if format == "parquet":
        require("pyarrow", "bulk", "output_format='parquet'")
    return None if format == "jsonl" else partial(convert, format=format)


def convert(rows: Path, to: Path, format: OutputFormat) -> None:
    """
    Write rows in another format. It blocks.

    The same rows always give the same bytes, and memory does not depend on their number. They are read twice, because the
    columns and their types are known only at the end. Each part is converted on its own, so a column may be missing in one part,
    or hold integers in one and floats in another.

    Args:
        rows: JSON Lines: objects with ``file``, ``record`` and ``output``, or whatever was selected.

        to: The file to write. It appears only when it is complete and on disk; an existing file is replaced.

        format: ``"csv"``: a column for each key of a row, except ``output``, which has one for each key if it is an object, and
            one for each element if it is a list. Null is an empty cell; nested lists and objects are JSON.

            ``"parquet"``: a column for each key, with lists and structs as they are. Integers become floats if the column
            also has floats. Values of incompatible types, integers of more than 64 bits, and objects that are empty or have
            more than 1,000 keys become JSON, as text.

    Raises:
        ConfigError: pyarrow is needed and missing.
        OSError: A file cannot be read or written.
    """
    unfinished = to.with_name(f"{to.name}.partial")
    try:
        with open(unfinished, "wb", opener=_private) as sink:
            if format == "csv":
                write_csv(rows, sink)
            elif format == "parquet":
                write_parquet(rows, sink)
            else:
                _copy(rows, sink)
            sink.flush()
            os.fsync(sink.fileno())
        unfinished.replace(to)
    finally:
        unfinished.unlink(missing_ok=True)


def _copy(rows: Path, sink: BinaryIO) -> None:
    with rows.open("rb") as source:
        shutil.copyfileobj(source, sink, 2**20)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
