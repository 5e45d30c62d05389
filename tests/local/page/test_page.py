"""What the page is told of a local endpoint, and what it can do to it."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from local.page.models import Story, echo
from local.page.viewer import Viewer, viewing

from sagemaker_runtime import (
    Client,
    ConfigError,
    Credentials,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    NopRetryer,
    ServiceError,
    StaticCredentialsProvider,
    override,
)
from sagemaker_runtime.local import (
    Container,
    InferenceComponents,
    Latency,
    LocalEndpoint,
    MultiModel,
    Reset,
    Sessions,
    SlowBody,
    Variants,
)

ONCE = override(retryer=NopRetryer())


def echo_input(body: bytes = b"", **members: str) -> InvokeEndpointInput:
    return InvokeEndpointInput(**{"endpoint_name": "echo", "body": body, **members})


def text_of(shown: Any) -> str:
    return base64.b64decode(shown["body"]).decode()


async def test_a_call_appears_with_all_that_became_of_it(local: LocalEndpoint, viewer: Viewer) -> None:
    """Status, time, sizes, attempt and verdict, without a click."""
    async with viewer.events() as events, Client(local.options(), ONCE) as client:
        await events.next()
        await client.invoke_endpoint(echo_input(b"hello", content_type="text/plain"))
        (row,) = await events.until_ended(1)

    assert (1, "echo", "InvokeEndpoint", 200, None, None) == (
        row["number"],
        row["endpoint"],
        row["operation"],
        row["status"],
        row["error"],
        row["fault"],
    )
    assert (True, 1, 5, 5, "end") == (row["signed"], row["attempt"], row["came"], row["sent"], row["end"])
    assert 0 <= row["seconds"] < 10


async def test_what_came_before_the_page_was_opened_is_there(local: LocalEndpoint, viewer: Viewer) -> None:
    """One looks when something has gone wrong; and who was disconnected begins anew."""
    async with Client(local.options(), ONCE) as client:
        for body in (b"1", b"22"):
            await client.invoke_endpoint(echo_input(body))

    async with viewer.events() as events:
        assert [1, 2] == [row["sent"] for row in await events.until_ended(2)]


async def test_each_attempt_is_a_row_and_knows_the_others(local: LocalEndpoint, viewer: Viewer) -> None:
    """Which retry was the one that helped is what one wants to see."""
    local.inject("echo", Reset(), call=1)
    local.fail("echo", call=2)

    async with viewer.events() as events, Client(local.options()) as client:
        await client.invoke_endpoint(echo_input())
        rows = await events.until_ended(3)
    shown = await viewer.get("exchanges/2")

    assert [(None, "reset"), (503, "end"), (200, "end")] == [(row["status"], row["end"]) for row in rows]
    assert [1, 2, 3] == [row["attempt"] for row in rows]
    assert ["Reset", "ErrorAnswer", None] == [row["fault"] for row in rows]
    assert [[1, None, None], [2, 503, "ServiceUnavailable"], [3, 200, None]] == shown["attempts"]
    assert "ErrorAnswer()" == shown["fault"]


async def test_an_exchange_opened_has_headers_and_bodies(local: LocalEndpoint, viewer: Viewer) -> None:
    """Both sides, as they were on the wire."""
    async with Client(local.options(), ONCE) as client:
        await client.invoke_endpoint(echo_input(b'{"a": 1}', content_type="application/json"))

    shown = await viewer.get("exchanges/1")

    assert '{"a": 1}' == text_of(shown["request"]) == text_of(shown["response"])
    assert ["content-type", "application/json"] in shown["request"]["headers"]
    assert "x-amzn-invoked-production-variant" in {name.lower() for name, _ in shown["response"]["headers"]}
    assert ["head", "body", "end"] == [event["name"] for event in shown["events"]]
    assert "AllTraffic" == shown["variant"]


async def test_no_secret_is_shown() -> None:
    """Screens are shared, and pictures of them are attached to issues."""
    keys = Credentials("AKIDSECRET", "the secret key", "the session token")
    async with LocalEndpoint({"echo": echo}, credentials=keys, page=True) as local, viewing(local) as viewer:
        async with Client(local.options(), ONCE) as client:
            await client.invoke_endpoint(echo_input(custom_attributes="patient=7"))
        sent = {"Cookie": "id=8", "X-Api-Key": "key of a gateway", "Proxy-Authorization": "Basic cHc="}
        async with viewer.session.post(f"{local.url}/x?X-Amz-Signature=0f1e2d", headers=sent):
            pass
        async with viewer.events() as events:
            await events.until_ended(2)
            rows = json.dumps([events.rows, events.state, events.minute])
        said = rows + "".join([json.dumps(await viewer.get(path)) for path in ("exchanges/1", "exchanges/2", "facts")])

    secrets = ("AKIDSECRET", "the secret key", "the session token", "patient=7", "0f1e2d", "id=8", "Signature=")
    for secret in (*secrets, "key of a gateway", "cHc="):
        assert secret not in said, secret
    assert said.count("<redacted>") >= 6


@pytest.mark.parametrize("client", ["boto3", "sagemaker_runtime"])
async def test_the_lines_to_copy_hold_no_key_and_are_all_that_a_client_needs(
    local: LocalEndpoint, viewer: Viewer, client: str
) -> None:
    """They name a file that only this user can read; so they may be copied, and seen."""
    lines = (await viewer.get("facts"))["lines"]
    async with viewer.session.get(viewer.url + "connect.js") as response:
        (program,) = re.findall(rf"{client}: `(.*?)`,\n", await response.text(), re.DOTALL)

    shell = await asyncio.create_subprocess_exec(
        "bash", "-c", "\n".join(["export AWS_ACCESS_KEY_ID=another", *lines, 'exec "$0" -c "$1"']), sys.executable,
        program.replace("${name}", "echo"), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await shell.communicate()

    assert b"b'your input'\n" == said
    assert local.credentials.secret_access_key not in "\n".join(lines)
    assert local.credentials.access_key_id not in "\n".join(lines)


async def test_a_folder_that_is_given_is_served_as_s3_to_that_shell(viewer: Viewer, tmp_path: Path) -> None:
    """Results of asynchronous inferences are looked for there, as with the lines that the command prints."""
    async with LocalEndpoint({}, folder=tmp_path, page=True) as local, viewing(local) as own:
        url, lines = local.url, (await own.get("facts"))["lines"]
        without = (await viewer.get("facts"))["lines"]

    assert f"export AWS_ENDPOINT_URL_S3={url}" in lines
    assert not any("AWS_ENDPOINT_URL_S3" in line for line in without)


async def test_keys_that_were_given_are_written_into_no_file() -> None:
    """They may be real ones, and their owner has them."""
    async with (
        LocalEndpoint({}, credentials=Credentials("AKID", "secret"), page=True) as local,
        viewing(local) as viewer,
    ):
        lines = (await viewer.get("facts"))["lines"]

    assert not any("FILE" in line or "PROFILE" in line for line in lines)
    assert any(line.startswith("# ") and "keys" in line for line in lines)


async def test_a_refused_signature_is_a_verdict(local: LocalEndpoint, viewer: Viewer) -> None:
    """It is what most first calls fail by."""
    wrong = override(credentials=StaticCredentialsProvider("AKIDEXAMPLE", "secret"))

    async with viewer.events() as events:
        async with Client(local.options(), ONCE, wrong) as client:
            with pytest.raises(ServiceError):
                await client.invoke_endpoint(echo_input())
        async with viewer.session.post(f"{local.url}/ping"):
            pass
        refused, unknown = await events.until_ended(2)

    assert (403, "UnrecognizedClientException", False) == (refused["status"], refused["error"], refused["signed"])
    assert (404, None) == (unknown["status"], unknown["signed"])


async def test_a_stream_is_seen_growing(local: LocalEndpoint, viewer: Viewer, story: Story) -> None:
    """Each part with its time, while the model is still speaking."""
    params = InvokeEndpointWithResponseStreamInput(endpoint_name="story", body=b"")
    async with Client(local.options(), ONCE) as client:
        story.turn.release()
        output = await client.invoke_endpoint_with_response_stream(params)
        async with output.body as parts:
            await anext(parts)
            begun = await viewer.get("exchanges/1")
            story.turn.release()
            await anext(parts)
            later = await viewer.get("exchanges/1")
            story.turn.release()
            assert [b"a time"] == [part.bytes async for part in parts]
    done = await viewer.get("exchanges/1")

    assert [None, None, "end"] == [shown["row"]["end"] for shown in (begun, later, done)]
    assert ["once ", "once upon ", "once upon a time"] == [text_of(shown["response"]) for shown in (begun, later, done)]
    names = [event["name"] for event in done["events"]]
    assert ["head", *["PayloadPart"] * 3, "end"] == names
    times = [event["seconds"] for event in done["events"]]
    assert sorted(times) == times


async def test_a_body_that_dribbles_is_seen_piece_by_piece(viewer: Viewer, local: LocalEndpoint) -> None:
    """What a slow body is made of is its pieces."""
    local.inject("echo", SlowBody(0.0, size=2), call=1)
    async with Client(local.options(), ONCE) as client:
        await client.invoke_endpoint(echo_input(b"12345"))

    shown = await viewer.get("exchanges/1")

    assert [2, 2, 1] == [event["size"] for event in shown["events"] if event["name"] == "body"]
    assert "12345" == text_of(shown["response"])


async def test_a_large_body_is_shown_in_part() -> None:
    """A page that holds megabytes of text does not move any more."""
    body = b"x" * 1_000_000
    async with LocalEndpoint({"echo": echo}, page=True) as local, viewing(local) as viewer:
        async with Client(local.options(), ONCE) as client:
            await client.invoke_endpoint(echo_input(body))
        shown = await viewer.get("exchanges/1")

    for side in ("request", "response"):
        assert (1_000_000, 262_144) == (shown[side]["size"], len(text_of(shown[side])))


async def test_a_fault_that_is_put_on_hits_the_next_call_alone(local: LocalEndpoint, viewer: Viewer) -> None:
    """What a click is for: see how one's program copes, once."""
    async with Client(local.options(), ONCE) as client:
        await client.invoke_endpoint(echo_input())
        done = await viewer.post(
            "inject", {"endpoint": "echo", "kind": "ErrorAnswer", "parameters": {"error": "ModelError"}}
        )
        with pytest.raises(ServiceError):
            await client.invoke_endpoint(echo_input())
        await client.invoke_endpoint(echo_input())

    assert (200, {}) == done
    assert [200, 424, 200] == [exchange.status for exchange in local.journal]


