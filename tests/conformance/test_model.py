"""Our operations against the service model: both ways against the published one, one way against botocore's."""

from __future__ import annotations

from typing import Any

import attrs
import botocore
import pytest
from botocore.loaders import Loader
from conformance.conftest import load, snake_case
from support import OPERATIONS

from sagemaker_runtime import SERVICE_API_VERSION, SERVICE_ID, Headers
from sagemaker_runtime.operations.base import Operation, bindings, required
from sagemaker_runtime.operations.service import SAGEMAKER_RUNTIME
from sagemaker_runtime.protocol import Marshaller

LOCATIONS = {"uri": "label", "header": "header"}
TYPES = {"string": str, "integer": int}
CONSTRAINTS = ("type", "min", "max", "pattern", "sensitive")

ADDED = {
    ("InvokeEndpoint", "input", "PrefixAwareId"): (1, 43, 68),
    ("InvokeEndpointAsync", "input", "S3OutputPathExtension"): (1, 42, 54),
    ("InvokeEndpointAsync", "input", "Filename"): (1, 42, 54),
    ("InvokeEndpointAsync", "input", "Body"): (1, 43, 29),
    ("InvokeEndpointWithResponseStream", "input", "PrefixAwareId"): (1, 43, 68),
}
"""Members that botocore has only from this version on, of those added since the oldest botocore we take."""


REQUIRED_BEFORE = {("InvokeEndpointAsync", "input", "InputLocation"): (1, 43, 29)}
"""Members that an older botocore requires, and that are not required from this version on."""


def modelled(model: dict[str, Any], structure: str) -> dict[str, tuple[Any, ...]]:
    """By member: attribute, where it travels, under which name, whether it is required, shape, constraints."""
    shape = model["shapes"][structure]
    members = {}
    for name, member in shape["members"].items():
        location, wire_name = LOCATIONS.get(member.get("location")), member.get("locationName", "")
        if location is None and shape.get("payload") == name:
            location = "stream" if model["shapes"][member["shape"]].get("eventstream") else "payload"
        elif location is None:
            location, wire_name = "document", member.get("locationName", name)
        constraints = {key: model["shapes"][member["shape"]].get(key) for key in CONSTRAINTS}
        members[name] = (
            snake_case(name),
            location,
            wire_name,
            name in shape.get("required", []),
            member["shape"],
            constraints | {"sensitive": bool(constraints["sensitive"])},
        )
    return members


def ours(members: type) -> dict[str, tuple[Any, ...]]:
    """The same of one of our classes, by attribute."""
    return {
        name: (
            name,
            binding.location,
            binding.name,
            name in required(members),
            binding.shape.name,
            {key: getattr(binding.shape, key) for key in CONSTRAINTS},
        )
        for name, binding in bindings(members).items()
    }


def address(operation: dict[str, Any]) -> tuple[str, str]:
    """What ``http`` tells beside the status, of which any from 200 to 299 is taken."""
    return operation["http"]["method"], operation["http"]["requestUri"]


def errors_of(model: dict[str, Any], operation: str) -> dict[str, dict[str, Any]]:
    return {error["shape"]: model["shapes"][error["shape"]] for error in model["operations"][operation]["errors"]}


def check_error(operation: Operation, name: str, shape: dict[str, Any], model: dict[str, Any]) -> None:
    status = shape.get("error", {}).get("httpStatusCode")

    error = Marshaller(operation).error(status or 500, Headers({"X-Amzn-ErrorType": name}), b'{"Message": "refused"}')

    expected = {
        member: (snake_case(member), TYPES[model["shapes"][reference["shape"]]["type"]])
        for member, reference in shape["members"].items()
        if member != "Message"
    }
    assert (name, name) == (type(error).__name__, type(error).code)
    assert (status or 500, "refused") == (error.status, error.message)
    told = "after the stream had begun" if status is None else f"({status})"
    assert told in type(error).__doc__, "what it answers with is told to who reads of the class"
    assert ("server" if shape.get("fault") else "client") == error.fault
    assert expected == dict(error.members)


@pytest.fixture(params=OPERATIONS, ids=lambda operation: operation.name)
def operation(request: pytest.FixtureRequest) -> Operation:
    return request.param


