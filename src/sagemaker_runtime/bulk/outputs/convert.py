"""`convert`: rows in JSON Lines as a file of another format."""

from __future__ import annotations

import os
import shutil
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.arrow import require_pyarrow
from sagemaker_runtime.bulk.outputs.csv_output import write_csv
from sagemaker_runtime.bulk.outputs.parquet_output import write_parquet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

OutputFormat: TypeAlias = Literal["jsonl", "csv", "parquet"]


def converter(format: OutputFormat) -> Callable[[Path, Path], None] | None:
    """
    What makes parts of rows; None if rows are published as they are.

    Raises:
        ConfigError: There is no such format; or pyarrow is needed and missing.
    """
    if format not in get_args(OutputFormat):
        raise ConfigError(f"output_format is {format!r}; it takes 'jsonl', 'csv' or 'parquet'")
    if format == "parquet":
        require_pyarrow("output_format='parquet'")
    return None if format == "jsonl" else partial(convert, format=format)


def convert(rows: Path, to: Path, format: OutputFormat) -> None:
    """
    Write rows in another format. It blocks.

    The same rows become the same bytes. Memory does not depend on how many there are. They are read twice: what columns there
    are, and of which types, is known only at the end. Each part is looked at alone, so a column may be missing in one part, or
    have integers in one and floats in another.

    Args:
        rows: JSON Lines: objects of ``file``, ``record`` and ``output``, or whatever was selected.

        to: Where they go. Nothing is there before all of it is on the disk; what was there is replaced.

        format: ``"csv"``: a column for each key of a row, but for ``output``: for each of its keys if it is an object, for each of
            its elements if it is a list. Null is an empty cell; lists and objects within are JSON.

            ``"parquet"``: a column for each key, with lists and structs as they are. Integers become floats beside floats.
            Values of types that do not fit together, integers of more than 64 bits, and objects that are empty or have more
            than 1,000 keys become JSON, as text.

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
