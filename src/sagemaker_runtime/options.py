"""`Options`: all that a client, or one call, can be told; and the functions that change it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from operator import attrgetter, is_
from types import BuiltinMethodType, MethodType, UnionType
from typing import Any, Literal, NamedTuple, ParamSpec, TypeAlias, cast

import attr  # and not attrs, here and elsewhere: aiohttp imports it anyway, and a start is 1 ms shorter
from attr import define, evolve, field

from sagemaker_runtime.clock import Clock, SystemClock
from sagemaker_runtime.context import CLOCK, LOGGER, REGION, TIMEOUT, Context, Key
from sagemaker_runtime.credentials import CREDENTIALS, CredentialsProvider
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
from sagemaker_runtime.operations.service import SAGEMAKER_RUNTIME
from sagemaker_runtime.retry import RETRYER, Retryer, StandardRetryer
from sagemaker_runtime.settings import Setting, count, one_of, switch, url
from sagemaker_runtime.signing import HTTPSignerV4, SigV4Signer
from sagemaker_runtime.transport import HTTPClient
from sagemaker_runtime.wire import Timeout

RetryMode: TypeAlias = Literal["standard", "adaptive"]

APIOption: TypeAlias = Callable[[Stack], object]
"""Changes a stack, such as ``lambda stack: stack.build.add(tag_tenant)``. What it returns is ignored."""


# What stands behind an option: how its value is checked, and settled with others; the key in the context, if it is a fact
# of the call and not part of the stack; where the machine's configuration has it.


class _Option(NamedTuple):
    check: Callable[[str, object], None]
    """Raises ConfigError for a value that cannot be that of the option."""

    settle: Callable[[Options], None] | None
    """Checks what must fit together, and brings it into the form that calls need."""

    fact: Key[Any] | None
    """Where the middleware of a call find the value; None for what the stack is made of."""

    setting: Setting[Any] | None


_METADATA_KEY = "sagemaker_runtime.option"


def _option(
    check: Callable[[str, object], None],
    *,
    settle: Callable[[Options], None] | None = None,
    fact: Key[Any] | None = None,
    setting: Setting[Any] | None = None,
) -> dict[str, _Option]:
    return {_METADATA_KEY: _Option(check, settle, fact, setting)}


def setting_of(attribute: attr.Attribute[Any]) -> Setting[Any] | None:
    """Where the machine's configuration has the value of an option; None for nowhere."""
    option: _Option | None = attribute.metadata.get(_METADATA_KEY)
    return None if option is None else option.setting


def _of_type(kind: type | UnionType, advice: str) -> Callable[[str, object], None]:
    def check(name: str, value: object) -> None:
        if not isinstance(value, kind):  # its type is told and not the value: it may be a secret in the wrong place
            raise ConfigError(f"Options.{name} is of type {type(value).__name__}; it takes {advice}")

    return check


def _with_methods(method: str, *others: str, optional: bool = False) -> Callable[[str, object], None]:
    """Asked once, where a mistake is made, and not in the middle of a call."""

    def check(name: str, value: object) -> None:
        if value is None and optional:
            return
        if isinstance(value, type):
            raise ConfigError(f"Options.{name} is the class {value.__name__}; pass an object: {value.__name__}(...)")
        if not callable(getattr(value, method, None)):
            raise ConfigError(f"Options.{name} is of type {type(value).__name__}; it takes an object with {method}()")
        for other in others:
            if not hasattr(value, other):
                raise ConfigError(f"Options.{name} is of type {type(value).__name__}, and has no {other}")

    return check


def _functions(name: str, value: object) -> None:
    _of_type(list, "a list of functions of a Stack")(name, value)
    for index, api_option in enumerate(cast("list[object]", value)):
        if not callable(api_option):
            raise ConfigError(f"Options.{name}[{index}] is {api_option!r}; it takes functions of a Stack")


