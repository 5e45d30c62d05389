"""What the tests of the codecs share."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from sagemaker_runtime import Codec, DecodeError, Encoded, EncodeError

SECRET = "s3cr3t"  # what stands in each broken response, and in no error


def decode(codec: Codec[Any, Any], body: bytes, content_type: str | None = "text/html") -> Any:
    return codec.decode(body, content_type)


def round_trip(codec: Codec[Any, Any], value: object) -> Any:
    """What the codec reads of what it has written."""
    encoded = codec.encode(value)
    body, kind = (encoded.body, encoded.content_type) if isinstance(encoded, Encoded) else (encoded, codec.content_type)
    return codec.decode(body, kind)


def unreadable(codec: Codec[Any, Any], body: bytes, content_type: str | None = "text/html") -> str:
    """What the error for a body says is wrong; it must keep the content to itself, and pickle."""
    with pytest.raises(DecodeError) as caught:
        codec.decode(body, content_type)
    error = caught.value
    size = "1 byte" if len(body) == 1 else f"{len(body)} bytes"
    start = f"the response, {size} of type {content_type}, cannot be read as {codec.content_type}: "
    assert str(error).startswith(start)
    assert SECRET not in str(error)
    assert (None, None) == (error.__cause__, error.__context__)
    assert str(error) == str(pickle.loads(pickle.dumps(error)))  # noqa: S301 - our own
    return str(error).removeprefix(start)


def refused(codec: Codec[Any, Any], value: object) -> str:
    """What the error for a value says; it must keep the value to itself, and pickle."""
    with pytest.raises(EncodeError) as caught:
        codec.encode(value)
    error = caught.value
    assert SECRET not in str(error)
    assert (None, None) == (error.__cause__, error.__context__)
    assert str(error) == str(pickle.loads(pickle.dumps(error)))  # noqa: S301 - our own
    return str(error)
