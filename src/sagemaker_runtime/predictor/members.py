"""
What a call may set besides its value: the members of the operation's input, each with its type.

The docstrings of `InvokeEndpointInput`, `InvokeEndpointWithResponseStreamInput` and `InvokeEndpointAsyncInput` explain them. A
test checks that none is missing here.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, TypedDict

from attrs import fields_dict

from sagemaker_runtime import (
    ConfigError,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    OperationInput,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


class SharedMembers(TypedDict, total=False):
    """The members that every operation has. None sends nothing, even if the predictor or its codec has a value."""

    content_type: str | None
    accept: str | None
    custom_attributes: str | None
    inference_id: str | None


class StreamMembers(SharedMembers, total=False):
    """The members of `InvokeEndpointWithResponseStreamInput`."""

    target_variant: str | None
    target_container_hostname: str | None
    inference_component_name: str | None
    session_id: str | None
    prefix_aware_id: str | None


class InvokeMembers(StreamMembers, total=False):
    """The members of `InvokeEndpointInput`."""

    target_model: str | None
    enable_explanations: str | None


class AsyncMembers(SharedMembers, total=False):
    """The members of `InvokeEndpointAsyncInput`."""

    s3_output_path_extension: str | None
    filename: str | None
    request_ttl_seconds: int | None
    invocation_timeout_seconds: int | None


class Members(InvokeMembers, AsyncMembers, total=False):
    """The members of all three inputs, any of which a predictor may have."""


OF_THE_PREDICTOR = frozenset({"endpoint_name", "body", "input_location"})
"""The members that a predictor sets itself."""

INPUTS: dict[type[OperationInput], str] = {
    InvokeEndpointInput: "InvokeEndpoint",
    InvokeEndpointWithResponseStreamInput: "InvokeEndpointWithResponseStream",
    InvokeEndpointAsyncInput: "InvokeEndpointAsync",
}


NAMES: dict[type[OperationInput], frozenset[str]] = {
    each: frozenset(fields_dict(each)) - OF_THE_PREDICTOR for each in INPUTS
}
"""The members that may be set for calls with each input."""

ALL_NAMES = frozenset[str]().union(*NAMES.values())


def check_names(members: Mapping[str, object], input_type: type[OperationInput] | None = None) -> None:
    """
    Refuse names that are not members.

    Args:
        members: The members of a predictor, or of one call.

        input_type: The input that they are for; None for those of a predictor, which may belong to any.

    Raises:
        ConfigError: There is no such member, or this operation does not have it.
    """
    allowed = ALL_NAMES if input_type is None else NAMES[input_type]
    for name in members:
        if name in allowed:
            continue
        if name in OF_THE_PREDICTOR:
            raise ConfigError(f"{name} is set by the predictor itself, from its endpoint and the value; leave it out")
        if input_type is not None and name in ALL_NAMES:
            raise ConfigError(
                f"{INPUTS[input_type]} has no member {name!r}; it has {', '.join(sorted(allowed))}. If the predictor has "
                f"set it, use another predictor for this call"
            )
        near = get_close_matches(name, allowed, n=1, cutoff=0.5)
        advice = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(sorted(allowed))}"
        raise ConfigError(f"there is no member {name!r}. {advice}")