def _settle_region(options: Options) -> None:
    if options.region is None:
        return
    options.region = str.__str__(options.region)  # of an enum's member, the value
    region = options.region.removeprefix("fips-").removesuffix("-fips")
    if region != options.region:
        # A name older than the switch for FIPS, and still configured. The signature takes the region itself too.
        options.region = region
        options.endpoint_options = evolve(options.endpoint_options, use_fips_endpoint=True)
        _settle_endpoint(options)


def _settle_endpoint(options: Options) -> None:
    if options.base_endpoint is not None:
        BaseEndpointResolver(options.base_endpoint).resolve_endpoint("", options.endpoint_options)


def _settle_s3_endpoint(options: Options) -> None:
    if options.s3_endpoint_url is not None:
        # FIPS beside it is refused by who waits: the URL may lie around on a machine that has nothing to do with S3.
        Endpoint(options.s3_endpoint_url)


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


def _retryer_of(mode: RetryMode, options: Options) -> Retryer:
    """The retryer at hand in another mode: the same policy, on the same quota."""
    retryer = options.retryer
    if not isinstance(retryer, StandardRetryer):
        raise ConfigError(f"retry_mode and a retryer of your own exclude each other; there is {type(retryer).__name__}")
    if mode not in ("standard", "adaptive"):  # pyright: ignore[reportUnnecessaryContains] - of who uses no checker
        raise ConfigError(f"Options.retry_mode is {mode!r}; it takes 'standard', 'adaptive', or None")
    return retryer.in_mode(mode, options.clock)


# Legacy is what each SDK did before; AWS has since made standard the default.
_RETRY_MODES: dict[str, RetryMode] = {"standard": "standard", "adaptive": "adaptive", "legacy": "standard"}

# Seconds: AWS's limits for TCP and for TLS added up, since `Timeout.connect` is for both. To choose for "auto", the
# instance's metadata would have to be asked; without an answer it means standard.
_DEFAULTS_MODES = {
    "legacy": Timeout(),
    "standard": Timeout(connect=6.2),
    "in-region": Timeout(connect=2.2),
    "cross-region": Timeout(connect=6.2),
    "mobile": Timeout(connect=60.0),
    "auto": Timeout(connect=6.2),
}


def _default_credentials() -> CredentialsProvider:
    from sagemaker_runtime.credentials import CredentialsCache, DefaultCredentialsProvider  # see there

    return CredentialsCache(DefaultCredentialsProvider())


