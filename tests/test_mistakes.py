"""Mistakes at the door, each with what to write instead; most come of habits from boto3, or of two things that look alike."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from support import ScriptedHTTPClient, client, options

import sagemaker_runtime
from sagemaker_runtime import (
    AdaptiveRetryer,
    Client,
    Config,
    ConfigError,
    Context,
    InvalidParamsError,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    Key,
    Metadata,
    NopRetryer,
    OptFn,
    Options,
    Stack,
    StackError,
    Timeout,
    build_middleware,
    load_config,
    override,
    with_api_options,
)
from sagemaker_runtime.known_keys import KEYS
from sagemaker_runtime.middleware.advice import STEPS

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")


# The client.


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (Config, r"of type Config; it takes Options: write Client.from_config\(config\)"),
        (load_config, r"of type coroutine; .* write Client.from_config\(await load_config\(\)\)"),
        (lambda: load_config, r"of type function; .* write Client.from_config\(await load_config\(\)\)"),
        (lambda: "us-east-1", r"of type str; it takes Options: write Client\(Options\(region=...\)\)"),
        (
            lambda: override(region="us-east-1"),
            r"of type Override; it takes Options first, then functions .*Client\(Op",
        ),
        (lambda: lambda _: None, r"of type function; it takes Options first, then functions"),
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
        with pytest.raises(ConfigError, match=f"the argument of from_config is {advice}"):
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
    advice = r"which changes a Stack, not Options; write with_api_options\("
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
        ([override(region="us-east-1")], r"of type list; unpack it: \*opt_fns"),
        ({"region": "us-east-1"}, r"of type dict; pass override\(...\) with its values"),
        (Plugin, r"the class Plugin; pass an object: with_api_options\(Plugin\(...\)\)"),
        (AdaptiveRetryer, "the class AdaptiveRetryer; pass an object"),
        ("us-east-1", r"of type str; it cannot be called; pass override\(...\), with_api_options\(...\) or a function"),
        (b"1,2", r"of type bytes; a body is part of the input: InvokeEndpointInput\(endpoint_name=..., body=...\)"),
        (lambda _: override(region="us-east-1"), "of type Override, which is ignored"),
        (lambda options: options.copy(), "of type Options, which is ignored"),
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
    advice = "in api_options changes Options, not a Stack; pass it to the client, or to the call, itself"
    with pytest.raises(ConfigError, match=advice):
        Client(options(), with_api_options(function))  # type: ignore[arg-type]
    async with client() as caller:
        with pytest.raises(ConfigError, match=advice):
            await caller.invoke_endpoint(PARAMS, with_api_options(function))  # type: ignore[arg-type]


# Inputs.

WRITTEN = "InvokeEndpointInput(endpoint_name=..., body=...)"


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ({"EndpointName": "iris", "Body": b""}, r"InvokeEndpointInput\(endpoint_name=..., body=...\)$"),
        (
            {"EndpointName": "iris", "Body": b"", "ContentType": "text/csv", "InferenceComponentName": "c"},
            r"InvokeEndpointInput\(endpoint_name=..., body=..., content_type=..., inference_component_name=...\)$",
        ),
        ({"Nonsense": 1}, r"InvokeEndpointInput\(endpoint_name=..., body=...\)$"),
    ],
)
async def test_boto3s_arguments_are_answered_with_the_input_to_write(given: dict[str, Any], advice: str) -> None:
    """By keyword and as a dict; nothing of their values is shown."""
    http_client = ScriptedHTTPClient()
    async with client(http_client) as caller:
        with pytest.raises(
            TypeError, match=rf"^invoke_endpoint\(\) takes an input object, but got the .*; pass {advice}"
        ):
            await caller.invoke_endpoint(**given)
        with pytest.raises(TypeError, match=f"pass {advice}"):
            await caller.invoke_endpoint(PARAMS, **given)
        with pytest.raises(InvalidParamsError) as caught:
            await caller.invoke_endpoint(given)  # type: ignore[arg-type]

    assert re.fullmatch(f"the input is of type dict; pass {advice}", caught.value.message)
    assert [] == http_client.requests


async def test_each_method_names_its_own_input() -> None:
    """Their inputs have other members."""
    async with client() as caller:
        with pytest.raises(
            TypeError, match=r"^invoke_endpoint_async\(\) .*; pass InvokeEndpointAsyncInput\(endpoint_name"
        ):
            await caller.invoke_endpoint_async(EndpointName="iris", InputLocation="s3://b/k")  # type: ignore[call-arg, arg-type]
        with pytest.raises(
            TypeError, match=r"pass InvokeEndpointWithResponseStreamInput\(endpoint_name=..., body=...\)$"
        ):
            await caller.invoke_endpoint_with_response_stream(EndpointName="iris")  # type: ignore[call-arg, arg-type]


async def test_options_by_keyword_are_answered_with_an_override() -> None:
    """As other clients take them."""
    async with client() as caller:
        with pytest.raises(TypeError, match=r"pass override\(timeout=..., region=...\) after it$"):
            await caller.invoke_endpoint(PARAMS, timeout=5, region="eu-west-1")  # type: ignore[arg-type]


def test_the_signatures_are_what_they_look_like() -> None:
    """What serves an error alone is not shown to whoever asks for help."""
    for method in (Client.invoke_endpoint, Client.invoke_endpoint_async, Client.invoke_endpoint_with_response_stream):
        parameters = inspect.signature(method).parameters

        assert ["self", "params", "opt_fns"] == list(parameters)
        assert parameters["params"].default is inspect.Parameter.empty


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (None, r"the input is of type NoneType; pass InvokeEndpointInput(endpoint_name=..., body=...)"),
        ("iris", r"the input is of type str; pass InvokeEndpointInput(endpoint_name=..., body=...)"),
        (
            InvokeEndpointInput,
            "the input is the class InvokeEndpointInput; pass an object: InvokeEndpointInput(endpoint_name=..., body=...)",
        ),
        (
            InvokeEndpointAsyncInput(endpoint_name="iris", body=b""),
            f"the input is of type InvokeEndpointAsyncInput; pass {WRITTEN}, or pass yours to invoke_endpoint_async",
        ),
        (
            InvokeEndpointWithResponseStreamInput(endpoint_name="iris", body=b""),
            f"the input is of type InvokeEndpointWithResponseStreamInput; pass {WRITTEN}, or pass yours to "
            + Client.invoke_endpoint_with_response_stream.__name__,
        ),
    ],
)
async def test_the_wrong_input_is_named_once_with_the_method_for_it(given: Any, problem: str) -> None:
    """The text was there twice."""
    async with client() as caller:
        with pytest.raises(InvalidParamsError) as caught:
            await caller.invoke_endpoint(given)

    assert problem == str(caught.value)
    assert (problem,) == caught.value.problems


ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/iris"
URL = "https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/iris/invocations"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (ARN, "is the ARN of an endpoint; pass its name, the last part: 'iris'"),
        (f" {ARN}\n", "is the ARN of an endpoint; pass its name, the last part: 'iris'"),
        (
            ARN.replace("endpoint/iris", "inference-component/c"),
            "is the ARN of an inference-component; pass its name, ",
        ),
        ("arn:aws:sagemaker", "is an ARN; pass the name, its last part"),
        (URL, "is a URL; pass the name in it: 'iris'"),
        (
            "https://runtime.sagemaker.us-east-1.amazonaws.com",
            "is a URL; pass the name, and the URL as base_endpoint of",
        ),
        ("/endpoints/iris/invocations", "is a path; pass the name in it: 'iris'"),
        ("endpoint/iris", "is a path; pass the name in it: 'iris'"),
        (URL.removeprefix("https://"), "is a path; pass the name in it: 'iris'"),
        ("localhost:8080/endpoints/iris/invocations", "is a path; pass the name in it: 'iris'"),
        ("my_endpoint", "'my_endpoint'; a name cannot have '_', at position 2: it has letters, digits and hyphens"),
        ("iris.v2", "a name cannot have '.', at position 4: it has letters, digits and hyphens"),
        ("iris\n", "a name cannot have '\\n', at position 4"),
        ("ir\u00efs", "a name cannot have '\u00ef', at position 2"),
        ("iris-", "; a name begins and ends with a letter or a digit"),
        ("-iris", "; a name begins and ends with a letter or a digit"),
        ("", "; a name has at least one character"),
    ],
)
async def test_what_is_no_name_says_which_part_is_or_what_it_cannot_have(name: str, problem: str) -> None:
    """Of the endpoint, the variant, the container and the component; the number of an account is not repeated."""
    members = ("endpoint_name", "target_variant", "target_container_hostname", "inference_component_name")
    given = {"endpoint_name": "iris", "body": b""}
    async with client() as caller:
        for member in members:
            with pytest.raises(InvalidParamsError) as caught:
                await caller.invoke_endpoint(InvokeEndpointInput(**(given | {member: name})))

            assert re.match(rf"{member} .*{re.escape(problem)}", caught.value.problems[-1])
            assert "123456789012" not in str(caught.value)


# Facts, and places.


def public_keys() -> dict[str, str]:
    """The names of all keys, by the first of the documented modules that has them."""
    found: dict[str, str] = {}
    modules = [
        "",
        ".context",
        ".credentials",
        ".endpoints",
        ".errors",
        ".event_signing",
        ".middleware",
        ".operations",
        ".retry",
        ".wire",
    ]
    for name in modules:
        module = importlib.import_module(f"sagemaker_runtime{name}")
        for each in module.__all__:
            if isinstance(getattr(module, each), Key):
                found.setdefault(each, module.__name__)
    return found


def test_the_list_of_keys_is_complete() -> None:
    """Whoever adds a key adds it there, and an import that an error names must work."""
    assert public_keys() == {name: module for module, names in KEYS.items() for name in names}


@pytest.mark.parametrize("facts", [Metadata, Context])
def test_a_fact_that_is_asked_for_by_text_names_the_key_to_import(facts: type[Metadata | Context]) -> None:
    """By the name of the constant, by its own, and by what stands between."""
    for name, module in public_keys().items():
        words = name.lower().split("_")
        for text in (name, "_".join(words), " ".join(words), "-".join(words), "".join(map(str.title, words))):
            with pytest.raises(KeyError) as caught:
                facts()[text]  # type: ignore[index]

            assert f"from {module} import {name}, and write [{name}]" in str(caught.value)
        with pytest.raises(AttributeError, match=f"from {module} import {name}, and write"):
            getattr(facts(), name.lower())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("request_ids", "REQUEST_ID"),
        ("requestid", "REQUEST_ID"),
        ("RequestId", "REQUEST_ID"),
        ("attemps", "ATTEMPTS"),
        ("ResponseMetadata", "RAW_RESPONSE"),
        ("HTTPStatusCode", "RAW_RESPONSE"),
        ("status", "RAW_RESPONSE"),
        ("RetryAttempts", "ATTEMPTS"),
    ],
)
async def test_a_near_miss_and_a_key_of_boto3_are_recognised(text: str, name: str) -> None:
    """On the metadata of a real result."""
    async with client() as caller:
        output = await caller.invoke_endpoint(PARAMS)
        with pytest.raises(KeyError, match=f"from sagemaker_runtime import {name}, and write"):
            output.result_metadata[text]  # type: ignore[index]
        with pytest.raises(KeyError, match=f"from sagemaker_runtime import {name}, and write"):
            output.result_metadata.get(text)  # type: ignore[call-overload]


def test_a_text_like_no_key_says_that_keys_are_objects() -> None:
    """And a context in which somebody has set such a fact can be shown, and still says what it has."""
    facts = Context()
    facts["tenant"] = "acme"  # type: ignore[index]

    assert "<Context: ?>" == repr(facts)
    with pytest.raises(
        KeyError, match=r"Context has no 'zzz'; it has 'tenant'. Keys are objects, not strings, such as REQ"
    ):
        facts["zzz"]  # type: ignore[index]


@pytest.mark.parametrize("step", STEPS)
def test_a_decorator_without_a_name_says_how_it_is_written(step: str) -> None:
    """What it gave would be a function that nobody calls."""
    decorator: Any = getattr(sagemaker_runtime, f"{step}_middleware")

    with pytest.raises(
        StackError, match=rf"{step}_middleware got function as its name; write @{step}_middleware\('Name'\)"
    ):

        @decorator
        async def tag(ctx: Any, step: Any, next: Any) -> Any:
            return await next(ctx, step)


@pytest.mark.parametrize("home", STEPS)
@pytest.mark.parametrize("asked", STEPS)
def test_a_place_of_another_step_is_named_with_its_step(asked: str, home: str) -> None:
    """Nobody remembers in which step each of twenty stands; a user's own is found as well."""
    stack = client().stack("InvokeEndpoint")
    own = Plugin()
    stack.build.add(own)
    for place in getattr(stack, home).ids():
        step: Any = getattr(stack, asked)
        if asked == home:
            assert step.get(place) is not None
            continue
        for use in (
            lambda: step.remove(place),  # noqa: B023
            lambda: step.swap(place, own),  # noqa: B023
            lambda: step.insert(Everywhere(), before=place),  # noqa: B023
            lambda: step.insert(Everywhere(), after=place),  # noqa: B023
        ):
            with pytest.raises(
                StackError, match=f"{asked} has no '{place}'; .*'{place}' is in {home}: use stack.{home}$"
            ):
                use()


class Everywhere:
    """In every step."""

    id = "Everywhere"

    async def handle(self, ctx: Any, step: Any, next: Any) -> Any:
        return await next(ctx, step)

    handle_initialize = handle_serialize = handle_build = handle_finalize = handle_deserialize = handle


def test_a_misspelt_place_of_another_step_is_named_too() -> None:
    """Both mistakes at once; what is alike in the step itself comes first."""
    stack = client().stack("InvokeEndpoint").copy()

    with pytest.raises(StackError, match=r"Did you mean 'Signing'\? It is in finalize: use stack.finalize"):
        stack.build.insert(Everywhere(), before="Sining")
    with pytest.raises(StackError, match=r"Did you mean 'UserAgent'\?$"):
        stack.build.insert(Everywhere(), before="UserAgnt")
    with pytest.raises(StackError, match=r"build has no .*Everywhere.* Name a place by its id, a string"):
        stack.build.remove(Everywhere)  # type: ignore[arg-type]
    with pytest.raises(StackError, match=r"'Signing' is in finalize"):
        client().stack("InvokeEndpoint").build.remove("Signing")  # of a stack that is gone by then
