"""`Options`: all that a client, or one call, can be told; and the functions that change it."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeAlias

import attrs
from attrs import define, field, frozen

from sagemaker_runtime.clock import Clock, SystemClock
from sagemaker_runtime.credentials import BotocoreCredentialsProvider, CredentialsProvider
from sagemaker_runtime.endpoints import DefaultEndpointResolver, EndpointResolver, EndpointResolverOptions
from sagemaker_runtime.log_mode import ClientLogMode
from sagemaker_runtime.middleware.stack import Stack
from sagemaker_runtime.retry import Retryer, StandardRetryer
from sagemaker_runtime.signing import HTTPSignerV4, SigV4Signer
from sagemaker_runtime.transport import HTTPClient
from sagemaker_runtime.wire import Timeout

APIOption: TypeAlias = Callable[[Stack], object]
"""Changes a stack, such as ``lambda stack: stack.build.add(tag_tenant)``. What it returns is ignored."""


@define(kw_only=True, eq=False)
class Options:
    """
    What a client, or one call, is told. A client takes a copy; what is changed afterwards changes nothing.

    All of it can be overridden for one call, by functions given to the call.
    """

    api_options: list[APIOption] = field(factory=list[APIOption])
    """
    Functions that change the stack, in order, once the default stack stands.

    They run once for each operation when the client is made, and again for a call with options of its own; so a
    middleware that keeps state (a circuit breaker) is made outside the function and only added by it.
    """

    client_log_mode: ClientLogMode = field(default=ClientLogMode(0))
    """What is logged; nothing unless asked."""

    credentials: CredentialsProvider = field(factory=BotocoreCredentialsProvider)
    """What signs the requests. Default: botocore's chain, first asked at the first call."""

    endpoint_options: EndpointResolverOptions = field(factory=EndpointResolverOptions)
    """Switches for the resolver: FIPS, dual stack, no https."""

    endpoint_resolver: EndpointResolver = field(factory=DefaultEndpointResolver)
    """Finds the URL for the region."""

    base_endpoint: str | None = None
    """The URL to send to instead of asking the resolver; its path is kept as a prefix. None to ask the resolver."""

    http_signer_v4: HTTPSignerV4 = field(factory=SigV4Signer)
    """Writes the signature."""

    logger: logging.Logger = field(factory=lambda: logging.getLogger("sagemaker_runtime"))
    """Where `client_log_mode` logs to, at DEBUG."""

    region: str | None = None
    """Such as ``"eu-west-1"``. None if an endpoint is given that says what to sign for."""

    retryer: Retryer = field(factory=StandardRetryer)
    """Decides on retries; its quota is shared by all calls of the client."""

    retry_max_attempts: int | None = None
    """Attempts at most, for the standard retryer; None for the retryer's own number."""

    http_client: HTTPClient | None = None
    """The transport. None for one of the client's own, which it closes; a given one is never closed."""

    timeout: Timeout = field(factory=Timeout)
    """Time limits, in seconds."""

    app_id: str | None = None
    """Your name for the application, at most 50 characters, sent in the User-Agent; None for none."""

    clock: Clock = field(factory=SystemClock)
    """Where time comes from: signatures, waits, durations. For tests."""

    def copy(self) -> Options:
        """Options of their own, with the same values; the list of ``api_options`` is copied too."""
        options = copy.copy(self)
        options.api_options = list(self.api_options)
        return options


OptFn: TypeAlias = Callable[[Options], None]
"""Changes options, for a client or for one call: a function of yours, or what `override` gives."""

P = ParamSpec("P")


@frozen
class Override:
    """
    What `override` gives: an `OptFn` that assigns.

    It can be hashed if its values can, and a client keeps the stacks compiled for those that it has seen, so one made
    at module level costs nothing more than a call without.
    """

    changes: tuple[tuple[str, object], ...]

    def __call__(self, options: Options) -> None:
        for name, value in self.changes:
            setattr(options, name, value)

    def __repr__(self) -> str:
        # Credentials by their type, because what was mistaken for a provider may hold a secret.
        shown = (
            f"{name}={type(value).__name__ if name == 'credentials' else repr(value)}" for name, value in self.changes
        )
        return f"override({', '.join(shown)})"


def _arguments_of(_: Callable[P, Options]) -> Callable[[Callable[..., Override]], Callable[P, Override]]:
    """Give a function the parameters of `Options`, so that each option is written, and typed, once."""
    return lambda function: function


@_arguments_of(Options)
def override(**changes: object) -> Override:
    """
    Options to assign, for a client or for one call: ``override(region="eu-west-1", retryer=NopRetryer())``.

    It takes what `Options` takes. ``api_options=`` replaces the client's; `with_api_options` appends to them.

    Raises:
        TypeError: There is no such option.
    """
    known = attrs.fields_dict(Options)
    for name in changes:
        if name not in known:
            raise TypeError(f"override() has no option {name!r}; it has {', '.join(known)}")
    return Override(tuple(changes.items()))


@frozen
class _WithAPIOptions:
    functions: tuple[APIOption, ...]

    def __call__(self, options: Options) -> None:
        options.api_options = [*options.api_options, *self.functions]  # the list may be somebody's


def with_api_options(*functions: APIOption) -> OptFn:
    """Functions that change the stack, appended to those of the client: ``with_api_options(lambda stack: ...)``."""
    return _WithAPIOptions(functions)