@define(kw_only=True, eq=False, repr=False, init=False, slots=False)
class Configurable:
    """The options that the machine's configuration can say: those of `Options`, and what a `Config` is made of."""

    region: str | None = field(
        default=None,
        metadata=_option(
            _of_type(str | None, "a name such as 'eu-west-1', or None"),
            settle=_settle_region,
            fact=REGION,
            setting=Setting(str, ("AWS_REGION", "AWS_DEFAULT_REGION"), "region", "region"),
        ),
    )
    """Such as ``"eu-west-1"``. None if an endpoint is given that says what to sign for."""

    credentials: CredentialsProvider = field(
        factory=_default_credentials, metadata=_option(_with_methods("retrieve"), fact=CREDENTIALS)
    )
    """
    What signs the requests. Default: the environment, else botocore's chain, first asked at the first call.

    A provider of your own is asked before each attempt; `CredentialsCache` keeps what it gives.
    """

    endpoint_options: EndpointResolverOptions = field(
        factory=EndpointResolverOptions,
        metadata=_option(_of_type(EndpointResolverOptions, "EndpointResolverOptions"), settle=_settle_endpoint),
    )
    """Switches for the resolver: FIPS, dual stack, no https."""

    base_endpoint: str | None = field(
        default=None,
        metadata=_option(
            _of_type(str | None, "a URL such as 'https://host/path', or None"),
            settle=_settle_endpoint,
            setting=Setting(
                url, (SAGEMAKER_RUNTIME.endpoint_variable, "AWS_ENDPOINT_URL"), "endpoint_url", "endpoint_url"
            ),
        ),
    )
    """The URL to send to instead of asking the resolver; its path is kept as a prefix. None to ask the resolver."""

    s3_endpoint_url: str | None = field(
        default=None,
        metadata=_option(
            _of_type(str | None, "a URL such as 'https://host/path', or None"),
            settle=_settle_s3_endpoint,
            setting=Setting(url, ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), "endpoint_url", "s3_endpoint_url"),
        ),
    )
    """Where `Client.wait_for_output` finds S3, with the bucket in the path; None for AWS's own, by the region."""

    retry_mode: RetryMode | None = field(
        default=None,
        metadata=_option(
            _of_type(str | None, "'standard', 'adaptive', or None"),
            settle=_settle_retryer,
            setting=Setting(one_of(_RETRY_MODES), ("AWS_RETRY_MODE",), "retry_mode", "retry_mode"),
        ),
    )
    """AWS's mode, instead of a ``retryer``; None for the retryer as it is."""

    retry_max_attempts: int | None = field(
        default=None,
        metadata=_option(
            _of_type(int | None, "a whole number, or None"),
            settle=_settle_retryer,
            setting=Setting(count, ("AWS_MAX_ATTEMPTS",), "max_attempts", "retry_max_attempts", int),
        ),
    )
    """Attempts at most, for a retryer of AWS's modes; None for the retryer's own number."""

    timeout: Timeout = field(
        factory=Timeout,
        metadata=_option(
            _of_type(Timeout, "a Timeout, such as Timeout(read=5)"),
            fact=TIMEOUT,
            setting=Setting(one_of(_DEFAULTS_MODES), ("AWS_DEFAULTS_MODE",), "defaults_mode"),
        ),
    )
    """Time limits, in seconds."""

    app_id: str | None = field(
        default=None,
        metadata=_option(
            _of_type(str | None, "a name, or None"),
            setting=Setting(str, ("AWS_SDK_UA_APP_ID",), "sdk_ua_app_id", "app_id"),
        ),
    )
    """Your name for the application, at most 50 characters, sent in the User-Agent; None for none."""

    disable_clock_skew_correction: bool = field(
        default=False,
        metadata=_option(
            _of_type(bool, "True or False"),
            setting=Setting(
                switch,
                ("AWS_DISABLE_CLOCK_SKEW_CORRECTION",),
                "disable_clock_skew_correction",
                "disable_clock_skew_correction",
                bool,
            ),
        ),
    )
    """Whether to sign by this machine's clock even where the service's answers tell that it is wrong."""


# Without slots, because a dict is copied at once, for each call with options of its own: 0.6 µs for 1.2.
@define(kw_only=True, eq=False, repr=False, slots=False)
class Options(Configurable):
    """
    What a client, or one call, is told. A client takes a copy; what is changed afterwards changes nothing.

    All of it can be overridden for one call, by functions given to the call.
    """

    api_options: list[APIOption] = field(factory=list[APIOption], metadata=_option(_functions))
    """
    Functions that change the stack, in order, once the default stack stands.

    They run once for each operation when the client is made, and again for a call with options of its own that are part
    of the stack; so a middleware that keeps state (a circuit breaker) is made outside the function and only added by it.
    """

    client_log_mode: ClientLogMode = field(
        default=ClientLogMode(0),
        metadata=_option(_of_type(ClientLogMode, "flags such as ClientLogMode.RETRIES | ClientLogMode.REQUEST")),
    )
    """What is logged; nothing unless asked."""

    endpoint_resolver: EndpointResolver = field(
        factory=DefaultEndpointResolver, metadata=_option(_with_methods("resolve_endpoint"))
    )
    """Finds the URL for the region."""

    http_signer_v4: HTTPSignerV4 = field(factory=SigV4Signer, metadata=_option(_with_methods("sign_http")))
    """Writes the signature."""

    logger: logging.Logger = field(
        factory=lambda: logging.getLogger("sagemaker_runtime"),
        metadata=_option(_of_type(logging.Logger, "a logging.Logger"), fact=LOGGER),
    )
    """Where `client_log_mode` logs to, at DEBUG."""

    retryer: Retryer = field(
        factory=StandardRetryer,
        metadata=_option(_with_methods("delay", "max_attempts", "succeeded"), fact=RETRYER),
    )
    """Decides on retries; its quota is shared by all calls of the client."""

    http_client: HTTPClient | None = field(default=None, metadata=_option(_with_methods("send", optional=True)))
    """The transport. None for one of the client's own, which it closes; a given one is never closed."""

    clock: Clock = field(factory=SystemClock, metadata=_option(_with_methods("monotonic"), fact=CLOCK))
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
        if name not in _OPTIONS and type(self) is Options:  # a subclass may have more
            raise AttributeError(f"Options has no option {name!r}; it has {', '.join(_OPTIONS)}")
        self.__dict__[name] = value


