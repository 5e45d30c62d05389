"""`Options`: the settings of a client, or of one call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from operator import attrgetter, is_
from typing import TYPE_CHECKING, TypeAlias

# attr instead of attrs, here and elsewhere: attrs imports it, and more, which would make a start 1 ms longer.
from attr import define, field

from sagemaker_runtime.checks import is_list
from sagemaker_runtime.clock import Clock, SystemClock
from sagemaker_runtime.context import CLOCK, LOGGER, REGION, REPLAY_BUFFER, TIMEOUT
from sagemaker_runtime.credentials import CREDENTIALS, CredentialsProvider
from sagemaker_runtime.endpoints import DefaultEndpointResolver, EndpointResolver, EndpointResolverOptions
from sagemaker_runtime.log_mode import ClientLogMode
from sagemaker_runtime.middleware.stack import Stack
from sagemaker_runtime.operations.service import SAGEMAKER_RUNTIME, SAGEMAKER_RUNTIME_HTTP2
from sagemaker_runtime.option_rules import (
    DEFAULTS_MODES,
    RETRY_MODES,
    RetryMode,
    default_credentials,
    list_of_functions,
    of_type,
    option,
    rules_of,
    settle_endpoint,
    settle_region,
    settle_retryer,
    settle_s3_endpoint,
    size_or_none,
    with_methods,
)
from sagemaker_runtime.retry import RETRYER, Retryer, StandardRetryer
from sagemaker_runtime.settings import Setting, count, one_of, switch, url
from sagemaker_runtime.signing import HTTPSignerV4, SigV4Signer
from sagemaker_runtime.transport import DuplexHTTPClient, HTTPClient
from sagemaker_runtime.wire import Timeout

if TYPE_CHECKING:
    from sagemaker_runtime.context import Context

APIOption: TypeAlias = Callable[[Stack], object]
"""Changes a stack, such as ``lambda stack: stack.build.add(tag_tenant)``. Its return value is ignored."""


@define(kw_only=True, eq=False, repr=False, init=False, slots=False)
class Configurable:
    """The options that the machine's configuration can set. `Options` and `Config` have them."""

    region: str | None = field(
        default=None,
        metadata=option(
            of_type(str | None, "a name such as 'eu-west-1', or None"),
            settle=settle_region,
            fact=REGION,
            setting=Setting(str, ("AWS_REGION", "AWS_DEFAULT_REGION"), "region", "region"),
        ),
    )
    """The region, such as ``"eu-west-1"``. It may be None only if the endpoint says which region to sign for."""

    credentials: CredentialsProvider = field(
        factory=default_credentials, metadata=option(with_methods("retrieve"), fact=CREDENTIALS)
    )
    """
    Provides the credentials that requests are signed with. Default: the environment, else botocore's chain, read at the
    first call and cached.

    Your own provider is called before each attempt; wrap it in a `CredentialsCache` to cache its credentials.
    """

    endpoint_options: EndpointResolverOptions = field(
        factory=EndpointResolverOptions,
        metadata=option(of_type(EndpointResolverOptions, "EndpointResolverOptions"), settle=settle_endpoint),
    )
    """Switches for the resolver: FIPS, dual stack, http instead of https."""

    base_endpoint: str | None = field(
        default=None,
        metadata=option(
            of_type(str | None, "a URL such as 'https://host/path', or None"),
            settle=settle_endpoint,
            setting=Setting(
                url, (SAGEMAKER_RUNTIME.endpoint_variable, "AWS_ENDPOINT_URL"), "endpoint_url", "endpoint_url"
            ),
        ),
    )
    """The URL to send requests to; its path is kept as a prefix. None to ask the ``endpoint_resolver``."""

    duplex_base_endpoint: str | None = field(
        default=None,
        metadata=option(
            of_type(str | None, "a URL such as 'https://host:8443/path', or None"),
            settle=settle_endpoint,
            setting=Setting(
                url,
                (SAGEMAKER_RUNTIME_HTTP2.endpoint_variable, "AWS_ENDPOINT_URL"),
                "endpoint_url",
                "duplex_endpoint_url",
            ),
        ),
    )
    """The ``base_endpoint`` of duplex calls, whose service has its own endpoints. None for ``base_endpoint``."""

    s3_endpoint_url: str | None = field(
        default=None,
        metadata=option(
            of_type(str | None, "a URL such as 'https://host/path', or None"),
            settle=settle_s3_endpoint,
            setting=Setting(url, ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), "endpoint_url", "s3_endpoint_url"),
        ),
    )
    """The URL of S3 for `Client.wait_for_output`; the bucket becomes part of the path. None for AWS's, by region."""

    retry_mode: RetryMode | None = field(
        default=None,
        metadata=option(
            of_type(str | None, "'standard', 'adaptive', or None"),
            settle=settle_retryer,
            setting=Setting(one_of(RETRY_MODES), ("AWS_RETRY_MODE",), "retry_mode", "retry_mode"),
        ),
    )
    """AWS's retry mode, instead of a ``retryer``. None leaves the retryer unchanged."""

    retry_max_attempts: int | None = field(
        default=None,
        metadata=option(
            of_type(int | None, "a whole number, or None"),
            settle=settle_retryer,
            setting=Setting(count, ("AWS_MAX_ATTEMPTS",), "max_attempts", "retry_max_attempts", int),
        ),
    )
    """
    The maximum number of attempts, including the first; only for a `StandardRetryer`. None for the retryer's own number.
    """

    timeout: Timeout = field(
        factory=Timeout,
        metadata=option(
            of_type(Timeout, "a Timeout, such as Timeout(read=5)"),
            fact=TIMEOUT,
            setting=Setting(one_of(DEFAULTS_MODES), ("AWS_DEFAULTS_MODE",), "defaults_mode"),
        ),
    )
    """The time limits of a call and its attempts, in seconds."""

    app_id: str | None = field(
        default=None,
        metadata=option(
            of_type(str | None, "a name, or None"),
            setting=Setting(str, ("AWS_SDK_UA_APP_ID",), "sdk_ua_app_id", "app_id"),
        ),
    )
    """The name of your application in the User-Agent, up to 50 characters. None to leave it out."""

    disable_clock_skew_correction: bool = field(
        default=False,
        metadata=option(
            of_type(bool, "True or False"),
            setting=Setting(
                switch,
                ("AWS_DISABLE_CLOCK_SKEW_CORRECTION",),
                "disable_clock_skew_correction",
                "disable_clock_skew_correction",
                bool,
            ),
        ),
    )
    """Whether to sign with this machine's clock even if the service's responses show that it is wrong."""


