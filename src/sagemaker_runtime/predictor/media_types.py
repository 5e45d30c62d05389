"""The content type of a response, and what it means for a codec."""

from __future__ import annotations

__all__ = ["JSON_LINES_TYPES", "is_json", "may_be_csv", "media_type"]

JSON_LINES_TYPES = (
    "application/jsonlines",
    "application/x-jsonlines",
    "application/jsonl",
    "application/x-ndjson",
    "application/ndjson",
)
ANOTHER_FORMAT = (
    "that is another format (if the container sets a wrong content type, correct it there, or call this codec from one of "
    "your own, with None as the content type)"
)

_UNSPECIFIC = ("", "*/*", "application/octet-stream", "binary/octet-stream", "text/plain")  # the fourth is S3's
_PAGE = "text/html"  # Flask's default for any text
_CSV = "CSVCodec"
_JSON_LINES = "JSONLinesCodec"
_CODECS = {
    **dict.fromkeys(JSON_LINES_TYPES, _JSON_LINES),
    "application/vnd.apache.arrow.stream": "ArrowCodec",
    "application/vnd.apache.parquet": "ParquetCodec",
    "application/vnd.sagemaker-triton.binary+json": "TritonCodec",
    "application/x-npy": "NumPyCodec",
    "application/x-parquet": "ParquetCodec",
}


def media_type(content_type: str | None) -> str:
    """The media type without its parameters, in lower case; empty if there is none."""
    return (content_type or "").partition(";")[0].strip().lower()


def is_json(kind: str) -> bool:
    """Whether a media type without parameters is JSON."""
    return kind == "application/json" or kind.endswith("+json")


def may_be_csv(body: bytes, content_type: str | None) -> bool:
    """
    Whether the content type of a response allows CSV. It is checked because nearly any text can be read as CSV.

    A response may also have no type, an unspecific one, or ``text/html`` if it does not begin like a page.
    """
    kind = media_type(content_type)
    if kind == _PAGE:
        return not body.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
    return kind in _UNSPECIFIC or is_csv(content_type)


def is_csv(content_type: str | None) -> bool:
    """Whether a response is labelled as CSV. A row of one number is also a JSON document, and a column of them JSON Lines."""
    return _codec(content_type) == _CSV


def is_json_lines(content_type: str | None) -> bool:
    """Whether a response is labelled as JSON Lines. With a single document, those are also JSON."""
    return _codec(content_type) == _JSON_LINES


def advice(content_type: str | None, format: str) -> str:
    """What to add to the error about a response that cannot be read as *format*: the codec for its type, if there is one."""
    codec = _codec(content_type)
    return f"; {codec} reads {media_type(content_type)}" if codec and "/" in format and codec != _codec(format) else ""


def _codec(content_type: str | None) -> str:
    """The codec for a type; empty if there is none."""
    kind = media_type(content_type)
    if kind in _CODECS:
        return _CODECS[kind]
    if is_json(kind):
        return "JSONCodec"
    return _CSV if "csv" in kind.partition("/")[2] or kind == "text/comma-separated-values" else ""
