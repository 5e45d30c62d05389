"""The front's constraints are those of the API model that botocore ships."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.loaders import Loader

from sagemaker_runtime.local.constraints import ENDPOINT_NAME, HEADERS, MAX_BODY, Constraint

SHAPES: dict[str, Any] = Loader().load_service_model("sagemaker-runtime", "service-2", "2017-05-13")["shapes"]
MEMBERS: dict[str, Any] = SHAPES["InvokeEndpointInput"]["members"]
ADDED_SINCE_1_40 = {"PrefixAwareId"}


def model_name(constraint: Constraint) -> str:
    return constraint.member[0].upper() + constraint.member[1:]


def test_each_header_of_the_api_model_has_its_constraint() -> None:
    """A member that was forgotten would never reach a model."""
    expected = {name for name, member in MEMBERS.items() if member.get("location") == "header"}

    assert expected | ADDED_SINCE_1_40 == {model_name(constraint) for constraint in HEADERS.values()}


@pytest.mark.parametrize("constraint", [ENDPOINT_NAME, *HEADERS.values()], ids=lambda constraint: constraint.member)
def test_a_constraint_has_the_header_and_limits_of_the_api_model(constraint: Constraint) -> None:
    """They were copied by hand, and botocore's copy is AWS's own."""
    member = MEMBERS.get(model_name(constraint))
    if member is None and model_name(constraint) in ADDED_SINCE_1_40:
        pytest.skip("this botocore is older than the member")
    shape = SHAPES[member["shape"]]

    assert constraint.header == ("" if member["location"] == "uri" else member["locationName"].lower())
    assert (constraint.min, constraint.max) == (shape.get("min", 0), shape["max"])
    assert constraint.sensitive == shape.get("sensitive", False)


def test_the_largest_body_is_that_of_the_api_model() -> None:
    """The service refuses what is larger."""
    assert SHAPES["BodyBlob"]["max"] == MAX_BODY


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
    constraint = HEADERS[attribute]

    assert [] == [value for value in good if constraint.problem(value) is not None]
    assert [] == [value for value in bad if constraint.problem(value) is None]