# Without slots, because a dict is copied in one step, for each call that changes options: 0.6 µs instead of 1.2.
@define(kw_only=True, eq=False, repr=False, slots=False)
class Options(Configurable):
    """
    The options of a client, or of one call. A client takes a copy, so later changes to the original have no effect.

    Every option can be overridden for one call, by functions that are passed to the call.
    """

    api_options: list[APIOption] = field(factory=list[APIOption], metadata=option(list_of_functions))
    """
    Functions that change the stack. They run in order, after the default middleware have been added.

    They run once for each operation when the client is created, and again for a call that overrides options that the stack
    is built from. So create a middleware with state (a circuit breaker) outside the function, and only add it there.
    """

    client_log_mode: ClientLogMode = field(
        default=ClientLogMode(0),
        metadata=option(of_type(ClientLogMode, "flags such as ClientLogMode.RETRIES | ClientLogMode.REQUEST")),
    )
    """What is logged; by default, nothing."""

    endpoint_resolver: EndpointResolver = field(
        factory=DefaultEndpointResolver, metadata=option(with_methods("resolve_endpoint"))
    )
    """Finds the URL for a region."""

    http_signer_v4: HTTPSignerV4 = field(factory=SigV4Signer, metadata=option(with_methods("sign_http")))
    """Signs each attempt. Duplex calls need an `EventSignerV4`, such as the default."""

    logger: logging.Logger = field(
        factory=lambda: logging.getLogger("sagemaker_runtime"),
        metadata=option(of_type(logging.Logger, "a logging.Logger"), fact=LOGGER),
    )
    """The logger for the messages of ``client_log_mode``, at level DEBUG."""

    retryer: Retryer = field(
        factory=StandardRetryer,
        metadata=option(with_methods("delay", "max_attempts", "succeeded"), fact=RETRYER),
    )
    """Decides what is retried; all calls of the client share its quota."""

    http_client: HTTPClient | None = field(default=None, metadata=option(with_methods("send", optional=True)))
    """The transport. None for the client's own, which it closes. A transport that you pass is never closed."""

    duplex_http_client: DuplexHTTPClient | None = field(
        default=None, metadata=option(with_methods("open", optional=True))
    )
    """
    The transport of duplex calls. None for the client's own, which it closes. A transport that you pass is never closed.
    """

    replay_buffer: int | None = field(default=None, metadata=option(size_or_none, fact=REPLAY_BUFFER))
    """
    How many bytes sent in a duplex call are kept for a retry, until the response begins. None for 1 MiB.

    Once more than that has been sent, the call is not retried. With 0, it is not retried once anything has been sent.
    """

    clock: Clock = field(factory=SystemClock, metadata=option(with_methods("monotonic"), fact=CLOCK))
    """The source of time for signatures, waits and durations. For tests."""

    def __repr__(self) -> str:
        count = len(self.api_options) if is_list(self.api_options) else "no"
        return f"<Options, region {self.region}, {self.credentials!r}, {count} api_options>"

    def copy(self) -> Options:
        """An independent copy; the list of ``api_options`` is copied too."""
        options = object.__new__(Options)
        options.__dict__.update(self.__dict__)
        if isinstance(self.api_options, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - checked later
            options.__dict__["api_options"] = list(self.api_options)
        return options

    def __setattr__(self, name: str, value: object) -> None:
        if name not in OPTION_RULES and type(self) is Options:  # a subclass may have more
            raise AttributeError(f"Options has no option {name!r}; it has {', '.join(OPTION_RULES)}")
        self.__dict__[name] = value


OPTION_RULES = rules_of(Options)
"""All options, in order."""

_FACTS = [(name, rule.fact) for name, rule in OPTION_RULES.items() if rule.fact is not None]
# The stack is built from the others, except those that are settled into a retryer first.
_IN_STACK = attrgetter(*(name for name, rule in OPTION_RULES.items() if rule.fact is None and name != "api_options"))

OptFn: TypeAlias = Callable[[Options], None]
"""Changes options, for a client or for one call: your own function, or the result of `override`."""


def set_facts(options: Options, context: Context) -> None:
    """Put the options that are facts of a call into *context*, where the middleware read them."""
    for name, key in _FACTS:
        value = getattr(options, name)
        if value is not None:
            context[key] = value
        else:
            context.pop(key, None)


def same_stack(one: Options, two: Options) -> bool:
    """Whether both options lead to the same stack, because they differ only in facts of a call."""
    return one.api_options == two.api_options and all(map(is_, _IN_STACK(one), _IN_STACK(two)))
