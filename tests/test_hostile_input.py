"""What is odd, hostile or plainly wrong gets a clear error, or the right result; and nothing is lost."""

from __future__ import annotations

import enum
import pickle
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from support import NOON, ScriptedBody, ScriptedHTTPClient, answer, client, options

from sagemaker_runtime import (
    Client,
    ClientLogMode,
    ConfigError,
    CredentialsError,
    Endpoint,
    EndpointError,
    EndpointResolverFunc,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    NopRetryer,
    Output,
    ServiceError,
    SigV4Signer,
    Timeout,
    build_middleware,
    deserialize_middleware,
    finalize_middleware,
    initialize_middleware,
    override,
    with_api_options,
)

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"abcd")


class Color(str, enum.Enum):  # noqa: UP042 - the kind that trips
    """Its members are strings whose own text is another than their value."""

    BLUE = "blue"


async def test_a_date_at_the_end_of_time_breaks_no_later_call():
    """The skew stays on the client, so what a server says of the time must not be able to stop it."""
    http = ScriptedHTTPClient([answer(date="Fri, 31 Dec 9999 23:59:59 GMT"), answer()])
    caller = client(http)

    await caller.invoke_endpoint(PARAMS)
    output = await caller.invoke_endpoint(PARAMS)

    assert b"ok" == output.body
    assert "ttl" not in http.requests[1].headers["amz-sdk-request"]


async def test_a_read_limit_beyond_all_time_is_only_left_out_of_the_header():
    """``Timeout.read`` cannot be None, so somebody writes a very large number."""
    http = ScriptedHTTPClient([answer(date="Sun, 15 Jun 2025 15:06:40 GMT")])
    caller = client(http, timeout=Timeout(read=1e12))

    await caller.invoke_endpoint(PARAMS)
    await caller.invoke_endpoint(PARAMS)

    assert "ttl" not in http.requests[1].headers["amz-sdk-request"]


async def test_a_call_split_in_two_signs_each_half_for_itself():
    """``next`` may be called again with another body; the hash of the first must not be signed with the second."""

    @initialize_middleware("Split")
    async def split(ctx, step, next):
        whole = step.parameters.body
        for half in (whole[:2], whole[2:]):
            step.parameters = InvokeEndpointInput(endpoint_name="iris", body=half)
            output = await next(ctx, step)
        return output

    http = ScriptedHTTPClient()
    regions = iter(["us-east-1", "eu-west-1"])
    resolver = EndpointResolverFunc(
        lambda region, options: Endpoint(f"https://{(found := next(regions))}.test", signing_region=found)
    )
    await client(http, endpoint_resolver=resolver, api_options=[lambda s: s.initialize.add(split)]).invoke_endpoint(
        PARAMS
    )

    first, second = http.requests
    assert [b"ab", b"cd"] == [first.body, second.body]
    assert "/us-east-1/" in first.headers["authorization"]
    assert "/eu-west-1/" in second.headers["authorization"]
    signer = SigV4Signer()
    again = second.copy()
    signer.sign_http(
        again,
        credentials=await options().credentials.retrieve(),
        payload_hash=sha256(b"cd").hexdigest(),
        service="sagemaker",
        region="eu-west-1",
        signing_time=datetime.fromtimestamp(NOON, UTC),
    )
    assert again.headers["authorization"] == second.headers["authorization"]


async def test_a_member_of_a_string_enum_is_sent_by_its_value():
    """``str(Color.BLUE)`` is not ``"blue"``; what is signed and what is sent must both be."""
    http = ScriptedHTTPClient()

    await client(http, region=Color.BLUE, base_endpoint="https://example.com").invoke_endpoint(
        InvokeEndpointInput(endpoint_name=Color.BLUE, body=b"x", target_variant=Color.BLUE)
    )

    (request,) = http.requests
    assert "blue" == request.headers["x-amzn-sagemaker-target-variant"]
    assert str is type(request.headers["x-amzn-sagemaker-target-variant"])
    assert "/endpoints/blue/invocations" == request.path
    assert "/blue/sagemaker/" in request.headers["authorization"]


