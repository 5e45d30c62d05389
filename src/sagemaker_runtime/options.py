"""`Options`: all that a client, or one call, can be told; and the functions that change it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from types import UnionType
from typing import Literal, ParamSpec, TypeAlias, cast

import attr  # and not attrs, here and elsewhere: aiohttp imports it anyway, and a start is 1 ms shorter
from attr import define, evolve, field

from sagemaker_runtime.clock import Clock, ClockSkew, CorrectedClock, SystemClock
from sagemaker_runtime.credentials import CredentialsProvider
from sagemaker_runtime.endpoints import (
    BaseEndpointResolver,
    DefaultEndpointResolver,
    Endpoint,
    EndpointResolver,
    EndpointResolverOptions,
)
from sagemaker_runtime.errors import ConfigError
from sagemaker_runtime.log_mode import ClientLogMode
from sagemaker_runtime.middleware.stack import Stack
from sagemaker_runtime.retry import Retryer, StandardRetryer
from sagemaker_runtime.signing import HTTPSignerV4, SigV4Signer
from sagemaker_runtime.transport import HTTPClient
from sagemaker_runtime.wire import Timeout

# What each of these options must be able to do: asked once, where a mistake is made, and not in the middle of a call.
_METHODS = {
    "credentials": ("retrieve",),
    "endpoint_resolver": ("resolve_endpoint",),
    "http_signer_v4": ("sign_http",),
    "retryer": ("delay", "max_attempts", "succeeded"),
    "http_client": ("send",),
    "clock": ("monotonic",),
}

_TYPES: dict[str, tuple[type | UnionType, str]] = {
    "region": (str | None, "a name such as 'eu-west-1', or None"),
    "base_endpoint": (str | None, "a URL such as 'https://host/path', or None"),
    "s3_endpoint_url": (str | None, "a URL such as 'https://host/path', or None"),
    "app_id": (str | None, "a name, or None"),
    "timeout": (Timeout, "a Timeout, such as Timeout(read=5)"),
    "client_log_mode": (ClientLogMode, "flags such as ClientLogMode.RETRIES | ClientLogMode.REQUEST"),
    "logger": (logging.Logger, "a logging.Logger"),
    "endpoint_options": (EndpointResolverOptions, "EndpointResolverOptions"),
    "api_options": (list, "a list of functions of a Stack"),
    "retry_max_attempts": (int | None, "a whole number, or None"),
    "retry_mode": (str | None, "'standard', 'adaptive', or None"),
    "disable_clock_skew_correction": (bool, "True or False"),
}

APIOption: TypeAlias = Callable[[Stack], object]
"""Changes a stack, such as ``lambda stack: stack.build.add(tag_tenant)``. What it returns is ignored."""


def _default_credentials() -> CredentialsProvider:
    from sagemaker_runtime.credentials import CredentialsCache, DefaultCredentialsProvider  # noqa: PLC0415 - see there

    return CredentialsCache(DefaultCredentialsProvider())


# Without slots, because a dict is copied at once, for each call with options of its own: 0.6 µs for 1.2.
@define(kw_only=True, eq=False, repr=False, slots=False)
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

    credentials: CredentialsProvider = field(factory=_default_credentials)
    """
    What signs the requests. Default: the environment, else botocore's chain, first asked at the first call.

    A provider of your own is asked before each attempt; `CredentialsCache` keeps what it gives.
    """

    endpoint_options: EndpointResolverOptions = field(factory=EndpointResolverOptions)
    """Switches for the resolver: FIPS, dual stack, no https."""

    endpoint_resolver: EndpointResolver = field(factory=DefaultEndpointResolver)
    """Finds the URL for the region."""

    base_endpoint: str | None = None
    """The URL to send to instead of asking the resolver; its path is kept as a prefix. None to ask the resolver."""

    s3_endpoint_url: str | None = None
    """Where `Client.wait_for_output` finds S3, with the bucket in the path; None for AWS's own, by the region."""

    http_signer_v4: HTTPSignerV4 = field(factory=SigV4Signer)
    """Writes the signature."""

    logger: logging.Logger = field(factory=lambda: logging.getLogger("sagemaker_runtime"))
    """Where `client_log_mode` logs to, at DEBUG."""

    region: str | None = None
    """Such as ``"eu-west-1"``. None if an endpoint is given that says what to sign for."""

    retryer: Retryer = field(factory=StandardRetryer)
    """Decides on retries; its quota is shared by all calls of the client."""

    retry_mode: Literal["standard", "adaptive"] | None = None
    """AWS's mode, instead of a ``retryer``; None for the retryer as it is."""

    retry_max_attempts: int | None = None
    """Attempts at most, for a retryer of AWS's modes; None for the retryer's own number."""

    http_client: HTTPClient | None = None
    """The transport. None for one of the client's own, which it closes; a given one is never closed."""

    timeout: Timeout = field(factory=Timeout)
    """Time limits, in seconds."""

    app_id: str | None = None
    """Your name for the application, at most 50 characters, sent in the User-Agent; None for none."""

    disable_clock_skew_correction: bool = False
    """Whether to sign by this machine's clock even where the service's answers tell that it is wrong."""

    clock: Clock = field(factory=SystemClock)
    """Where time comes from: signatures, waits, durations. For tests."""

    def __repr__(self) -> str:
        return f"<Options, region {self.region}, {self.credentials!r}, {len(self.api_options)} api_options>"

    def copy(self) -> Options:
        """Options of their own, with the same values; the list of ``api_options`` is copied too."""
        options = object.__new__(Options)
        options.__dict__.update(self.__dict__)
        options.__dict__["api_options"] = list(self.api_options)
        return options

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _NAMES and type(self) is Options:  # a subclass may have more
            raise AttributeError(f"Options has no option {name!r}; it has {', '.join(_NAMES)}")
        self.__dict__[name] = value


