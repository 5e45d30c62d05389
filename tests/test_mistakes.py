"""Mistakes at the door, each with what to write instead; most come of habits from boto3, or of two things that look alike."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from support import client, options

from sagemaker_runtime import (
    AdaptiveRetryer,
    Client,
    Config,
    ConfigError,
    InvokeEndpointInput,
    NopRetryer,
    OptFn,
    Options,
    Stack,
    Timeout,
    build_middleware,
    load_config,
    override,
    with_api_options,
)

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")


# The client.


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (Config, r"of type Config; it takes Options: write Client.from_config\(config\)"),
        (load_config, r"of type coroutine; .* write Client.from_config\(await load_config\(\)\)"),
        (lambda: load_config, r"of type function; .* write Client.from_config\(await load_config\(\)\)"),
        (lambda: "us-east-1", r"of type str; it takes Options: write Client\(Options\(region=...\)\)"),
        (lambda: override(region="us-east-1"), r"of type Override; it takes Options first, and functions .*Client\(Op"),
        (lambda: lambda _: None, r"of type function; it takes Options first, and functions"),
        (lambda: Options, r"the class Options; it takes Options, as in Client\(Options\(...\), \*opt_fns\)"),
        (lambda: {"region": "us-east-1"}, r"of type dict; it takes Options, as in Client\(Options\(...\), \*opt_fns\)"),
    ],
)
def test_a_client_of_what_are_no_options_says_how_it_is_made(make: Callable[[], Any], advice: str) -> None:
    """A coroutine is closed, or Python's warning that nobody awaited it would stand beside the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConfigError, match=f"the first argument of Client is {advice}"):
            Client(make())


async def test_a_client_of_what_load_config_gave_says_from_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names differ by little, and what is awaited is right."""
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    config = await load_config()

    with pytest.raises(ConfigError, match=r"write Client.from_config\(config\)"):
        Client(config)  # type: ignore[arg-type]
    async with Client.from_config(config) as made:
        assert "us-east-1" == made.options.region


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (
            load_config,
            r"of type coroutine; it takes a Config: await it, as in Client.from_config\(await load_config\(\)\)",
        ),
        (
            lambda: load_config,
            r"of type function; it takes a Config: write Client.from_config\(await load_config\(\)\)",
        ),
        (Options, r"of type Options; it takes a Config: write Client\(options\)"),
        (lambda: None, r"of type NoneType; it takes a Config: write Client.from_config\(await load_config\(\)\)"),
        (lambda: Config, r"the class Config; it takes a Config: write Client.from_config"),
    ],
)
def test_from_config_of_what_is_no_config_says_what_to_write(make: Callable[[], Any], advice: str) -> None:
    """A forgotten await is the likely one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConfigError, match=f"from_config got {advice}"):
            Client.from_config(make())


# Options, and functions of a stack.


@build_middleware("Tag")
async def tag(ctx: Any, step: Any, next: Any) -> Any:
    return await next(ctx, step)


class Plugin:
    """As those of the package are: an object that is called with a stack, and that puts itself into it."""

    id = "Plugin"

    def __call__(self, stack: Stack) -> None:
        stack.build.add(self)

    async def handle_build(self, ctx: Any, step: Any, next: Any) -> Any:
        return await next(ctx, step)


class Unannotated(Plugin):
    """One without annotations, which looks at the operation first."""

    def __call__(self, stack):  # type: ignore[no-untyped-def, override]
        if stack.operation.streams:
            stack.build.add(self)


def annotated(stack: Stack) -> None:
    print(stack)  # which Options would stand as well  # noqa: T201


def unannotated(stack):  # type: ignore[no-untyped-def]
    stack.finalize.remove("Retry")


def called_with(_: str, stack: Any) -> None:
    stack.build.add(tag)


API_OPTIONS = {
    "annotated": annotated,
    "unannotated": unannotated,
    "a lambda": lambda stack: stack.build.add(tag),
    "a partial": functools.partial(called_with, "acme"),
    "a plugin": Plugin(),
    "a plugin without annotations": Unannotated(),
    "its method": Plugin().__call__,
}


