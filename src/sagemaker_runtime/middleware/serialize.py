"""Serialize: once per call, from the input to a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.context import REGION, SIGNING_NAME, SIGNING_REGION
from sagemaker_runtime.endpoints import ENDPOINT, Endpoint, EndpointResolver, EndpointResolverOptions
from sagemaker_runtime.errors import EndpointError
from sagemaker_runtime.operations.service import SAGEMAKER_RUNTIME

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sagemaker_runtime.context import Context
    from sagemaker_runtime.middleware.steps import Output, SerializeHandler, SerializeInput
    from sagemaker_runtime.protocol import Marshaller


class ResolveEndpoint:
    """
    Ask the resolver where to send the request, and for which scope to sign it.

    A signing name or region that an outer middleware has set is kept.

    Args:
        resolver: Finds the endpoint for the region of the call.

        options: Switches that are passed to the resolver.

        signing_name: The signing name for an endpoint without one.
    """

    id = "ResolveEndpoint"

    def __init__(
        self,
        resolver: EndpointResolver,
        options: EndpointResolverOptions,
        *,
        signing_name: str = SAGEMAKER_RUNTIME.signing_name,
    ) -> None:
        self.resolver = resolver
        self.options = options
        self.signing_name = signing_name

    def handle_serialize(self, ctx: Context, step: SerializeInput, next: SerializeHandler) -> Awaitable[Output]:
        region = ctx.get(REGION, "")
        endpoint = self.resolver.resolve_endpoint(region, self.options)
        if not isinstance(endpoint, Endpoint):  # pyright: ignore[reportUnnecessaryIsInstance] - a resolver's
            raise EndpointError(f"the endpoint resolver returned {type(endpoint).__name__}; it must return an Endpoint")
        request, base = step.request, endpoint.base
        request.scheme, request.host, request.path = base.scheme, base.host, base.path
        request.headers.raw["host"] = base.host
        if ENDPOINT in ctx:
            self._forget_scope(ctx, ctx[ENDPOINT], region)
        ctx[ENDPOINT] = endpoint
        if SIGNING_NAME not in ctx:
            ctx[SIGNING_NAME] = endpoint.signing_name or self.signing_name
        if SIGNING_REGION not in ctx:
            ctx[SIGNING_REGION] = endpoint.signing_region or region
        return next(ctx, step)

    def _forget_scope(self, ctx: Context, endpoint: Endpoint, region: str) -> None:
        """In a second pass, remove the signing scope that the first endpoint had set."""
        if ctx.get(SIGNING_NAME) == (endpoint.signing_name or self.signing_name):
            del ctx[SIGNING_NAME]
        if ctx.get(SIGNING_REGION) == (endpoint.signing_region or region):
            del ctx[SIGNING_REGION]


class OperationSerializer:
    """Write the input's members into the request: path, headers, body."""

    id = "OperationSerializer"

    def __init__(self, marshaller: Marshaller) -> None:
        self.marshaller = marshaller

    def handle_serialize(self, ctx: Context, step: SerializeInput, next: SerializeHandler) -> Awaitable[Output]:
        # OperationInputValidation has checked the type; if a user has removed it, the members are read unchecked.
        self.marshaller.serialize(step.parameters, step.request)
        return next(ctx, step)
