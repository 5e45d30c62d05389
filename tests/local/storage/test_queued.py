"""What InvokeEndpointAsync takes and refuses, before anything is queued."""

from __future__ import annotations

import re

import pytest

from sagemaker_runtime import (
    Headers,
)
from sagemaker_runtime.local.front.constraints import constraints_of
from sagemaker_runtime.local.front.failures import FailureError
from sagemaker_runtime.local.storage.asynchronous import queued
from sagemaker_runtime.operations.routes import route

BROKEN = "failed to satisfy constraint: Member must have "

ROUTE = route("POST", "/endpoints/it/async-invocations")


@pytest.mark.parametrize(
    ("members", "output", "failure"),
    [
        ({"inference_id": "a b/../c"}, "it/a-b-..-c-[0-9a-f]{8}.out", "it/a-b-..-c-[0-9a-f]{8}-error.out"),
        ({"filename": "result.json"}, "it/result.json", "it/result.json-error.out"),
        ({"filename": "r.out"}, "it/r.out", "it/r-error.out"),
        ({"filename": "r.out", "s3_output_path_extension": "/a/b/"}, "it/a/b/r.out", "it/r-error.out"),
    ],
)
def test_the_objects_are_where_the_request_wants_them(members: dict[str, str], output: str, failure: str) -> None:
    """Jobs that pick up results look for them by these names."""
    headers = Headers({constraints_of("InvokeEndpointAsync")[name].header: value for name, value in members.items()})

    request = queued(ROUTE, b"1", headers)

    assert re.fullmatch(f"async-endpoint-outputs/{output}", request.output_key)
    assert re.fullmatch(f"async-endpoint-failures/{failure}", request.failure_key)


def refused(headers: dict[str, str], body: bytes = b"1") -> str:
    with pytest.raises(FailureError) as raised:
        queued(ROUTE, body, Headers(headers))
    assert ("ValidationError", 400) == (raised.value.code, raised.value.status)
    return str(raised.value.document["Message"])


@pytest.mark.parametrize(
    ("attribute", "good", "bad"),
    [
        ("content_type", ["", "text/csv"], ["caf\u00e9", "x" * 1025]),
        ("accept", ["", "*/*"], ["caf\u00e9", "x" * 1025]),
        ("custom_attributes", ["", "x" * 1024], ["caf\u00e9", "x" * 1025]),
        ("inference_id", ["a b", "x" * 64], ["", " a", "x" * 65]),
        ("s3_output_path_extension", ["a", "/a/b!_.*'()-"], ["", "s3:a", "https:a", "a b", "a\\b", "x" * 513]),
        ("filename", ["a", "a.json", "0_-."], ["", ".a", "a.b.c", "a/b", "a b", "x" * 33]),
        ("request_ttl_seconds", ["60", "21600"], ["", "59", "21601", "60.5", "-60", "\u0666\u0660", "9" * 5000]),
        ("invocation_timeout_seconds", ["1", "3600"], ["", "0", "3601", "one", "1e3"]),
    ],
)
def test_each_member_is_checked_as_the_api_model_has_it(attribute: str, good: list[str], bad: list[str]) -> None:
    """Other clients check nothing, and get the failure here that the service would send."""
    constraint = constraints_of("InvokeEndpointAsync")[attribute]

    for value in good:
        queued(ROUTE, b"1", Headers({constraint.header: value}))
    problems = [refused({constraint.header: value}) for value in bad]

    start = f"1 validation error detected: Value{'' if constraint.sensitive else ' '}"
    assert [True] * len(bad) == [problem.startswith(start) for problem in problems]
    assert [True] * len(bad) == [f" at '{constraint.member}' failed to satisfy" in problem for problem in problems]


@pytest.mark.parametrize("location", ["s3://b/k", "https://b/k", "s3://b", "https://b/", "s3://b/\u00e9 k"])
def test_a_location_has_one_of_two_schemes(location: str) -> None:
    """More than that is not asked of it, until its turn has come."""
    assert location == queued(ROUTE, b"", Headers({"x-amzn-sagemaker-inputlocation": location})).input_location


@pytest.mark.parametrize("location", ["", "http://b/k", "s3:///k", "b/k", "S3://b/k", "s3://" + "x" * 1020])
def test_a_location_of_another_scheme_is_refused(location: str) -> None:
    """The service fetches from nowhere else."""
    assert " at 'inputLocation' failed to satisfy" in refused({"x-amzn-sagemaker-inputlocation": location}, b"")


@pytest.mark.parametrize(
    ("headers", "body", "problem"),
    [
        ({}, b"", "Exactly one of Body and InputLocation must be given, not neither."),
        (
            {"x-amzn-sagemaker-inputlocation": "s3://b/k"},
            b"1",
            "Exactly one of Body and InputLocation must be given, not both.",
        ),
        (
            {},
            bytes(128_001),
            f"1 validation error detected: Value at 'body' {BROKEN}length less than or equal to 128000",
        ),
        (
            {"x-amzn-sagemaker-requestttlseconds": "59", "x-amzn-sagemaker-invocationtimeoutseconds": "3601"},
            b"1",
            (
                f"2 validation errors detected: Value '59' at 'requestTTLSeconds' {BROKEN}value greater than or equal to "
                f"60; Value '3601' at 'invocationTimeoutSeconds' {BROKEN}value less than or equal to 3600"
            ),
        ),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_the_reason(
    headers: dict[str, str], body: bytes, problem: str
) -> None:
    """Word for word, all problems at once; and the body is not repeated."""
    assert problem == refused(headers, body)


@pytest.mark.parametrize("extension", ["../../..", "a/../b", "a//b", ".", "a/./b", "x" * 256])
def test_an_output_cannot_be_put_outside_its_path(extension: str) -> None:
    """The pattern of the API model allows it, and a folder would be left by it."""
    assert "The output cannot be stored under the key" in refused({"x-amzn-sagemaker-s3outputpathextension": extension})
