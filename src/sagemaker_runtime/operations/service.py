"""`Service`: the names, the endpoint rules and the transport that the operations of one API share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

HostRules: TypeAlias = Callable[[str, bool, bool], str]
"""
The rules for a service's host: a function of the partition's id, whether to use FIPS, and whether to use dual stack.

It returns a host with the placeholders ``{region}`` and ``{suffix}``, which is the partition's DNS suffix.
"""


class Service(NamedTuple):
    """One API of AWS, as its model and its endpoint rule set describe it."""

    id: str
    """AWS's id of the service in configuration and telemetry, such as ``"SageMaker Runtime"``."""

    api_version: str
    """The version of the API model that its operations follow."""

    signing_name: str
    """The service's name in the scope of a signature."""

    host: HostRules
    """The endpoint rules."""

    http_client_option: Literal["http_client", "duplex_http_client"] = "http_client"
    """The option with the transport for its requests."""

    @property
    def endpoint_variable(self) -> str:
        """The environment variable for an endpoint of this service only."""
        return f"AWS_ENDPOINT_URL_{self.config_section.upper()}"

    @property
    def config_section(self) -> str:
        """The service's name in the ``services`` sections of the shared config file."""
        return self.id.lower().replace(" ", "_")


def _host(partition: str, fips: bool, dual_stack: bool) -> str:  # noqa: FBT001 - the two switches of every rule set
    """Source: botocore, ``sagemaker-runtime/2017-05-13/endpoint-rule-set-1.json``."""
    if fips and not dual_stack and partition == "aws":
        return "runtime-fips.sagemaker.{region}.{suffix}"
    if fips and not (partition == "aws-us-gov" and not dual_stack):  # every endpoint there is FIPS
        return "runtime.sagemaker-fips.{region}.{suffix}"
    return "runtime.sagemaker.{region}.{suffix}"


SAGEMAKER_RUNTIME = Service("SageMaker Runtime", "2017-05-13", "sagemaker", _host)


_WITH_A_PORT = frozenset({"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-f", "aws-eusc"})


def _http2_host(partition: str, *switches: bool) -> str:
    """Source: the rule set of ``sagemaker-runtime-http2``, 2025-10-01 (aws-sdk-js-v3); botocore has none."""
    fips, _ = switches  # dual stack changes only the suffix
    if partition in _WITH_A_PORT:
        return f"runtime{'-fips' if fips else ''}.sagemaker.{{region}}.{{suffix}}:8443"
    return f"runtime.sagemaker{'-fips' if fips else ''}.{{region}}.{{suffix}}"


SAGEMAKER_RUNTIME_HTTP2 = Service(
    "SageMaker Runtime HTTP2", "2025-10-01", "sagemaker", _http2_host, http_client_option="duplex_http_client"
)