_NAMES = dict.fromkeys(attr.fields_dict(Options))  # in order

OptFn: TypeAlias = Callable[[Options], None]
"""Changes options, for a client or for one call: a function of yours, or what `override` gives."""

P = ParamSpec("P")


class Override:
    """
    What `override` gives: an `OptFn` that assigns.

    It can be hashed if its values can, and a client keeps the stacks compiled for those that it has seen, so one made
    at module level costs nothing more than a call without.
    """

    __slots__ = ("_changes", "_hash")

    def __init__(self, changes: tuple[tuple[str, object], ...]) -> None:
        self._changes = changes
        self._hash: int | None = None  # of values that cannot be hashed there is none

    def __reduce__(self) -> tuple[type[Override], tuple[tuple[tuple[str, object], ...]]]:
        return Override, (self._changes,)  # without the hash: that of a string differs from process to process

    @property
    def changes(self) -> tuple[tuple[str, object], ...]:
        """Names and values."""
        return self._changes

    def __eq__(self, other: object) -> bool:
        # And of the same types: True is equal to 1, and one of them may be no value of the option.
        return (
            isinstance(other, Override)
            and self._changes == other._changes
            and all(type(one) is type(two) for (_, one), (_, two) in zip(self._changes, other._changes, strict=True))
        )

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(self._changes)
        return self._hash

    def __call__(self, options: Options) -> None:
        options.__dict__.update(self._changes)  # `override` has checked the names
        if isinstance(options.api_options, list):  # pyright: ignore[reportUnnecessaryIsInstance] - `_check` comes later
            options.__dict__["api_options"] = list(options.api_options)  # or what changes these options changes ours

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
    for name in changes:
        if name not in _NAMES:
            raise TypeError(f"override() has no option {name!r}; it has {', '.join(_NAMES)}")
    functions = changes.get("api_options")
    if isinstance(functions, list):
        changes["api_options"] = list(cast("list[object]", functions))  # the caller's may change
    return Override(tuple(changes.items()))


class _WithAPIOptions:
    __slots__ = ("functions",)

    def __init__(self, functions: tuple[APIOption, ...]) -> None:
        self.functions = functions

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _WithAPIOptions) and self.functions == other.functions

    def __hash__(self) -> int:
        return hash(self.functions)

    def __call__(self, options: Options) -> None:
        options.api_options = [*options.api_options, *self.functions]  # the list may be somebody's


def with_api_options(*functions: APIOption) -> OptFn:
    """Functions that change the stack, appended to those of the client: ``with_api_options(lambda stack: ...)``."""
    return _WithAPIOptions(functions)


def signing_clock(options: Options, skew: ClockSkew) -> Clock:
    """What signatures are dated by: the service's clock, as far as it is known and wanted; else the machine's."""
    return options.clock if options.disable_clock_skew_correction else CorrectedClock(options.clock, skew)


def changed_by(opt_fns: tuple[OptFn, ...], options: Options) -> Options:
    """
    A checked copy of *options*, changed by *opt_fns* in order.

    Raises:
        ConfigError: A function cannot be called, or the options make no sense.
    """
    options = options.copy()
    _settle_retryer(options)  # first, so that a retryer given for a call is not at odds with what the machine says
    for number, opt_fn in enumerate(opt_fns, start=1):
        if not callable(opt_fn):
            raise ConfigError(
                f"option function {number} is of type {type(opt_fn).__name__} and cannot be called; pass override(...), "
                "with_api_options(...) or a function that takes Options"
            )
        returned: object = cast("Callable[[Options], object]", opt_fn)(options)
        if asyncio.iscoroutine(returned):
            returned.close()
            raise ConfigError(f"option function {number} is async, and would never run; make it a plain function")
    _check(options, _NAMES)
    _settle(options)
    options.api_options = list(options.api_options)  # a function may have given somebody's
    return options


