"""The default format and body, chosen by file suffix."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.bodies.csv_body import CSVBody
from sagemaker_runtime.bulk.bodies.file_body import FileBody
from sagemaker_runtime.bulk.bodies.json_body import JSONBody
from sagemaker_runtime.bulk.formats.csv_rows import CSV
from sagemaker_runtime.bulk.formats.files import Files
from sagemaker_runtime.bulk.formats.json_lines import JSONLines
from sagemaker_runtime.bulk.formats.parquet import Parquet
from sagemaker_runtime.bulk.types_by_suffix import media_type_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime.bulk.bodies.base import Body
    from sagemaker_runtime.bulk.formats.base import Format
    from sagemaker_runtime.bulk.places import InputFile

_FORMATS: dict[str, Format] = {
    ".jsonl": JSONLines(),
    ".ndjson": JSONLines(),
    ".csv": CSV(),
    ".tsv": CSV(delimiter="\t"),
    ".parquet": Parquet(),
}
_MEDIA = ("image/", "audio/", "video/", "application/pdf")
_COMPRESSED = {".gz": "gunzip", ".bz2": "bunzip2", ".xz": "unxz", ".zst": "unzstd", ".zip": "unzip"}


def format_for(files: Sequence[InputFile]) -> Format:
    """
    The format that the suffixes of the files imply.

    Args:
        files: The input files, at least one; only their names matter.

    Raises:
        ConfigError: The suffixes are unknown or imply several formats, or the files are compressed.
    """
    first, format = files[0].name, _format_of(files[0].name)
    for file in files:
        other = _format_of(file.name)
        if other != format:
            raise ConfigError(
                f"the input has {first} and {file.name}, which are of different formats: make a run for each kind, such as "
                "'folder/*.csv', or say what they are with format="
            )
    if isinstance(format, CSV):  # a new one, because it remembers the header of its files
        return CSV(delimiter=format.delimiter)
    return format


def body_for(format: Format) -> Body:
    """The default body for a format, with one record per request."""
    if isinstance(format, CSV):
        return CSVBody()
    return FileBody() if isinstance(format, Files) else JSONBody()


def _format_of(name: str) -> Format:
    suffix = PurePosixPath(name).suffix.lower()
    format = _FORMATS.get(suffix)
    if format is not None:
        return format
    if media_type_of(name).startswith(_MEDIA):
        return Files()
    if suffix in _COMPRESSED:
        raise ConfigError(
            f"{name} is compressed, so a run could not continue within it: decompress it first, with {_COMPRESSED[suffix]}"
        )
    if suffix == ".json":
        raise ConfigError(
            f"{name} may have a document on each line, or be one document: say which with format=JSONLines() or "
            "format=Files('application/json')"
        )
    raise ConfigError(
        f"{name} has {f'the unknown suffix {suffix}' if suffix else 'no suffix'}: say what the files are with "
        "format=, such as JSONLines(), CSV(), Parquet() or Files()"
    )