async def test_a_fault_stays_on_until_it_is_put_off(local: LocalEndpoint, viewer: Viewer) -> None:
    """And the page is told that it is on, by whomever it was put."""
    await viewer.post("inject", {"endpoint": "echo", "kind": "Throttled", "times": None})
    async with viewer.events() as events, Client(local.options(), ONCE) as client:
        for _ in range(3):
            with pytest.raises(ServiceError):
                await client.invoke_endpoint(echo_input())
        while events.state is None or events.state["endpoints"][0]["calls"] < 3:
            await events.next()
        on = events.state["endpoints"][0]["pending"]
        await viewer.post("withdraw", {"endpoint": "echo", "kind": "Throttled"})
        await client.invoke_endpoint(echo_input())
        while events.state["endpoints"][0]["pending"]:
            await events.next()

    assert [{"kind": "Throttled", "fault": "Throttled()", "call": 1, "times": None}] == on
    assert [400, 400, 400, 200] == [exchange.status for exchange in local.journal]


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        (b"{", 400, "not JSON"),
        (b"\xff", 400, "not JSON"),
        (b"[" * 100_000, 413, "too large"),
        (b"[]", 400, "not an object"),
        ({}, 400, "no fault None"),
        ({"kind": "Rest", "endpoint": "echo"}, 400, "Did you mean 'Reset'?"),
        ({"kind": ["Reset"], "endpoint": "echo"}, 400, "no fault"),
        ({"kind": "Reset", "endpoint": "ehco"}, 404, "no endpoint 'ehco'; there is echo, story"),
        ({"kind": "Reset", "endpoint": 7}, 404, "no endpoint 7"),
        ({"kind": "Reset", "endpoint": "echo", "parameters": []}, 400, "not a JSON object"),
        ({"kind": "Reset", "endpoint": "echo", "parameters": {"after": 1}}, 400, "Did you mean 'after_head'?"),
        ({"kind": "Reset", "endpoint": "echo", "parameters": {"after_head": 1}}, 400, "true or false"),
        ({"kind": "Latency", "endpoint": "echo"}, 400, "needs seconds"),
        ({"kind": "Latency", "endpoint": "echo", "parameters": {"seconds": "x"}}, 400, "a number"),
        ({"kind": "Latency", "endpoint": "echo", "parameters": {"seconds": True}}, 400, "a number"),
        ({"kind": "Latency", "endpoint": "echo", "parameters": {"seconds": -1}}, 400, "0 or more"),
        (b'{"kind": "Latency", "endpoint": "echo", "parameters": {"seconds": NaN}}', 400, "a number"),
        ({"kind": "Latency", "endpoint": "echo", "parameters": {"seconds": 10**400}}, 400, "a number"),
        ({"kind": "TruncatedBody", "endpoint": "echo", "parameters": {"kept": 1.5}}, 400, "a whole number"),
        ({"kind": "ErrorAnswer", "endpoint": "echo", "parameters": {"error": "X"}}, 400, "no status is known"),
        ({"kind": "ErrorAnswer", "endpoint": "echo", "parameters": {"error": "X\r\nY", "status": 500}}, 400, "name of an error"),
        ({"kind": "ErrorAnswer", "endpoint": "echo", "parameters": {"error": "X", "status": 200}}, 400, "400 to 599"),
        ({"kind": "Reset", "endpoint": "echo", "times": 0}, 400, "1 to 1,000"),
        ({"kind": "Reset", "endpoint": "echo", "times": "often"}, 400, "1 to 1,000"),
    ],
)  # fmt: skip
async def test_a_fault_that_makes_no_sense_is_refused_with_the_reason(
    local: LocalEndpoint, viewer: Viewer, form: object, status: int, said: str
) -> None:
    """The page shows what it says; nothing is put on."""
    refused, complaint = await viewer.post("inject", form)

    assert (status, ["error"]) == (refused, list(complaint))
    assert said in complaint["error"]
    async with viewer.events() as events:
        while events.state is None:
            await events.next()
    assert [[], []] == [each["pending"] for each in events.state["endpoints"]]


