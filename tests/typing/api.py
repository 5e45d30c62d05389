"""
The public API as a checker sees it. Never run: mypy and pyright, both strict, read it.

A line with an ignore comment is a mistake that must be reported: an ignore that is not needed is itself an error.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import assert_type

from sagemaker_runtime import (
    ATTEMPTS,
    BEFORE,
    RAW_RESPONSE,
    REQUEST_ID,
    TIMING,
    AioHTTPClient,
    APIOption,
    BotocoreCredentialsProvider,
    BuildHandler,
    BuildInput,
    BuildMiddleware,
    Client,
    ClientLogMode,
    Config,
    Context,
    CredentialsProvider,
    DefaultEndpointResolver,
    DeserializeHandler,
    DeserializeInput,
    Endpoint,
    EndpointResolver,
    EndpointResolverFunc,
    EndpointResolverOptions,
    FinalizeHandler,
    FinalizeInput,
    FinalizeMiddleware,
    HTTPClient,
    HTTPSignerV4,
    InitializeHandler,
    InitializeInput,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    Key,
    Metadata,
    NopRetryer,
    OptFn,
    Options,
    Output,
    ResolveEndpoint,
    Response,
    Retryer,
    SerializeHandler,
    SerializeInput,
    SigV4Signer,
    Stack,
    StandardRetryer,
    StaticCredentialsProvider,
    Timeout,
    build_middleware,
    deserialize_middleware,
    finalize_middleware,
    initialize_middleware,
    load_config,
    override,
    serialize_middleware,
    with_api_options,
    with_endpoint_resolver,
)
from sagemaker_runtime.context import AttemptRecord, ResponseTiming

TENANT = Key[str]("tenant")
COUNT = Key[int]("count")


# A call, from the options to the result.


async def call(client: Client) -> None:
    """What a call takes and gives."""
    params = InvokeEndpointInput(endpoint_name="iris", body=b"1,2", content_type="text/csv")
    output = await client.invoke_endpoint(params, override(timeout=Timeout(total=5.0)), with_api_options(tag))
    assert_type(output, InvokeEndpointOutput)
    assert_type(output.body, bytes)
    assert_type(output.custom_attributes, str | None)
    assert_type(output.result_metadata, Metadata)
    assert_type(output.result_metadata[REQUEST_ID], str)
    assert_type(output.result_metadata.get(REQUEST_ID), str | None)
    assert_type(output.result_metadata.get(REQUEST_ID, 0), str | int)
    assert_type(output.result_metadata[ATTEMPTS][0], AttemptRecord)
    assert_type(output.result_metadata[TIMING], ResponseTiming)
    assert_type(output.result_metadata[RAW_RESPONSE], Response)

    await client.invoke_endpoint("iris")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await client.invoke_endpoint(params, NopRetryer())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await client.invoke_endpoint(params, region="x")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await client.invoke_endpoint()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    await client.invoke_endpoint(EndpointName="iris")  # type: ignore[call-arg, arg-type] # pyright: ignore[reportCallIssue]
    await client.invoke_endpoint({"EndpointName": "iris"})  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def open_and_close() -> None:
    """A client is a context manager of its own type; the configuration is awaited, the client is not."""
    async with Client.from_config(await load_config(region="eu-west-1", profile="work")) as client:
        assert_type(client, Client)
        assert_type(client.options, Options)
        assert_type(client.stack("InvokeEndpoint"), Stack)
    assert_type(await load_config(), Config)
    load_config("eu-west-1")  # type: ignore[call-arg, unused-coroutine] # pyright: ignore[reportCallIssue]


def inputs() -> None:
    """An input's members are named; a missing, an unknown and a mistyped one are each an error."""
    InvokeEndpointInput(endpoint_name="iris")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    InvokeEndpointInput(body=b"")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    InvokeEndpointInput("iris", b"")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    InvokeEndpointInput(endpoint_name="iris", body=b"", targt_model="a")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    for body in (b"1", bytearray(b"1"), memoryview(b"1")):
        InvokeEndpointInput(endpoint_name="iris", body=body)
    InvokeEndpointInput(endpoint_name="iris", body="text")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


