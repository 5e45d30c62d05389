"""The front's constraints are those of the API model that botocore ships."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.loaders import Loader

from sagemaker_runtime.local.front.constraints import MAX_BODY, Constraint, Range, body_of, constraints_of
from sagemaker_runtime.operations import OPERATIONS

SHAPES: dict[str, Any] = Loader().load_service_model("sagemaker-runtime", "service-2", "2017-05-13")["shapes"]
ADDED_SINCE_1_40 = {
    "InvokeEndpoint": {"PrefixAwareId"},
    "InvokeEndpointAsync": {"S3OutputPathExtension", "Filename"},
    "InvokeEndpointWithResponseStream": {"PrefixAwareId"},
}


def members_of(operation: str) -> dict[str, Any]:
    return SHAPES[f"{operation}Input"]["members"]


def model_name(constraint: Constraint | Range) -> str:
    return constraint.member[0].upper() + constraint.member[1:]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_header_of_the_api_model_has_its_constraint(operation: str) -> None:
    """A member that was forgotten would never reach a model; one too many would, on this machine only."""
    expected = {name for name, member in members_of(operation).items() if member.get("location") in ("header", "uri")}

    assert expected | ADDED_SINCE_1_40[operation] == {
        model_name(constraint) for constraint in constraints_of(operation).values()
    }


@pytest.mark.parametrize(
    ("operation", "constraint"),
    [
        pytest.param(operation, constraint, id=f"{operation}-{constraint.member}")
        for operation in OPERATIONS
        for constraint in constraints_of(operation).values()
    ],
)
def test_a_constraint_has_the_header_and_limits_of_the_api_model(
    operation: str, constraint: Constraint | Range
) -> None:
    """They are those of the bindings, which were written by hand; botocore's copy is AWS's own."""
    member = members_of(operation).get(model_name(constraint))
    if member is None and model_name(constraint) in ADDED_SINCE_1_40[operation]:
        pytest.skip("this botocore is older than the member")
    shape = SHAPES[member["shape"]]

    assert constraint.header == ("" if member["location"] == "uri" else member["locationName"].lower())
    assert (constraint.min, constraint.max) == (shape.get("min", 0), shape["max"])
    assert constraint.sensitive == shape.get("sensitive", False)


def test_a_members_name_in_a_message_is_the_models() -> None:
    """It is made of the attribute's, and an acronym is no word."""
    assert "requestTTLSeconds" == constraints_of("InvokeEndpointAsync")["request_ttl_seconds"].member
    assert "s3OutputPathExtension" == constraints_of("InvokeEndpointAsync")["s3_output_path_extension"].member


def test_the_largest_body_is_that_of_the_api_model() -> None:
    """The service refuses what is larger."""
    assert SHAPES["BodyBlob"]["max"] == MAX_BODY
    if "AsyncBodyBlob" in SHAPES:  # since botocore 1.43.29
        assert SHAPES["AsyncBodyBlob"]["max"] == body_of("InvokeEndpointAsync").max


@pytest.mark.parametrize(
    ("attribute", "good", "bad"),
    [
        ("content_type", ["", "text/csv; header=present"], ["caf\u00e9"]),
        ("target_model", ["a", "a b", "~", "\u00a0"], [" a", "a\u00e9", "a\n"]),
        ("target_variant", ["a", "a--b", "1-2"], ["", "-a", "a-", "a_b", "a\n"]),
        ("enable_explanations", ["`true`", " "], ["a\nb"]),
        ("inference_component_name", ["a", "a-b"], ["", "-a", "a-", "a_b"]),
        ("session_id", ["NEW_SESSION", "a-1"], ["", "NEW_SESSIONS_", "new_session", "a-"]),
    ],
)
def test_a_pattern_means_what_javas_does(attribute: str, good: list[str], bad: list[str]) -> None:
    """The model's patterns are Java's, for the whole text; these are the places where Python's would differ."""
    constraint = constraints_of("InvokeEndpoint")[attribute]

    assert [] == [value for value in good if constraint.problem(value) is not None]
    assert [] == [value for value in bad if constraint.problem(value) is None]
