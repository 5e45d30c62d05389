"""What may stand in a request, and what keeps one from being sent."""

from __future__ import annotations

import enum

import pytest
from transport.servers import request_to, serving

from sagemaker_runtime import ConfigError, Headers, Timeout
from sagemaker_runtime.transport import request_head
from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient
from sagemaker_runtime.wire import Request

GIVEN = Timeout()


class Word(str, enum.Enum):  # noqa: UP042 - StrEnum's format is its value; this one's is its name
    """Members of enums, as programs have them for paths, methods and values."""

    PATH = "/endpoints/iris/invocations"
    METHOD = "PUT"
    VALUE = "text/csv"
    QUERY = "a=b"


async def refused(request, match, **client):
    """Send what cannot be sent."""
    http_client = AioHTTPClient(**client)
    with pytest.raises(ConfigError, match=match) as caught:
        await http_client.send(request, timeout=GIVEN)
    await http_client.close()
    return caught.value


async def test_a_member_of_an_enum_is_sent_as_it_was_signed():
    """A signature takes its text; Python formats it as its name."""
    async with serving() as server:
        http_client = AioHTTPClient()
        request = request_to(server, path=Word.PATH, method=Word.METHOD, query=Word.QUERY)
        request.headers.raw["content-type"] = Word.VALUE

        response = await http_client.send(request, timeout=GIVEN)
        await response.body.read()
        await http_client.close()

        (received,) = server.requests
        assert b"PUT /endpoints/iris/invocations?a=b HTTP/1.1" == received.line
        assert "text/csv" == dict(received.headers)["content-type"]


class AnyCase(str):
    """Equal in any case, as some programs have names."""

    __slots__ = ()

    def __eq__(self, other):
        return self.casefold() == other.casefold()

    def __hash__(self):
        return hash(self.casefold())


async def test_a_path_that_is_equal_to_another_is_sent_with_its_own_text():
    """Request lines are kept, and a signature takes the text."""
    async with serving() as server:
        http_client = AioHTTPClient()
        for path in (AnyCase("/Model"), AnyCase("/MODEL"), "/model"):
            response = await http_client.send(request_to(server, path=path), timeout=GIVEN)
            await response.body.read()
        await http_client.close()

        assert [b"POST /Model", b"POST /MODEL", b"POST /model"] == [
            received.line.removesuffix(b" HTTP/1.1") for received in server.requests
        ]


@pytest.mark.parametrize(("path", "query"), [("/" + "x" * 600, ""), ("/model", "token=secret")], ids=["path", "query"])
def test_a_line_that_is_long_or_has_a_query_is_not_kept(path, query):
    """There is no end of them, and a query may be secret."""
    request = Request(path=path, query=query, host="x", headers=Headers({"content-length": "0"}))
    before = request_head._request_line.cache_info().currsize

    assert request_head.request_head(request, None).startswith(f"POST {path}".encode())
    assert before == request_head._request_line.cache_info().currsize


@pytest.mark.parametrize("value", [["list"], 5, b"bytes"])
@pytest.mark.parametrize("part", ["method", "scheme", "host", "path", "query", "header"])
async def test_a_part_of_a_wrong_type_is_a_config_error(part, value):
    """A middleware's mistake; its repr would be sent in its place."""
    async with serving() as server:
        request = request_to(server)
        if part == "header":
            request.headers.raw["x-a"] = value
        else:
            setattr(request, part, value)

        said = f"its {part} is of type {type(value).__name__}" if part in ("method", "path", "query") else ""
        await refused(request, f"(cannot be sent|nothing can be sent to).*{said}")

        assert 0 == server.accepted


@pytest.mark.parametrize("method", ["PO:ST", "PO(ST", "POST,", "[GET]"])
async def test_a_method_is_a_token(method):
    """RFC 9110, section 9.1: anything else some server takes for another."""
    async with serving() as server:
        await refused(request_to(server, method=method), "cannot be sent")

        assert 0 == server.accepted


@pytest.mark.parametrize("value", ["a\x0bb", "\x1b[2J", "\x7f", "\x01"])
async def test_a_control_character_is_not_sent(value):
    """It would end up in some log, or on some terminal. The tab alone may stand in a value."""
    async with serving() as server:
        request = request_to(server)
        request.headers.raw["x-a"] = value

        await refused(request, "the value of header 'x-a' has the character")

        assert 0 == server.accepted


@pytest.mark.parametrize("name", ["Transfer-Encoding", "Content-Length", "Host"])
async def test_a_header_cannot_come_twice_in_two_spellings(name):
    """`Headers` has each name once, in lower case; two lengths in one request are how requests are smuggled."""
    async with serving() as server:
        request = request_to(server)
        request.headers.raw[name] = "9"

        await refused(request, f"the header '{name}' was set by bypassing Headers")

        assert 0 == server.accepted


@pytest.mark.parametrize("host", ["{}/evil", "{}?x", "user@{}", "{}#x", "{}\\evil", "{}/"])
@pytest.mark.parametrize("way", ["directly", "through a proxy"])
async def test_a_host_is_a_host_and_no_more(host, way):
    """A path in it would be sent to a proxy, and was never signed; a user name would send the request to another host."""
    async with serving() as server:
        request = request_to(server)
        request.host = host.format(request.host)

        await refused(
            request, "nothing can be sent to|cannot be sent", proxies={"http": server.url} if way != "directly" else {}
        )

        assert 0 == server.accepted


