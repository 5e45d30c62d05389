"""The binding language: shapes, and reprs that cannot forget a secret."""

from __future__ import annotations

import attrs
import pytest
from support import OPERATIONS

from sagemaker_runtime import InvokeEndpointInput, InvokeEndpointOutput, ServiceError
from sagemaker_runtime.operations import shapes
from sagemaker_runtime.operations.base import Binding, SharedMembers, bindings, required, show


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_member_is_bound_and_every_label_stands_in_the_path(operation: object) -> None:
    """A member without a binding would be taken and never sent."""
    for members in (operation.input_type, operation.output_type):
        unbound = set(attrs.fields_dict(members)) - set(bindings(members)) - {"result_metadata"}
        assert not unbound
    labels = [each.name for each in bindings(operation.input_type).values() if each.location == "label"]

    assert all("{" + name + "}" in operation.path for name in labels)
    assert all(issubclass(error, ServiceError) for error in operation.errors)


def test_bindings_are_in_the_order_of_the_members_and_required_has_no_default() -> None:
    """The validation reports in this order, which is the order a reader knows."""
    members = bindings(InvokeEndpointInput)

    assert list(members)[:3] == ["endpoint_name", "body", "content_type"]
    assert members["content_type"] == Binding("header", "Content-Type", shapes.HEADER)
    assert required(InvokeEndpointInput) == {"endpoint_name", "body"}


def test_a_repr_shows_what_is_set_and_no_sensitive_value() -> None:
    """Inputs and outputs are printed in tracebacks and logs."""
    given = InvokeEndpointInput(endpoint_name="iris", body=b"hush", custom_attributes="hush", accept="text/csv")
    got = InvokeEndpointOutput(body=b"hush", custom_attributes="hush", new_session_id="abc")

    assert repr(given) == (
        "InvokeEndpointInput(endpoint_name='iris', body=<4 bytes>, accept='text/csv', custom_attributes=<redacted>)"
    )
    assert repr(got) == "InvokeEndpointOutput(body=<4 bytes>, custom_attributes=<redacted>, new_session_id='abc')"


def test_a_body_of_the_wrong_type_is_not_shown_either() -> None:
    """A text given by mistake is as sensitive as the bytes it should have been."""
    assert show("hush", shapes.BODY_BLOB) == "<redacted>"
    assert "hush" not in repr(InvokeEndpointInput(endpoint_name="iris", body="hush"))
    assert "hush" not in repr(InvokeEndpointInput(endpoint_name="iris", body=bytearray(b"hush")))


def test_outputs_are_equal_by_their_members_and_not_by_the_facts_of_the_call() -> None:
    """Two calls with the same response have the same output, though not the same request id."""
    assert InvokeEndpointOutput(body=b"1") == InvokeEndpointOutput(body=b"1")
    assert InvokeEndpointOutput(body=b"1") != InvokeEndpointOutput(body=b"2")


def test_what_a_checker_sees_of_all_inputs_is_what_they_share() -> None:
    """A body is in all of them too, but one may be None; so it takes a look at the type."""
    inputs = [bindings(operation.input_type).keys() for operation in OPERATIONS]

    assert set.intersection(*map(set, inputs)) - {"body"} == set(SharedMembers.__annotations__)
    assert not hasattr(InvokeEndpointInput(endpoint_name="iris", body=b""), "__dict__")
