"""The batches that a `Scorer` takes: data frames, Arrow tables, and dictionaries of columns."""

# pandas and pyarrow have no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.json_texts import json_text
from sagemaker_runtime.predictor import EncodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class _Kind(Protocol):
    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        ...

    def values(self, name: str) -> list[object]:
        """The values of a column, as Python objects."""
        ...

    def with_columns(self, columns: Mapping[str, list[Any]]) -> Any:
        """A table of the same kind with more columns."""
        ...


@frozen
class TableOf:
    """A batch of any supported kind."""

    kind: _Kind

    def records(self, columns: Sequence[str] | str | None, besides: Iterable[str]) -> list[bytes]:
        """
        Its rows as records: JSON, or bytes as they are.

        Args:
            columns: Which columns, as in `Scorer.columns`.

            besides: Columns that must not exist.

        Raises:
            ConfigError: A column is missing, or one of *besides* exists.
            EncodeError: A value cannot be written as JSON.
        """
        there = self.kind.names
        for name in besides:
            if name in there:
                raise ConfigError(
                    f"the batch already has a column {name!r}; choose other names with output= and error="
                )
        names = [columns] if isinstance(columns, str) else there if columns is None else list(columns)
        for name in names:
            if name not in there:
                raise ConfigError(f"the batch has no column {name!r}; it has {', '.join(map(str, there))}")
        try:
            if isinstance(columns, str):
                return [
                    bytes(value) if isinstance(value, bytes | bytearray) else json_text(value)
                    for value in self.kind.values(columns)
                ]
            rows = zip(*(self.kind.values(name) for name in names), strict=True)
            return [json_text(dict(zip(names, row, strict=True))) for row in rows]
        except (TypeError, ValueError, RecursionError) as error:
            problem = type(error).__name__
        raise EncodeError(f"a value of the columns {', '.join(map(str, names))} cannot be written as JSON ({problem})")

    def with_columns(self, columns: Mapping[str, list[Any]]) -> Any:
        """A table of the same kind with more columns."""
        return self.kind.with_columns(columns)


def table_of(batch: object) -> TableOf:
    """
    The table that a batch holds.

    Raises:
        ConfigError: The type of the batch is not supported.
    """
    if isinstance(batch, Mapping):
        return TableOf(_Columns(batch))
    if hasattr(batch, "append_column"):
        return TableOf(_Arrow(batch))
    if hasattr(batch, "iloc"):
        return TableOf(_Frame(batch))
    raise ConfigError(
        f"the batch is a {type(batch).__name__}; a Scorer takes a pandas.DataFrame, a pyarrow.Table, or a dictionary of arrays"
    )


@frozen
class _Columns:
    batch: Mapping[str, Any]

    @property
    def names(self) -> list[str]:
        return list(self.batch)

    def values(self, name: str) -> list[object]:
        return _listed(self.batch[name])

    def with_columns(self, columns: Mapping[str, list[Any]]) -> Any:
        if not any(hasattr(column, "dtype") for column in self.batch.values()):
            return {**self.batch, **columns}
        numpy = import_module("numpy")
        made: dict[str, Any] = {}
        for name, values in columns.items():
            made[name] = numpy.empty(len(values), dtype=object)
            for index, value in enumerate(values):  # one by one, or lists of one length would become a matrix
                made[name][index] = value
        return {**self.batch, **made}


@frozen
class _Frame:
    batch: Any

    @property
    def names(self) -> list[str]:
        return list(self.batch.columns)

    def values(self, name: str) -> list[object]:
        return _listed(self.batch[name])

    def with_columns(self, columns: Mapping[str, list[Any]]) -> Any:
        series = import_module("pandas").Series  # always of objects, so that all partitions have the same types
        return self.batch.assign(
            **{name: series(values, index=self.batch.index, dtype="object") for name, values in columns.items()}
        )


@frozen
class _Arrow:
    batch: Any

    @property
    def names(self) -> list[str]:
        return list(self.batch.column_names)

    def values(self, name: str) -> list[object]:
        return list(self.batch.column(name).to_pylist())

    def with_columns(self, columns: Mapping[str, list[Any]]) -> Any:
        pa = import_module("pyarrow")
        table = self.batch
        for name, values in columns.items():
            try:
                made = pa.array(values, pa.string() if not any(value is not None for value in values) else None)
            except pa.ArrowException:  # values of several types
                made = pa.array([None if value is None else json_text(value).decode() for value in values])
            table = table.append_column(name, made)
        return table


def _listed(column: Any) -> list[object]:
    to_list = getattr(column, "tolist", None)
    return list(column) if to_list is None else list(to_list())