async def test_each_kind_of_fault_can_be_put_on_as_its_form_suggests(local: LocalEndpoint, viewer: Viewer) -> None:
    """One that is new must not be forgotten here."""
    for form in (await viewer.get("facts"))["faults"]:
        parameters = {each["name"]: each["default"] for each in form["parameters"]}
        done = await viewer.post("inject", {"endpoint": "echo", "kind": form["kind"], "parameters": parameters})
        assert (200, {}) == done, form
        assert form["what"].endswith("."), form


async def test_the_form_calls_an_endpoint(local: LocalEndpoint, viewer: Viewer) -> None:
    """By a real client, so that the call is in the journal like any other."""
    part, done = await viewer.invoke(
        b"hello", endpoint_name="echo", content_type="text/plain", accept="text/csv", target_variant=""
    )

    assert b"hello" == base64.b64decode(part["part"])
    assert {"done": {"attempts": 1}} == done
    (exchange,) = local.journal
    assert exchange.invocation is not None
    assert ("text/plain", "text/csv", None) == (
        exchange.invocation.content_type,
        exchange.invocation.accept,
        exchange.invocation.target_variant,
    )


async def test_the_form_shows_a_stream_as_it_comes(viewer: Viewer, story: Story) -> None:
    """A part is on its way to the page before the model has the next one."""
    seen: list[bytes] = []
    story.turn.release()
    async with viewer.session.post(
        viewer.url + "invoke", params={"endpoint_name": "story", "streams": "1"}
    ) as response:
        async for line in response.content:
            result = json.loads(line)
            if "part" not in result:
                break
            seen.append(base64.b64decode(result["part"]))
            story.turn.release()

    assert [b"once ", b"upon ", b"a time"] == seen
    assert {"done": {"attempts": 1}} == result


