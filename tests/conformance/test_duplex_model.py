"""The duplex operation against the facts of its model: members, constraints, errors, endpoints."""

from __future__ import annotations

from typing import Any

import pytest
from conformance.conftest import cases, load, snake_case

from sagemaker_runtime import DefaultEndpointResolver, EndpointResolverOptions, Headers
from sagemaker_runtime.operations import operation
from sagemaker_runtime.operations.base import Binding, bindings, required
from sagemaker_runtime.operations.service import SAGEMAKER_RUNTIME_HTTP2
from sagemaker_runtime.protocol import Marshaller
from sagemaker_runtime.streams.messages import Message

FILE = "http2/sagemaker-runtime-http2.json"
OPERATION = operation("InvokeEndpointWithBidirectionalStream")
LOCATIONS = {"uri": "label", "header": "header", "payload": "stream", "eventpayload": "event payload"}
LOCATIONS |= {"eventheader": "event header"}
ENDPOINTS = cases(FILE, lambda model: model["endpoints"]["cases"], id=lambda case: case["url"])


def check(modelled: dict[str, Any], ours: dict[str, Binding]) -> None:
    assert {snake_case(name) for name in modelled} == set(ours)
    for name, member in modelled.items():
        binding = ours[snake_case(name)]
        assert LOCATIONS[member["location"]] == binding.location
        if binding.location in ("label", "event header"):
            assert name == binding.name
        elif binding.location == "header":
            assert member["header"] == binding.name
        constraints = (member.get("max"), member.get("pattern"), member.get("sensitive", False))
        assert constraints == (binding.shape.max, binding.shape.pattern, binding.shape.sensitive), name


def test_the_input_and_the_output_have_the_members_of_the_model() -> None:
    """All but the request's stream, whose events are sent through the `DuplexStream`."""
    model = load(FILE)["operation"]
    sent = {name: member for name, member in model["input"].items() if name != "Body"}
    check(sent, bindings(OPERATION.input_type))
    check(model["output"], bindings(OPERATION.output_type))
    assert {"endpoint_name"} == set(required(OPERATION.input_type))
    assert (model["method"], model["uri"]) == (OPERATION.method, OPERATION.path)


def test_the_events_of_both_directions_are_those_of_the_model() -> None:
    """A header by another name would be a part without its type."""
    model = load(FILE)["operation"]
    check(model["input"]["Body"]["eventstream"]["PayloadPart"], bindings(OPERATION.input_events["PayloadPart"]))
    check(model["output"]["Body"]["eventstream"]["PayloadPart"], bindings(OPERATION.events["PayloadPart"]))


def test_the_service_is_that_of_the_model() -> None:
    """Telemetry and configuration go by its id, the signature by its signing name."""
    metadata = load(FILE)["metadata"]
    assert OPERATION.service is SAGEMAKER_RUNTIME_HTTP2
    assert (metadata["serviceId"], metadata["apiVersion"]) == (OPERATION.service.id, OPERATION.service.api_version)
    assert metadata["signingName"] == OPERATION.service.signing_name
    assert "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME_HTTP2" == OPERATION.service.endpoint_variable


def test_each_error_of_the_model_has_a_class_with_its_members() -> None:
    """A caller catches it by name, and reads what the service says more closely."""
    model, marshaller = load(FILE)["operation"]["errors"], Marshaller(OPERATION)
    assert list(model) == [error.code for error in OPERATION.errors]
    for name, shape in model.items():
        body = b'{"Message": "no", "ErrorCode": "Finer", "OriginalStatusCode": 418, "OriginalMessage": "tea", "LogStreamArn": "arn"}'
        error: Any = marshaller.error(shape.get("status", 500), Headers({"x-amzn-errortype": name}), body)
        assert (name, shape["fault"], "no") == (type(error).__name__, error.fault, error.message)
        for member in shape.get("members", {}):
            assert getattr(error, snake_case(member)), member


def test_an_exception_in_the_stream_is_an_error_of_the_model() -> None:
    """A container's close code arrives this way, after a 200."""
    headers = {":message-type": "exception", ":exception-type": "ModelStreamError"}
    with pytest.raises(Exception, match=r"^ModelStreamError: gone .*error code 1011"):
        Marshaller(OPERATION).event(Message(headers, b'{"Message": "gone", "ErrorCode": "1011"}'))


@pytest.mark.parametrize("case", ENDPOINTS)
def test_the_endpoint_is_that_of_the_rules(case: dict[str, Any]) -> None:
    """It listens on a port of its own, and FIPS has another host name than for the other operations."""
    resolver = DefaultEndpointResolver(SAGEMAKER_RUNTIME_HTTP2)
    options = EndpointResolverOptions(use_fips_endpoint=case["fips"], use_dual_stack_endpoint=case["dual_stack"])
    assert case["url"] == resolver.resolve_endpoint(case["region"], options).url


def test_a_partition_that_the_rules_do_not_name_has_no_port() -> None:
    """The rule set names seven; others have the default port."""
    resolver = DefaultEndpointResolver(SAGEMAKER_RUNTIME_HTTP2)
    assert "https://runtime.sagemaker.eu-isoe-west-1.cloud.adc-e.uk" == (
        resolver.resolve_endpoint("eu-isoe-west-1", EndpointResolverOptions()).url
    )