@pytest.mark.parametrize("kind", API_OPTIONS)
async def test_an_api_option_given_as_an_option_says_with_api_options(kind: str) -> None:
    """Both are functions that change something; to a call, to a client, and to one made of a config."""
    function: Any = API_OPTIONS[kind]
    advice = r"which changes a Stack and not Options; write with_api_options\("
    async with client() as caller:
        with pytest.raises(ConfigError, match=advice):
            await caller.invoke_endpoint(PARAMS, override(retryer=NopRetryer()), function)
        await caller.invoke_endpoint(PARAMS, with_api_options(function))
    with pytest.raises(ConfigError, match=advice):
        Client(options(), function)
    with pytest.raises(ConfigError, match=advice):
        Client.from_config(Config(region="us-east-1"), function)


async def test_an_error_of_an_option_function_itself_is_not_taken_for_that() -> None:
    """It may miss an attribute of another object, or of its own."""

    def wrong(options: Options) -> None:
        options.region.build  # type: ignore[union-attr]  # noqa: B018

    async with client() as caller:
        with pytest.raises(AttributeError, match="'str' object has no attribute 'build'"):
            await caller.invoke_endpoint(PARAMS, wrong)


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (
            tag,
            r"of type _BuildFunction; it is a middleware.*with_api_options\(lambda stack: stack.build.add\(middleware\)\)",
        ),
        (NopRetryer(), r"of type NopRetryer; pass override\(retryer=...\)"),
        (Timeout(total=5), r"of type Timeout; pass override\(timeout=...\)"),
        ([override(region="us-east-1")], r"of type list; pass what is in it, each by itself: \*opt_fns"),
        ({"region": "us-east-1"}, r"of type dict; pass override\(...\) of what is in it"),
        (Plugin, "the class Plugin; it is a middleware"),
        (AdaptiveRetryer, "the class AdaptiveRetryer; it is a class; pass an object"),
        ("us-east-1", r"of type str; it cannot be called; pass override\(...\), with_api_options\(...\) or a function"),
        (lambda _: override(region="us-east-1"), "returned of type Override"),
        (lambda options: options.copy(), "returned of type Options"),
    ],
)
async def test_what_is_no_option_function_says_what_to_pass(given: Any, advice: str) -> None:
    """What it would do in silence is nothing."""
    async with client() as caller:
        with pytest.raises(ConfigError, match=f"option function 1 (is )?{advice}"):
            await caller.invoke_endpoint(PARAMS, given)


def sets_region(options: Any) -> None:
    options.region = "eu-west-1"


def reads_region(options: Any) -> None:
    print(options.region)  # noqa: T201


def says_options(options: Options) -> None:
    print(options)  # noqa: T201


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (annotated, r"is of type function; it takes a list of functions of a Stack; write api_options=\[function\]"),
        (Plugin(), r"is of type Plugin; it takes a list of functions of a Stack; write api_options=\[function\]"),
        ([Plugin], r"\[0\] is the class Plugin; pass an object: Plugin\(...\)"),
        ([tag], r"\[0\] is <build middleware 'Tag'>, a middleware; write lambda stack: stack.build.add\(middleware\)"),
        ([annotated, [annotated]], r"\[1\] is \[.*\]; it takes functions of a Stack"),
        ([override(app_id="x")], r"\[0\] is override\(app_id='x'\), which changes Options; give it to the client"),
    ],
)
def test_api_options_of_another_kind_say_what_they_take(given: Any, advice: str) -> None:
    """As options of a client, and as an override."""
    made = options()
    made.api_options = given
    with pytest.raises(ConfigError, match=f"Options.api_options ?{advice}"):
        Client(made)
    with pytest.raises(ConfigError, match=f"Options.api_options ?{advice}"):
        Client(options(), override(api_options=given))


@pytest.mark.parametrize("function", [sets_region, reads_region, says_options])
async def test_a_function_of_options_among_the_api_options_says_where_it_belongs(function: OptFn) -> None:
    """The other way round."""
    advice = "in api_options changes Options and not a Stack; give it to the client, or the call, itself"
    with pytest.raises(ConfigError, match=advice):
        Client(options(), with_api_options(function))  # type: ignore[arg-type]
    async with client() as caller:
        with pytest.raises(ConfigError, match=advice):
            await caller.invoke_endpoint(PARAMS, with_api_options(function))  # type: ignore[arg-type]
