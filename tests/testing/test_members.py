"""Inputs made from members, and the stream of an output, for whatever operation there is."""

from __future__ import annotations

import pytest

from sagemaker_runtime import InvokeEndpointOutput
from sagemaker_runtime.operations import operation
from sagemaker_runtime.testing import stream_output
from sagemaker_runtime.testing.members import input_of, stream_of


@pytest.mark.parametrize("name", ["InvokeEndpoint", "InvokeEndpointAsync", "InvokeEndpointWithResponseStream"])
def test_an_input_is_made_of_its_members(name: str) -> None:
    """It is the operation's own class, which checks them."""
    members = {"endpoint_name": "iris", "accept": "text/csv", **({} if name.endswith("Async") else {"body": b"1"})}

    made = input_of(operation(name), members)

    assert type(made) is operation(name).input_type
    assert members == {member: getattr(made, member) for member in members}


def test_only_what_a_streaming_operation_returns_has_a_stream() -> None:
    """A middleware may also return something else."""
    streaming = operation("InvokeEndpointWithResponseStream")
    output = stream_output([b"once"])(input_of(streaming, {"endpoint_name": "story", "body": b""}))

    assert output.body is stream_of(streaming, output)
    output.body.close()
    for other in (None, InvokeEndpointOutput(body=b"")):
        assert stream_of(streaming, other) is None
    assert stream_of(operation("InvokeEndpoint"), InvokeEndpointOutput(body=b"")) is None