async def test_the_form_tries_again_if_it_is_asked_to(local: LocalEndpoint, viewer: Viewer) -> None:
    """Otherwise it shows what a single call gets, so that a fault is seen."""
    local.fail("echo", call=1)
    (failed,) = await viewer.invoke(endpoint_name="echo")
    local.fail("echo", call=2)
    _, done = await viewer.invoke(b"x", endpoint_name="echo", retries="1")

    assert ("ServiceUnavailable", 1) == (failed["error"]["kind"], failed["error"]["attempts"])
    assert 2 == done["done"]["attempts"]


@pytest.mark.parametrize(
    ("query", "kind", "said"),
    [
        ({"endpoint_name": "ehco"}, "ValidationError", "Endpoint ehco of account 000000000000 not found"),
        ({"endpoint_name": "no/name"}, "InvalidParamsError", "endpoint_name"),
        ({}, "InvalidParamsError", "endpoint_name"),
        ({"endpoint_name": "echo", "accept": "a\nb"}, "InvalidParamsError", "accept"),
    ],
)
async def test_a_call_that_fails_says_why(viewer: Viewer, query: dict[str, str], kind: str, said: str) -> None:
    """In the words of the client's error."""
    (failed,) = await viewer.invoke(**query)

    assert kind == failed["error"]["kind"]
    assert said in failed["error"]["message"]