# Options, and functions that change them.


def options() -> None:
    """Each option has its type, and every seam takes what the package ships for it."""
    credentials: CredentialsProvider = StaticCredentialsProvider("key", "secret")
    resolver: EndpointResolver = DefaultEndpointResolver()
    signer: HTTPSignerV4 = SigV4Signer()
    retryer: Retryer = StandardRetryer(max_attempts=5)
    transport: HTTPClient = AioHTTPClient()
    made = Options(
        api_options=[tag, lambda stack: stack.finalize.remove("Retry")],
        client_log_mode=ClientLogMode.RETRIES | ClientLogMode.REQUEST,
        credentials=credentials,
        endpoint_options=EndpointResolverOptions(use_fips_endpoint=True),
        endpoint_resolver=EndpointResolverFunc(lambda region, options: Endpoint(f"https://{region}.example")),
        http_signer_v4=signer,
        logger=logging.getLogger("mine"),
        region="eu-west-1",
        retryer=retryer,
        http_client=transport,
    )
    assert_type(made.copy(), Options)
    assert_type(made.region, str | None)

    Options("eu-west-1")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    Options(credentials="AKID")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Options(retryer=3)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    made.timeout = 5  # type: ignore[assignment] # pyright: ignore[reportAttributeAccessIssue]
    with_endpoint_resolver(None, resolver)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def overrides() -> None:
    """`override` has the parameters of `Options`; what is misspelt, mistyped or unnamed is an error."""
    good: OptFn = override(region="eu-west-1", credentials=BotocoreCredentialsProvider(profile="work"))
    function: OptFn = set_region
    appended: OptFn = with_api_options(tag)
    Client(Options(), good, function, appended)

    override(regoin="eu-west-1")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    override(region=5)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    override("eu-west-1")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    override(retryer="standard")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Client(Options(), override)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Client(region="eu-west-1")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


def set_region(options: Options) -> None:
    """A function as an `OptFn`."""
    options.region = "eu-west-1"


# Middleware.


class TagTenant:
    """Build, as a class."""

    id = "TagTenant"

    async def handle_build(self, ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
        """Facts have types; the handlers of one step take no other step's input."""
        ctx[TENANT] = "acme"
        assert_type(ctx[TENANT], str)
        assert_type(ctx.get(COUNT), int | None)
        assert_type(ctx.for_attempt(), Context)
        ctx[COUNT] = "x"  # type: ignore[misc] # pyright: ignore[reportArgumentType]
        ctx["tenant"] = "acme"  # type: ignore[index] # pyright: ignore[reportArgumentType]
        await next(ctx, FinalizeInput(step.request))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        return next(ctx, step)  # type: ignore[return-value] # pyright: ignore[reportReturnType]


class Everywhere:
    """One object in all five steps; a method that only does something before is a plain function."""

    id = "Everywhere"

    def handle_initialize(self, ctx: Context, step: InitializeInput, next: InitializeHandler) -> Awaitable[Output]:
        """Initialize: what all inputs share is read, and set, without a cast; a body may be None."""
        assert_type(step.parameters.endpoint_name, str)
        assert_type(step.parameters.content_type, str | None)
        assert_type(step.parameters.custom_attributes, str | None)
        step.parameters.custom_attributes = "tenant=acme"
        print(step.parameters.body)  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]  # noqa: T201
        if isinstance(step.parameters, InvokeEndpointInput):
            assert_type(step.parameters.body, bytes | bytearray | memoryview)
        return next(ctx, step)

    async def handle_serialize(self, ctx: Context, step: SerializeInput, next: SerializeHandler) -> Output:
        """Serialize."""
        return await next(ctx, step)

    def handle_build(self, ctx: Context, step: BuildInput, next: BuildHandler) -> Awaitable[Output]:
        """Build."""
        return next(ctx, step)

    async def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        """Finalize."""
        return await next(ctx, step)

    def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Awaitable[Output]:
        """Deserialize."""
        return next(ctx, step)


