"""How each option is checked, settled, and read from the machine's configuration; `options` has the options themselves."""

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
    """The rules of an option, in the metadata of its field."""

    check: Callable[[str, object], None]
    """Raises ConfigError for an invalid value."""

    settle: Callable[[Options], None] | None
    """Checks the value against other options, and converts it to the form that calls need; None if neither is necessary."""

    fact: Key[Any] | None
    """The key of the value in a call's context; None if the stack is built from the value instead."""

    setting: Setting[Any] | None
    """Where the machine's configuration has the value; None if it has no setting for it."""


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
    """The rules of all options of a class, by name, in order of declaration."""
    return {each.name: each.metadata[_METADATA_KEY] for each in fields(options) if _METADATA_KEY in each.metadata}


# Checks of single values. They run when options are given, so that a mistake is not found in the middle of a call.


def of_type(kind: type | UnionType, advice: str) -> Callable[[str, object], None]:
    """A check for values of one type; *advice* says what the option takes."""

    def check(name: str, value: object) -> None:
        # The error shows the type, not the value, which may be a secret in the wrong place.
        if not isinstance(value, kind):
            raise ConfigError(f"Options.{name} is of type {type(value).__name__}; it takes {advice}")

    return check


def with_methods(method: str, *others: str, optional: bool = False) -> Callable[[str, object], None]:
    """A check for objects with a *method*, and with the attributes *others*; *optional* allows None."""

    def check(name: str, value: object) -> None:
        if value is None and optional:
            return
        if isinstance(value, type):
            raise ConfigError(f"Options.{name} is the class {value.__name__}; pass an object: {value.__name__}(...)")
        if not callable(getattr(value, method, None)):
            raise ConfigError(f"Options.{name} is of type {type(value).__name__}; it takes an object with {method}()")
        for other in others:
            if not hasattr(value, other):
                raise ConfigError(f"Options.{name} is of type {type(value).__name__}, which has no {other}")

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
        elif hasattr(api_option, "appended"):  # an Override, which cannot be imported here
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
    """The first step that a middleware has a method for; None for an object that is not a middleware."""
    from sagemaker_runtime.middleware.advice import STEPS  # for an error only

    return next((step for step in STEPS if hasattr(middleware, f"handle_{step}")), None)


def size_or_none(name: str, value: object) -> None:
    """The check of a number of bytes, or None."""
    if value is not None and (type(value) is not int or value < 0):
        raise ConfigError(f"Options.{name} is {value!r}; it takes a number of bytes, 0 or more, or None")


# Checks of values against each other, and conversions to the form that calls need.


def settle_region(options: Options) -> None:
    """Split a FIPS name such as ``fips-us-east-1``, which predates the switch and is still in use."""
    if options.region is None:
        return
    options.region = plain(options.region)  # for a member of an enum, its value
    region = options.region.removeprefix("fips-").removesuffix("-fips")
    if region != options.region:
        # The signature needs the plain region too.
        options.region = region
        options.endpoint_options = evolve(options.endpoint_options, use_fips_endpoint=True)
        settle_endpoint(options)


def settle_endpoint(options: Options) -> None:
    """Refuse a base endpoint that is not a valid URL, or that is combined with FIPS or dual stack."""
    for url in (options.base_endpoint, options.duplex_base_endpoint):
        if url is not None:
            BaseEndpointResolver(url).resolve_endpoint("", options.endpoint_options)


def settle_s3_endpoint(options: Options) -> None:
    """Refuse an ``s3_endpoint_url`` that is not a valid URL."""
    if options.s3_endpoint_url is not None:
        # FIPS together with it is refused only by S3Client: many machines set this URL and never use S3 here.
        Endpoint(options.s3_endpoint_url)


def settle_retryer(options: Options) -> None:
    """Replace ``retry_mode`` and ``retry_max_attempts`` by a retryer that follows them."""
    if options.retry_mode is not None:
        options.retryer = _retryer_of(options.retry_mode, options)
        options.retry_mode = None  # done
    if options.retry_max_attempts is not None:
        if not isinstance(options.retryer, StandardRetryer):
            raise ConfigError(
                f"retry_max_attempts works only with the standard retryer; set the number on {options.retryer!r} itself"
            )
        options.retryer = options.retryer.with_max_attempts(options.retry_max_attempts)
        options.retry_max_attempts = None  # done; it must not apply to a later override(retryer=...)


def _retryer_of(mode: RetryMode, options: Options) -> Retryer:
    """The retryer of *options* in another mode, with the same policy and quota."""
    retryer = options.retryer
    if not isinstance(retryer, StandardRetryer):
        raise ConfigError(
            f"retry_mode and your own retryer, {type(retryer).__name__}, exclude each other; pass only one"
        )
    if mode not in ("standard", "adaptive"):  # pyright: ignore[reportUnnecessaryContains] - not every caller is checked
        raise ConfigError(f"Options.retry_mode is {mode!r}; it takes 'standard', 'adaptive', or None")
    return retryer.in_mode(mode, options.clock)


# "legacy" was different in each SDK; AWS has since made "standard" the default.
RETRY_MODES: dict[str, RetryMode] = {"standard": "standard", "adaptive": "adaptive", "legacy": "standard"}

# Seconds: the sum of AWS's limits for TCP and TLS, because `Timeout.connect` covers both. "auto" would need a request to
# the instance's metadata, and means "standard" if that does not respond; so here it always does.
DEFAULTS_MODES = {
    "legacy": Timeout(),
    "standard": Timeout(connect=6.2),
    "in-region": Timeout(connect=2.2),
    "cross-region": Timeout(connect=6.2),
    "mobile": Timeout(connect=60.0),
    "auto": Timeout(connect=6.2),
}


def default_credentials() -> CredentialsProvider:
    """The default of ``credentials``, imported here because a client with credentials from code does not need it."""
    from sagemaker_runtime.credentials import CredentialsCache, DefaultCredentialsProvider

    return CredentialsCache(DefaultCredentialsProvider())