async def test_a_body_that_is_too_large_for_the_service_is_refused_by_it(viewer: Viewer) -> None:
    """The page lets its refusal be seen."""
    (failed,) = await viewer.invoke(io.BytesIO(bytes(7_000_000)), endpoint_name="echo")

    assert "413" in failed["error"]["message"]


async def test_a_body_that_is_too_large_for_the_page_is_refused(viewer: Viewer) -> None:
    """With a reason, and before it is read."""
    url, size = viewer.url + "invoke?endpoint_name=echo", 16_777_217
    async with viewer.session.post(url, data=io.BytesIO(bytes(size))) as response:
        assert 413 == response.status
        assert {"error": "The body is too large: this page takes 16,777,216 bytes."} == await response.json()


async def test_a_member_that_the_form_has_not_is_refused(viewer: Viewer) -> None:
    """Nothing that was asked for is left out in silence."""
    async with viewer.session.post(viewer.url + "invoke?endpoint_name=echo&colour=red") as response:
        assert 400 == response.status
        assert "'colour'" in (await response.json())["error"]


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("HEAD", "", 405, "GET"),
        ("PUT", "", 405, "GET"),
        ("POST", "facts", 405, "GET"),
        ("DELETE", "exchanges/1", 405, "GET"),
        ("OPTIONS", "page.js", 405, "GET"),
        ("GET", "invoke", 405, "POST"),
        ("PATCH", "inject", 405, "POST"),
        ("GET", "nothing", 404, None),
        ("PUT", "nothing", 404, None),
    ],
)
async def test_a_method_that_is_not_served_is_told_which_is(
    viewer: Viewer, method: str, path: str, status: int, allowed: str | None
) -> None:
    """A 404 sends whoever looks with ``curl -I`` in search of another URL."""
    async with viewer.session.request(method, viewer.url + path, headers={"Origin": viewer.origin}) as response:
        assert (status, allowed) == (response.status, response.headers.get("Allow"))


async def test_an_exchange_that_is_gone_is_said_to_be(local: LocalEndpoint, viewer: Viewer) -> None:
    """A test may take the journal while somebody looks at it."""
    async with Client(local.options(), ONCE) as client:
        await client.invoke_endpoint(echo_input())
    local.journal.clear()

    for number in ("1", "0", "-1", "²", "x" * 99, "9" * 5000, ""):
        async with viewer.session.get(viewer.url + f"exchanges/{number}") as response:
            assert 404 == response.status
            assert "no longer in the journal" in (await response.json())["error"]


async def test_the_endpoints_are_outlined(viewer: Viewer) -> None:
    """Which variants there are, and what stands behind each, is where one looks first."""

    async def chat(invocation: object) -> bytes:
        return b""

    container = Container("http://127.0.0.1:1/base/")
    backends = {
        "chat": Sessions(Variants({"blue": (chat, 3), "green": (echo, 1)})),
        "parts": InferenceComponents({"many": MultiModel({"a.tar.gz": echo}, capacity=1)}),
    }
    async with LocalEndpoint(backends, page=True) as local, viewing(local) as own, own.events() as events:
        while events.state is None:
            await events.next()
    found, parts = (each["outline"] for each in events.state["endpoints"])

    assert ("Variants", "target_variant", True) == (found["name"], found["member"], found["sessions"])
    assert [("blue", 3), ("green", 1)] == [(part["name"], part["weight"]) for part in found["parts"]]
    assert found["parts"][1]["outline"]["name"].endswith("models.echo")
    assert "inference_component_name" == parts["member"]
    assert {"name": "a.tar.gz", "outline": None, "weight": None} == parts["parts"][0]["outline"]["parts"][0]
    assert "http://127.0.0.1:1/base" == container.outline().name