async def test_options_appended_for_a_call_leave_the_callers_list_alone():
    """The list given to ``override(api_options=...)`` is the caller's, and is given again for the next call."""

    @build_middleware("Nothing")
    def nothing(ctx, step, next):
        return next(ctx, step)

    given: list[object] = []
    caller = client()
    for _ in range(3):
        await caller.invoke_endpoint(
            PARAMS, override(api_options=given), with_api_options(lambda s: s.build.add(nothing))
        )

    assert [] == given


async def test_a_response_that_a_middleware_puts_aside_is_closed():
    """Who answers in the service's stead, or asks twice, must not leak a connection for it."""

    @deserialize_middleware("Fake")
    async def fake(ctx, step, next):
        await next(ctx, step)
        await next(ctx, step)
        return Output(InvokeEndpointOutput(body=b"mine"))

    aside = [answer(), answer()]
    output = await client(
        ScriptedHTTPClient(list(aside)), api_options=[lambda s: s.deserialize.add(fake)]
    ).invoke_endpoint(PARAMS)

    assert b"mine" == output.body
    for response in aside:
        assert isinstance(response.body, ScriptedBody)
        assert response.body.closed >= 1


async def test_what_a_middleware_failed_on_is_not_in_the_log_of_the_attempt(caplog):
    """The repr of some exceptions holds the very data they failed on: here, the body."""

    @finalize_middleware("Decode")
    async def decode(ctx, step, next):
        step.request.body.decode()
        return await next(ctx, step)

    caplog.set_level("DEBUG")
    caller = client(client_log_mode=ClientLogMode.RETRIES, api_options=[lambda s: s.finalize.add(decode)])

    with pytest.raises(UnicodeDecodeError):
        await caller.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b"PATIENT\xff"))

    assert "not retrying: UnicodeDecodeError" in caplog.text
    assert "PATIENT" not in caplog.text


async def test_a_provider_that_gives_no_credentials_is_told():
    """None is a natural way to say that there are none."""

    class Nothing:
        async def retrieve(self):
            return None

    with pytest.raises(CredentialsError, match="returned NoneType"):
        await client(credentials=Nothing()).invoke_endpoint(PARAMS)


@pytest.mark.parametrize("endpoint", [None, "https://example.com"])
async def test_a_resolver_that_gives_no_endpoint_is_told(endpoint):
    """A bare URL is a natural mistake."""
    with pytest.raises(EndpointError, match=f"returned {type(endpoint).__name__}"):
        await client(endpoint_resolver=EndpointResolverFunc(lambda region, options: endpoint)).invoke_endpoint(PARAMS)


def test_an_async_option_function_is_refused():
    """It would be called, never awaited, and change nothing."""

    async def change(options):
        options.region = "eu-west-1"

    with pytest.raises(ConfigError, match="option function 1 is async"):
        Client(options(), change)


@pytest.mark.parametrize("name", ["retryer", "http_signer_v4", "http_client", "credentials", "endpoint_resolver"])
def test_a_class_in_place_of_an_object_is_refused(name):
    """A class has the methods too, so it would fail only in the middle of a call."""

    class Everything:
        max_attempts = 1

        def delay(self): ...
        def sign_http(self): ...
        def send(self): ...
        def retrieve(self): ...
        def resolve_endpoint(self): ...

    with pytest.raises(ConfigError, match=rf"Options.{name} is the class Everything; pass an object"):
        client(**{name: Everything})


def test_a_retryer_that_says_no_number_of_attempts_is_refused():
    """The header that tells the service needs it."""

    class Retryer:
        def delay(self, failures, *, elapsed, remaining=None):
            return None

    with pytest.raises(ConfigError, match="has no max_attempts"):
        client(retryer=Retryer())


async def test_an_error_with_text_that_cannot_be_printed_can_be_printed():
    """A peer's JSON may hold half a surrogate pair; to print the error must not raise another."""
    http = ScriptedHTTPClient([answer(400, b'{"message": "bad \\ud800 thing"}')])

    with pytest.raises(ServiceError) as caught:
        await client(http, retryer=NopRetryer()).invoke_endpoint(PARAMS)

    assert str(caught.value).encode().startswith(b"400: bad ? thing")


async def test_an_output_pickles_without_its_metadata():
    """A cache may keep outputs; the metadata holds the live response, and stays behind."""
    output = await client().invoke_endpoint(PARAMS)

    again = pickle.loads(pickle.dumps(output))  # noqa: S301 - made two lines above

    assert output == again
    assert 0 == len(again.result_metadata)