class WrongResult:
    """Its handler gives what nobody above expects."""

    id = "WrongResult"

    async def handle_build(self, ctx: Context, step: BuildInput, next: BuildHandler) -> bytes:
        """Not an Output."""
        return step.request.body


class WrongInput:
    """Its handler takes another step's input."""

    id = "WrongInput"

    async def handle_build(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        """Not a BuildInput."""
        return await next(ctx, step)


class Nameless:
    """It has no id."""

    async def handle_build(self, ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
        """A build handler."""
        return await next(ctx, step)


@build_middleware("Tag")
async def tag_tenant(ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
    """Build, as a function."""
    return await next(ctx, step)


@finalize_middleware("Plain")
def plain(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Awaitable[Output]:
    """Finalize, as a plain function."""
    return next(ctx, step)


@initialize_middleware("First")
async def first(ctx: Context, step: InitializeInput, next: InitializeHandler) -> Output:
    """Initialize, as a function."""
    return await next(ctx, step)


@serialize_middleware("Second")
async def second(ctx: Context, step: SerializeInput, next: SerializeHandler) -> Output:
    """Serialize, as a function."""
    return await next(ctx, step)


@deserialize_middleware("Last")
async def last(ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
    """Deserialize, as a function."""
    return await next(ctx, step)


@build_middleware("Wrong")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
async def wrong_step(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
    """A finalize function under the build decorator."""
    return await next(ctx, step)


@build_middleware("Wrong")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
async def wrong_result(ctx: Context, step: BuildInput, next: BuildHandler) -> None:
    """It forgets to return."""
    await next(ctx, step)


def tag(stack: Stack) -> None:
    """What belongs where."""
    stack.build.add(tag_tenant)
    stack.build.add(TagTenant(), position=BEFORE)
    stack.build.insert(Everywhere(), before="UserAgent")
    stack.finalize.insert(Everywhere(), after="Retry")
    stack.initialize.add(first)
    stack.serialize.add(second)
    stack.deserialize.add(last)
    stack.serialize.swap("ResolveEndpoint", ResolveEndpoint(DefaultEndpointResolver(), EndpointResolverOptions()))
    assert_type(stack.finalize.swap("Signing", plain), FinalizeMiddleware)
    assert_type(stack.build.get("Tag"), BuildMiddleware | None)
    assert_type(stack.finalize.remove("Retry"), FinalizeMiddleware)
    assert_type(stack.finalize.ids(), list[str])
    assert_type(stack.list(), list[str])


def misplaced(stack: Stack) -> None:
    """A middleware in a step it cannot serve, however it gets there."""
    stack.finalize.add(tag_tenant)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    stack.finalize.add(TagTenant())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    stack.finalize.insert(TagTenant(), before="Signing")  # type: ignore[call-overload] # pyright: ignore[reportArgumentType]
    stack.finalize.insert(tag_tenant, after="Retry")  # type: ignore[call-overload] # pyright: ignore[reportArgumentType]
    stack.finalize.swap("Signing", tag_tenant)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    stack.build.add(TagTenant)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    stack.build.add(misplaced)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    stack.build.add(WrongResult())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    stack.build.add(WrongInput())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    stack.build.add(Nameless())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    stack.build.add(TagTenant(), position="before")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    stack.build.insert(TagTenant())  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
    stack.build.insert(TagTenant(), before="UserAgent", after="UserAgent")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
    stack.biuld.add(TagTenant())  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


# The same mistakes in a lambda, where a checker must look through the APIOption.
Options(api_options=[lambda stack: stack.build.add(tag_tenant), lambda stack: stack.finalize.add(plain)])
Options(api_options=[lambda stack: stack.finalize.add(tag_tenant)])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
with_api_options(lambda stack: stack.finalize.add(TagTenant()))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
bare: APIOption = lambda stack: stack.finalize.add(TagTenant)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]  # noqa: E731