async def test_a_name_that_no_name_server_can_be_asked_for_is_a_config_error():
    """To try it again would not help."""
    request = Request(scheme="http", host=f"{'a' * 64}.test")
    request.headers["content-length"] = "0"

    await refused(request, "cannot be sent")


async def test_a_body_of_a_subclass_is_sent_as_the_bytes_that_it_has():
    """The subclass may say another length than it is written with, and another sum with the head."""

    class Odd(bytes):
        def __len__(self):
            return 99

        def __radd__(self, other):
            return other

    async with serving() as server:
        http_client = AioHTTPClient()
        request = request_to(server)
        request.body = Odd(b"body")

        response = await http_client.send(request, timeout=GIVEN)
        await response.body.read()
        await http_client.close()

        assert b"body" == server.requests[0].body


def test_a_header_that_somebody_names_is_checked_once():
    """The names of a client's requests are always the same; all the more must a bad one not be taken for checked."""
    for _ in range(2):
        with pytest.raises(ConfigError, match="the header Expect cannot be sent"):
            request_head._check_names(("host", "expect"))


@pytest.mark.parametrize("host", ["", "127.0.0.1:70000", "127.0.0.1:http", "[::1", "exa mple", "a..b"])
async def test_a_host_that_no_request_can_be_sent_to_is_a_config_error(host):
    """A middleware may set the host; what it gets wrong is one of our exceptions, like all else."""
    async with serving() as server:
        http_client = AioHTTPClient()
        request = request_to(server)
        request.host = host

        with pytest.raises(ConfigError, match="nothing can be sent to scheme"):
            await http_client.send(request, timeout=GIVEN)

        assert 0 == server.accepted
        await http_client.close()


async def test_a_scheme_other_than_http_is_a_config_error():
    """It is no lost connection, which would be tried again."""
    async with serving() as server:
        http_client = AioHTTPClient()
        request = request_to(server)
        request.scheme = "ftp"

        with pytest.raises(ConfigError, match="nothing can be sent to scheme"):
            await http_client.send(request, timeout=GIVEN)

        await http_client.close()


@pytest.mark.parametrize("path", ["/a b", "/a\r\nx-injected: 1", "/a\nb", "/é", "/a\x00b", "/a#b", "no-slash"])
async def test_a_path_that_cannot_stand_in_a_request_line_is_a_config_error(path):
    """A blank or a newline in a path that a middleware set would let it write a header, or a second request."""
    async with serving() as server:
        http_client = AioHTTPClient()

        with pytest.raises(ConfigError, match="cannot be sent"):
            await http_client.send(request_to(server, path=path), timeout=GIVEN)

        assert 0 == server.accepted
        await http_client.close()


@pytest.mark.parametrize("value", ["one\r\nx-injected: 1", "one\ntwo", "one\rtwo", "a\0b", "\ud800"])
async def test_a_header_that_would_end_its_line_is_a_config_error(value):
    """`Headers` refuses it; who writes to the raw values past that must not write a second header, or a request."""
    async with serving() as server:
        http_client = AioHTTPClient()
        request = request_to(server)
        request.headers.raw["x-secret"] = value

        with pytest.raises(
            ConfigError, match=r"cannot be sent: the value of header 'x-secret' has the character"
        ) as caught:
            await http_client.send(request, timeout=GIVEN)

        assert value not in str(caught.value)
        assert 0 == server.accepted
        await http_client.close()


@pytest.mark.parametrize("name", ["x-a\r\nx-b", "x-a\n", "x\0"])
async def test_a_name_of_a_header_that_would_end_its_line_is_a_config_error(name):
    """As its value."""
    async with serving() as server:
        http_client = AioHTTPClient()
        request = request_to(server)
        request.headers.raw[name] = "value"

        with pytest.raises(ConfigError, match="cannot be the name of an HTTP header"):
            await http_client.send(request, timeout=GIVEN)

        assert 0 == server.accepted
        await http_client.close()


async def test_a_value_beyond_ascii_is_sent_as_utf_8():
    """So it is signed."""
    async with serving() as server:
        request, http_client = request_to(server), AioHTTPClient()
        request.headers["x-name"] = "Grüße"

        response = await http_client.send(request, timeout=GIVEN)
        await response.body.read()
        await http_client.close()

        assert "Grüße" == dict(server.requests[-1].headers)["x-name"]  # which the server has decoded


@pytest.mark.parametrize("header", ["Expect", "Transfer-Encoding"])
async def test_a_header_that_changes_how_the_body_is_sent_is_refused(header):
    """The body goes out whole after its length: a peer that expects otherwise would read another request, or wait."""
    async with serving() as server:
        http_client = AioHTTPClient()
        request = request_to(server)
        request.headers[header] = "chunked"

        with pytest.raises(ConfigError, match=f"the header {header} cannot be sent"):
            await http_client.send(request, timeout=GIVEN)

        assert 0 == server.accepted
        await http_client.close()


@pytest.mark.parametrize("method", ["", "GET /", "POST\r\n", "PÖST"])
async def test_a_method_that_is_none_is_a_config_error(method):
    """It stands first in the request line."""
    async with serving() as server:
        http_client = AioHTTPClient()

        with pytest.raises(ConfigError, match="cannot be sent"):
            await http_client.send(request_to(server, method=method), timeout=GIVEN)

        assert 0 == server.accepted
        await http_client.close()