_OPTIONS: dict[str, _Option] = {each.name: each.metadata[_METADATA_KEY] for each in attr.fields(Options)}  # in order
_FACTS = [(name, option.fact) for name, option in _OPTIONS.items() if option.fact is not None]
# Of these a stack is made, or they are made into something else before: all that is no fact of a call.
_IN_STACK = attrgetter(*(name for name, option in _OPTIONS.items() if option.fact is None and name != "api_options"))

OptFn: TypeAlias = Callable[[Options], None]
"""Changes options, for a client or for one call: a function of yours, or what `override` gives."""

P = ParamSpec("P")


class Override:
    """
    What `override` and `with_api_options` give: an `OptFn` that assigns, and then appends. It never changes.

    It can be hashed if its values can, and a client keeps what it compiled for those that it has seen, so one made at
    module level costs nothing more than a call without.
    """

    __slots__ = ("_appended", "_changes", "_hash")

    def __init__(self, changes: tuple[tuple[str, object], ...], appended: tuple[APIOption, ...] = ()) -> None:
        self._changes = changes
        self._appended = appended
        self._hash: int | None = None  # of values that cannot be hashed there is none

    def __reduce__(self) -> tuple[type[Override], tuple[tuple[tuple[str, object], ...], tuple[APIOption, ...]]]:
        return Override, (self._changes, self._appended)  # without the hash: that of a string is its process's

    @property
    def changes(self) -> tuple[tuple[str, object], ...]:
        """Names of options, and the values that they get."""
        return self._changes

    @property
    def appended(self) -> tuple[APIOption, ...]:
        """What is put behind the ``api_options``."""
        return self._appended

    def __eq__(self, other: object) -> bool:
        # And of the same types: True is equal to 1, and one of them may be no value of the option.
        return (
            isinstance(other, Override)
            and self._changes == other._changes
            and len(self._appended) == len(other._appended)
            and all(map(_are_one, self._appended, other._appended))
            and all(type(one) is type(two) for (_, one), (_, two) in zip(self._changes, other._changes, strict=True))
        )

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self._changes, self._appended))
        return self._hash

    def __call__(self, options: Options) -> None:
        values = options.__dict__
        values.update(self._changes)  # `override` has checked the names
        functions = values["api_options"]
        if self._appended or type(functions) is _Functions:
            values["api_options"] = [*functions, *self._appended]

    def __repr__(self) -> str:
        # Credentials by their type, because what was mistaken for a provider may hold a secret.
        shown = [
            f"{name}={type(value).__name__ if name == 'credentials' else repr(value)}" for name, value in self.changes
        ]
        if not self._appended:
            return f"override({', '.join(shown)})"
        return f"with_api_options({', '.join(map(repr, self._appended))})"


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
        if name not in _OPTIONS:
            raise TypeError(f"override() has no option {name!r}; it has {', '.join(_OPTIONS)}")
    functions = changes.get("api_options")
    if isinstance(functions, list):
        changes["api_options"] = _Functions(cast("list[APIOption]", functions))
    return Override(tuple(changes.items()))