def overridden(overrides: tuple[Override, ...], options: Options) -> Options:
    """
    What `changed_by` gives for *options* that it has given before, and overrides alone, whose changes are known by name.

    Raises:
        ConfigError: The options make no sense.
    """
    options = options.copy()
    for override in overrides:
        override(options)
    names = [name for override in overrides for name, _ in override.changes]
    _check(options, names)
    if not _SETTLED.isdisjoint(names):
        _settle(options)
    return options


# Which of them `_settle` reads; but for the retryer, which alone is nothing to it.
_SETTLED = {"region", "base_endpoint", "s3_endpoint_url", "endpoint_options", "retry_mode", "retry_max_attempts"}


def _settle(options: Options) -> None:
    """Check what must fit together, and bring it into the form that the stack is made of."""
    if options.region is not None:
        options.region = str.__str__(options.region)  # of an enum's member, the value
        region = options.region.removeprefix("fips-").removesuffix("-fips")
        if region != options.region:
            # A name older than the switch for FIPS, and still configured. The signature takes the region itself too.
            options.region = region
            options.endpoint_options = evolve(options.endpoint_options, use_fips_endpoint=True)
    if options.base_endpoint is not None:
        BaseEndpointResolver(options.base_endpoint).resolve_endpoint("", options.endpoint_options)
    if options.s3_endpoint_url is not None:
        # FIPS beside it is refused by who waits: the URL may lie around on a machine that has nothing to do with S3.
        Endpoint(options.s3_endpoint_url)
    _settle_retryer(options)


def _settle_retryer(options: Options) -> None:
    """Put the retryer that ``retry_mode`` and ``retry_max_attempts`` ask for in their place."""
    if options.retry_mode is not None:
        options.retryer = _retryer_of(options.retry_mode, options)
        options.retry_mode = None  # done
    if options.retry_max_attempts is not None:
        if not isinstance(options.retryer, StandardRetryer):
            raise ConfigError(
                f"retry_max_attempts is for the standard retryer; give {options.retryer!r} its own number"
            )
        options.retryer = options.retryer.with_max_attempts(options.retry_max_attempts)
        options.retry_max_attempts = None  # done, and a later override(retryer=...) is not to meet it again


def _retryer_of(mode: Literal["standard", "adaptive"], options: Options) -> Retryer:
    """The retryer at hand in another mode: the same policy, on the same quota."""
    retryer = options.retryer
    if not isinstance(retryer, StandardRetryer):
        raise ConfigError(f"retry_mode and a retryer of your own exclude each other; there is {type(retryer).__name__}")
    if mode not in ("standard", "adaptive"):  # pyright: ignore[reportUnnecessaryContains] - of who uses no checker
        raise ConfigError(f"Options.retry_mode is {mode!r}; it takes 'standard', 'adaptive', or None")
    return retryer.in_mode(mode, options.clock)


def _check(options: Options, names: Iterable[str]) -> None:
    """Refuse a value that cannot be that of its option, among those of *names*."""
    # Types, not values: what was mistaken for credentials may hold a secret.
    for name in names:
        value: object = getattr(options, name)
        if name in _TYPES:
            kind, advice = _TYPES[name]
            if not isinstance(value, kind):
                raise ConfigError(f"Options.{name} is of type {type(value).__name__}; it takes {advice}")
        elif name in _METHODS:
            _check_methods(name, value)
        if name == "api_options":
            for index, api_option in enumerate(options.api_options):
                if not callable(api_option):
                    raise ConfigError(f"Options.api_options[{index}] is {api_option!r}; it takes functions of a Stack")


def _check_methods(name: str, value: object) -> None:
    method, *others = _METHODS[name]
    if value is None and name == "http_client":
        return
    if isinstance(value, type):
        raise ConfigError(f"Options.{name} is the class {value.__name__}; pass an object: {value.__name__}(...)")
    if not callable(getattr(value, method, None)):
        raise ConfigError(f"Options.{name} is of type {type(value).__name__}; it takes an object with {method}()")
    for other in others:
        if not hasattr(value, other):
            raise ConfigError(f"Options.{name} is of type {type(value).__name__}, and has no {other}")
