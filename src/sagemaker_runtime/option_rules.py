"""How each option is checked, settled with others, and read from the machine; `options` has the options themselves."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from attr import evolve, fields

from sagemaker_runtime.checks import is_list, plain
from sagemaker_runtime.endpoints import BaseEndpointResolver, Endpoint
from sagemaker_runtime.errors import ConfigError
from sagemaker_runtime.retry import StandardRetryer
from sagemaker_runtime.wire import Timeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from attr import AttrsInstance

    from sagemaker_runtime.context import Key
    from sagemaker_runtime.credentials import CredentialsProvider
    from sagemaker_runtime.options import Options
    from sagemaker_runtime.retry import Retryer
    from sagemaker_runtime.settings import Setting

RetryMode: TypeAlias = Literal["standard", "adaptive"]

_METADATA_KEY = "sagemaker_runtime.option"


class OptionRule(NamedTuple):
    """What stands behind an option beside its name, type and default, in the metadata of its field."""

    check: Callable[[str, object], None]
    """Raises ConfigError for a value that cannot be that of the option."""

    settle: Callable[[Options], None] | None
    """Checks what must fit together, and brings it into the form that calls need."""

    fact: Key[Any] | None
    """The key under which the middleware of a call find the value in its context; None for what the stack is made of."""

    setting: Setting[Any] | None
    """Where the machine's configuration has the value; None for nowhere."""


def option(
    check: Callable[[str, object], None],
    *,
    settle: Callable[[Options], None] | None = None,
    fact: Key[Any] | None = None,
    setting: Setting[Any] | None = None,
) -> dict[str, OptionRule]:
    """The metadata of an option's field; the arguments are those of `OptionRule`."""
    return {_METADATA_KEY: OptionRule(check, settle, fact, setting)}


def rules_of(options: type[AttrsInstance]) -> dict[str, OptionRule]:
    """The rules of all options that a class has, by name, in order."""
    return {each.name: each.metadata[_METADATA_KEY] for each in fields(options) if _METADATA_KEY in each.metadata}


# How a value is checked, where the mistake is made and not in the middle of a call.


def of_type(kind: type | UnionType, advice: str) -> Callable[[str, object], None]:
    """A check for values of one type; *advice* says what the option takes."""

    def check(name: str, value: object) -> None:
        # The error has its type and not the value, which may be a secret in the wrong place.
        if not isinstance(value, kind):
            raise ConfigError(f"Options.{name} is of type {type(value).__name__}; it takes {advice}")

    return check


def with_methods(method: str, *others: str, optional: bool = False) -> Callable[[str, object], None]:
    """A check for objects with a *method*, and with the attributes *others*; *optional* for one that may be None."""

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


def list_of_functions(name: str, value: object) -> None:
    """The check of ``api_options``."""
    if not is_list(value):
        advice = f"; write {name}=[function]" if callable(value) else ""
        raise ConfigError(
            f"Options.{name} is of type {type(value).__name__}; it takes a list of functions of a Stack{advice}"
        )
    for index, api_option in enumerate(value):
        if isinstance(api_option, type) and any("__call__" in vars(base) for base in api_option.__mro__):
            problem = f"is the class {api_option.__name__}; pass an object: {api_option.__name__}(...)"
        elif hasattr(api_option, "appended"):  # an Override, which `overrides` makes
            problem = f"is {api_option!r}, which changes Options; give it to the client, or to the call, itself"
        elif callable(api_option) and not isinstance(api_option, type):
            continue
        elif step := _step_of(api_option):
            problem = f"is {api_option!r}, a middleware; write lambda stack: stack.{step}.add(middleware)"
        elif callable(api_option):
            continue
        else:
            problem = f"is {api_option!r}; it takes functions of a Stack"
        raise ConfigError(f"Options.{name}[{index}] {problem}")


def _step_of(middleware: object) -> str | None:
    """The first step that a middleware has a method for; None of what is none."""
    from sagemaker_runtime.middleware.advice import STEPS  # for an error only

    return next((step for step in STEPS if hasattr(middleware, f"handle_{step}")), None)


def size_or_none(name: str, value: object) -> None:
    """Refuse what is not a number of bytes."""
    if value is not None and (type(value) is not int or value < 0):
        raise ConfigError(f"Options.{name} is {value!r}; it takes a number of bytes, 0 or more, or None")


# How the values that must fit together are brought into the form that calls need.


def settle_region(options: Options) -> None:
    """Take a FIPS name apart, such as ``fips-us-east-1``, which is older than the switch and still configured."""
    if options.region is None:
        return
    options.region = plain(options.region)  # of an enum's member, the value
    region = options.region.removeprefix("fips-").removesuffix("-fips")
    if region != options.region:
        # The signature takes the region itself too.
        options.region = region
        options.endpoint_options = evolve(options.endpoint_options, use_fips_endpoint=True)
        settle_endpoint(options)


def settle_endpoint(options: Options) -> None:
    """Refuse a base endpoint that cannot be sent to, or that a switch of ``endpoint_options`` contradicts."""
    for url in (options.base_endpoint, options.duplex_base_endpoint):
        if url is not None:
            BaseEndpointResolver(url).resolve_endpoint("", options.endpoint_options)


def settle_s3_endpoint(options: Options) -> None:
    """Refuse an ``s3_endpoint_url`` that cannot be sent to."""
    if options.s3_endpoint_url is not None:
        # FIPS beside it is refused by who waits: the URL may lie around on a machine that has nothing to do with S3.
        Endpoint(options.s3_endpoint_url)


def settle_retryer(options: Options) -> None:
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
RETRY_MODES: dict[str, RetryMode] = {"standard": "standard", "adaptive": "adaptive", "legacy": "standard"}

# Seconds: AWS's limits for TCP and for TLS added up, since `Timeout.connect` is for both. To choose for "auto", the
# instance's metadata would have to be asked; where that does not respond, it means standard.
DEFAULTS_MODES = {
    "legacy": Timeout(),
    "standard": Timeout(connect=6.2),
    "in-region": Timeout(connect=2.2),
    "cross-region": Timeout(connect=6.2),
    "mobile": Timeout(connect=60.0),
    "auto": Timeout(connect=6.2),
}


def default_credentials() -> CredentialsProvider:
    """The default of ``credentials``, imported here so that a client that is given its credentials starts without it."""
    from sagemaker_runtime.credentials import CredentialsCache, DefaultCredentialsProvider

    return CredentialsCache(DefaultCredentialsProvider())