def _are_one(one: APIOption, other: APIOption) -> bool:
    """Whether two functions are the same: not those of two objects that are merely equal, of which one may know more."""
    if one is other:
        return True
    return isinstance(one, _BOUND) and isinstance(other, _BOUND) and one.__self__ is other.__self__ and one == other


_BOUND = (MethodType, BuiltinMethodType)


class _Functions(tuple[APIOption, ...]):
    """The ``api_options`` that an override assigns: they can be hashed, and the caller's list may change."""

    __slots__ = ()


def with_api_options(*functions: APIOption) -> Override:
    """Functions that change the stack, appended to those of the client: ``with_api_options(lambda stack: ...)``."""
    return Override((), functions)


def changed_by(opt_fns: tuple[OptFn, ...], options: Options, *, settled: bool = True) -> Options:
    """
    A checked copy of *options*, changed by *opt_fns* in order.

    Args:
        opt_fns: What changes them.

        options: Stay as they are.

        settled: Whether they came from here, so that only what is changed needs a look.

    Raises:
        ConfigError: A function cannot be called, or the options make no sense.
    """
    options = options.copy()
    if not settled:
        _settle_retryer(options)  # first, so that a retryer given in code is not at odds with what the machine says
    names: Collection[str] = [] if settled else _OPTIONS
    for number, opt_fn in enumerate(opt_fns, start=1):
        if isinstance(opt_fn, Override) and type(opt_fn) is Override:
            opt_fn(options)
            if names is not _OPTIONS:
                names = [*names, *(name for name, _ in opt_fn.changes), *(("api_options",) if opt_fn.appended else ())]
        else:
            _call(opt_fn, options, number)
            names = _OPTIONS
    for name in names:
        _OPTIONS[name].check(name, getattr(options, name))
    for settle in dict.fromkeys(settle for name in names if (settle := _OPTIONS[name].settle) is not None):
        settle(options)
    if names is _OPTIONS:
        options.api_options = list(options.api_options)  # a function may have given somebody's
    return options


def _call(opt_fn: object, options: Options, number: int) -> None:
    if not callable(opt_fn):
        raise ConfigError(
            f"option function {number} is of type {type(opt_fn).__name__} and cannot be called; pass override(...), "
            "with_api_options(...) or a function that takes Options"
        )
    returned: object = opt_fn(options)
    if asyncio.iscoroutine(returned):
        returned.close()
        raise ConfigError(f"option function {number} is async, and would never run; make it a plain function")


def context_with(opt_fns: tuple[OptFn, ...], context: Context) -> Context | None:
    """
    A copy of *context* with the facts that *opt_fns* assign; None where they do more than that, for `changed_by` to see to.

    Raises:
        ConfigError: A value cannot be that of its option.
    """
    values: dict[str, object] = {}
    for opt_fn in opt_fns:
        if not isinstance(opt_fn, Override) or type(opt_fn) is not Override or opt_fn.appended:
            return None
        values.update(opt_fn.changes)
    changed = Context(context)
    for name, value in values.items():
        check, settle, fact, _ = _OPTIONS[name]
        if fact is None or settle is not None:
            return None
        check(name, value)
        changed[fact] = value
    return changed


def set_facts(options: Options, context: Context) -> None:
    """Put those options into *context* that the middleware read there, and of which no stack is made."""
    for name, key in _FACTS:
        value = getattr(options, name)
        if value is not None:
            context[key] = value
        else:
            context.pop(key, None)


def same_stack(one: Options, two: Options) -> bool:
    """Whether the same stack is made of both: they differ in facts of a call at most."""
    return one.api_options == two.api_options and all(map(is_, _IN_STACK(one), _IN_STACK(two)))