def test_an_endpoint_without_a_page_has_no_url_of_one() -> None:
    """What to do is said."""
    with pytest.raises(ConfigError, match="page=True"):
        LocalEndpoint({}).page_url  # noqa: B018
    with pytest.raises(ConfigError, match="not running"):
        LocalEndpoint({}, page=True).page_url  # noqa: B018


async def test_stop_does_not_wait_for_pages_that_are_open(local: LocalEndpoint, viewer: Viewer) -> None:
    """Their connections never end by themselves."""
    async with viewer.events() as events, asyncio.timeout(0.9):
        await events.next()
        await local.stop()
    await local.start()

    async with viewing(local) as again:
        assert local.url == (await again.get("facts"))["url"]
    assert 1 == len(local.journal.watchers)


def test_a_page_is_served_from_a_thread_too() -> None:
    """`with` needs no event loop of the caller's, and neither does the page."""
    with LocalEndpoint({"echo": echo}, page=True) as local:

        async def look() -> Any:
            async with viewing(local) as viewer:
                return await viewer.get("facts")

        assert local.url == asyncio.run(look())["url"]


def test_a_page_whose_event_loop_was_closed_is_there_again_with_the_endpoint() -> None:
    """As after a test that failed before it stopped it, with a browser still open."""
    local = LocalEndpoint({"echo": echo}, page=True)

    async def start_and_leave() -> None:
        await local.start()
        async with viewing(local) as viewer, viewer.events() as events:
            await events.next()

    async def look() -> str:
        async with local, viewing(local) as viewer, viewer.events() as events:
            await events.next()
            await viewer.invoke(b"x", endpoint_name="echo")
            return (await events.until_ended(1))[0]["end"]

    asyncio.run(start_and_leave())

    assert "end" == asyncio.run(look())
    assert () == local.journal.watchers


async def test_a_page_shows_an_endpoint_that_speaks_tls() -> None:
    """The form trusts the certificate that was made for it."""
    async with LocalEndpoint({"echo": echo}, tls=True, page=True) as local, viewing(local) as viewer:
        _, done = await viewer.invoke(b"x", endpoint_name="echo")
        lines = (await viewer.get("facts"))["lines"]

    assert {"done": {"attempts": 1}} == done
    assert any(line.startswith("export AWS_CA_BUNDLE=") for line in lines)


async def test_only_so_many_pages_are_open_at_once(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs a message for each change."""
    monkeypatch.setattr("sagemaker_runtime.local.page.live.MAX_READERS", 1)
    async with viewer.events() as events:
        await events.next()
        async with viewer.session.get(viewer.url + "events") as second:
            assert 503 == second.status
            assert "too many times" in (await second.json())["error"]


@pytest.mark.parametrize("path", ["events", "invoke"])
async def test_a_page_that_is_closed_while_it_is_written_to_is_no_mistake(
    path: str, viewer: Viewer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection may be lost before the handler is cancelled; whoever closes a page sees no traceback in a terminal."""

    async def lost(*_: object) -> None:
        raise ConnectionResetError("Cannot write to closing transport")

    monkeypatch.setattr(web.StreamResponse, "write", lost)
    ask = viewer.session.get(viewer.url + path) if path == "events" else viewer.session.post(viewer.url + path)
    async with ask as response:
        await response.read()

    assert [] == caplog.records


async def test_a_call_that_waits_is_there_before_its_response(local: LocalEndpoint, viewer: Viewer) -> None:
    """A model that hangs must be seen to hang."""
    local.inject("echo", Latency(60.0), call=1)
    async with viewer.events() as events, Client(local.options(), ONCE) as client:
        call = asyncio.create_task(client.invoke_endpoint(echo_input()))
        while not events.rows:
            await events.next()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        waiting = events.rows[1]
        (left,) = await events.until_ended(1)

    assert (None, None) == (waiting["status"], waiting["end"])
    assert (None, "left") == (left["status"], left["end"])