def test_every_member_of_an_operation_is_the_model_s_and_the_other_way_round(operation):
    """A constraint missed lets through what the service refuses; one invented refuses what it takes."""
    model = load("protocol/sagemaker-runtime-service-2.json")
    modelled_operation = model["operations"][operation.name]

    for role, members in (("input", operation.input_type), ("output", operation.output_type)):
        expected = modelled(model, modelled_operation[role]["shape"])
        assert {description[0]: description for description in expected.values()} == ours(members)
        assert modelled_operation[role]["shape"] == members.__name__
    assert address(modelled_operation) == (operation.method, operation.path)


def test_every_error_of_an_operation_is_the_model_s_and_the_other_way_round(operation):
    """The class, its code, whom the model blames, and the members beside the message."""
    model = load("protocol/sagemaker-runtime-service-2.json")
    expected = errors_of(model, operation.name)

    assert list(expected) == [error.code for error in operation.errors]
    for name, shape in expected.items():
        check_error(operation, name, shape, model)


def test_the_members_of_an_operation_are_counted():
    """The model's own counts, so that an empty comparison cannot pass for a complete one."""
    counts = {
        operation.name: (len(ours(operation.input_type)), len(ours(operation.output_type)), len(operation.errors))
        for operation in OPERATIONS
    }

    assert counts == {
        "InvokeEndpoint": (13, 6, 6),
        "InvokeEndpointAsync": (11, 3, 3),
        "InvokeEndpointWithResponseStream": (11, 4, 6),
    }


def test_the_events_of_the_stream_are_the_model_s():
    """An event the model adds would come out as an UnknownEvent, which is right until somebody looks here."""
    shapes = load("protocol/sagemaker-runtime-service-2.json")["shapes"]
    events = shapes["ResponseStream"]["members"]

    assert set(events) == {"PayloadPart", "ModelStreamError", "InternalStreamFailure"}
    assert list(shapes["PayloadPart"]["members"]) == ["Bytes"]
    assert shapes["PayloadPart"]["members"]["Bytes"]["eventpayload"]


def test_the_service_goes_by_the_model_s_names():
    """They stand in the configuration, in telemetry and in every signature."""
    metadata = load("protocol/sagemaker-runtime-service-2.json")["metadata"]

    assert metadata["serviceId"] == SERVICE_ID
    assert metadata["apiVersion"] == SERVICE_API_VERSION
    assert metadata["signingName"] == SAGEMAKER_RUNTIME.signing_name


INSTALLED = tuple(int(part) for part in botocore.__version__.split("."))
INSTALLED_MODEL = Loader().load_service_model("sagemaker-runtime", "service-2", SERVICE_API_VERSION)


def test_nothing_in_the_model_of_the_installed_botocore_is_missing(operation):
    """A newer botocore tells of new members first; an older one may lack what came after it, and nothing else."""
    installed = INSTALLED_MODEL["operations"][operation.name]

    for role, members in (("input", operation.input_type), ("output", operation.output_type)):
        expected = modelled(INSTALLED_MODEL, installed[role]["shape"])
        for (name, place, member), version in REQUIRED_BEFORE.items():
            if (name, place) == (operation.name, role) and version > INSTALLED:
                expected[member] = (*expected[member][:3], False, *expected[member][4:])
        here = ours(members)
        assert list(expected.values()) == [here.get(description[0]) for description in expected.values()]
        lacking = set(here) - {description[0] for description in expected.values()}
        later = {key[2] for key, version in ADDED.items() if key[:2] == (operation.name, role) and version > INSTALLED}
        assert lacking == {snake_case(name) for name in later}
    assert address(installed) == (operation.method, operation.path)
    for name, shape in errors_of(INSTALLED_MODEL, operation.name).items():
        check_error(operation, name, shape, INSTALLED_MODEL)


def test_the_members_added_later_are_members():
    """A name misspelt in the table would excuse nothing and go unnoticed."""
    known = {
        (operation.name, role, snake_case(attribute.name))
        for operation in OPERATIONS
        for role, members in (("input", operation.input_type), ("output", operation.output_type))
        for attribute in attrs.fields(members)
    }

    assert {(name, role, snake_case(member)) for name, role, member in ADDED} <= known
