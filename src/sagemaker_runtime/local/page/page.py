"""`Page`: the page of a local endpoint, on its own port."""

from __future__ import annotations

import json
from bisect import bisect_left
from contextlib import AsyncExitStack, aclosing, suppress
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import web

from sagemaker_runtime import Client, ConfigError
from sagemaker_runtime.local.backends.outline import outline_of
from sagemaker_runtime.local.front.bodies import read_body
from sagemaker_runtime.local.front.listener import Listener
from sagemaker_runtime.local.page.fault_forms import fault_of, forms, is_object, kind_of, times_of, written
from sagemaker_runtime.local.page.gate import SECURITY, Gate
from sagemaker_runtime.local.page.hints import shell_lines
from sagemaker_runtime.local.page.invoking import MAX_BODY, called
from sagemaker_runtime.local.page.live import Feed
from sagemaker_runtime.local.page.shown import detail_of
from sagemaker_runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagemaker_runtime import Clock, Options
    from sagemaker_runtime.local.backends.hosting import HostedEndpoint
    from sagemaker_runtime.local.backends.outline import Outline
    from sagemaker_runtime.local.front.journal import Exchange, Journal

MAX_FORM = 65_536  # bytes of the form that injects a fault
_MAX_DIGITS = 18  # of the number of an exchange
_VIEWS = ("events", "facts", "exchanges")
_FORMS = ("invoke", "inject", "withdraw")
_TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class PageError(Exception):
    """
    An error that the page shows instead of a result.

    Args:
        message: What is wrong, and what to do.

        status: HTTP status.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class Page:
    """
    Shows a local endpoint in a browser: its endpoints, its journal as it grows, its faults, and a form for calls.

    It shows no secrets: sensitive headers are redacted, and keys are never sent to it.

    Args:
        host: The host that the local endpoint listens on.

        hosted: The endpoints by name.

        journal: The journal to show.

        clock: The local endpoint's clock.

        options: Returns options for a client of the local endpoint.

        environ: Returns environment variables for a client of the local endpoint.

        given_keys: Whether the keys are the user's own, not random ones.

        given_folder: Whether the folder served as S3 is the user's own.

    Raises:
        ConfigError: The host is not loopback.
    """

    def __init__(
        self,
        host: str,
        *,
        hosted: Mapping[str, HostedEndpoint],
        journal: Journal,
        clock: Clock,
        options: Callable[[], Options],
        environ: Callable[[], Mapping[str, str]],
        given_keys: bool,
        given_folder: bool,
    ) -> None:
        self._gate = Gate(host)
        self._hosted = hosted
        self._journal = journal
        self._options = options
        self._environ = environ
        self._given_keys = given_keys
        self._given_folder = given_folder
        self._feed = Feed(journal, clock, self._state)
        self._listener = Listener(self._handle, host=self._gate.address, port=0)
        self._files: dict[str, tuple[str, bytes]] = {}
        self._facts: dict[str, object] = {}
        self._client: Client | None = None

    @property
    def url(self) -> str:
        """
        The URL of the page. Its path is a password.

        Raises:
            ConfigError: It is not running.
        """
        return f"{self._listener.url}{self._gate.prefix}"

    async def start(self) -> None:
        """
        Start listening. The local endpoint must already be running.

        Raises:
            ListenError: It cannot listen.
        """
        self._files = await in_thread(_static_files)
        options = self._options()
        self._client = Client(options)
        self._facts = {
            "url": options.base_endpoint,
            "region": options.region,
            "lines": shell_lines(self._environ(), given_keys=self._given_keys, storage=self._given_folder),
            "faults": forms(),
            "max_exchanges": self._journal.max_exchanges,
        }
        await self._listener.start()
        self._gate.open(urlsplit(self._listener.url).port or 0)
        self._feed.start()

    async def stop(self) -> None:
        """Close the port. Does nothing if it is not running."""
        async with AsyncExitStack() as stopping:  # each step, even if another one fails
            client, self._client = self._client, None
            if client is not None:
                stopping.push_async_callback(client.close)
            stopping.push_async_callback(self._listener.stop)
            self._feed.stop()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        refusal = self._gate.refusal(request)
        if refusal is not None:
            return _text(refusal.message, refusal.status)
        path = request.raw_path.partition("?")[0]
        if not path.startswith(self._gate.prefix):  # the token alone, without the slash that relative URLs need
            return web.Response(status=308, headers={**SECURITY, "Location": self._gate.prefix})
        try:
            return await self._respond(request, path.removeprefix(self._gate.prefix))
        except PageError as error:
            return _json({"error": error.message}, error.status)
        except ConfigError as error:
            return _json({"error": f"{error}"}, 400)

    async def _respond(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        folder, _, name = path.partition("/")
        file = self._files.get(path or "index.html")
        method = "POST" if folder in _FORMS else "GET" if folder in _VIEWS or file is not None else None
        if method is None:
            raise PageError("There is nothing here.", 404)
        if request.method != method:
            return _text(f"This is served to {method} only.", 405, Allow=method)
        match folder:
            case "events":
                return await self._tell(request)
            case "facts":
                return _json(self._facts)
            case "exchanges":
                return _json(self._exchange(name))
            case "invoke":
                return await self._invoke(request)
            case "inject":
                form = await _form(request)
                fault = fault_of(form.get("kind"), form.get("parameters", {}))
                hosted = self._find(form.get("endpoint"))
                hosted.inject(fault, call=hosted.calls + 1, times=times_of(form.get("times", 1)))
            case "withdraw":
                form = await _form(request)
                kind = form.get("kind")
                self._find(form.get("endpoint")).withdraw(None if kind is None else kind_of(kind))
            case _:
                content_type, data = file or ("", b"")
                return web.Response(body=data, headers={**SECURITY, "Content-Type": f"{content_type}; charset=utf-8"})
        self._feed.wake()
        return _json({})

    async def _tell(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._feed.is_full:
            raise PageError("This page is open too many times; close some of them.", 503)
        response = web.StreamResponse(headers={**SECURITY, "Content-Type": "text/event-stream"})
        with suppress(ConnectionResetError):  # the page was closed
            await response.prepare(request)
            async with aclosing(self._feed.messages()) as messages:
                async for message in messages:
                    await response.write(message)
        return response

    def _state(self) -> dict[str, object]:
        return {
            "endpoints": [
                {
                    "name": name,
                    "calls": hosted.calls,
                    "outline": _outline(outline_of(hosted.backend)),
                    "pending": [
                        {
                            "kind": type(each.fault).__name__,
                            "fault": written(each.fault),
                            "call": each.call,
                            "times": each.times,
                        }
                        for each in hosted.pending[:20]
                    ],
                }
                for name, hosted in self._hosted.items()
            ],
            "dropped": self._journal.dropped,
        }

    def _exchange(self, number: str) -> dict[str, object]:
        is_number = number.isdecimal() and number.isascii() and len(number) <= _MAX_DIGITS
        found = _numbered(self._journal[:], int(number)) if is_number else None
        if found is None:
            raise PageError(f"Exchange {number:.20} is no longer in the journal.", 404)
        attempts = [found] if found.invocation_id is None else self._journal.attempts_of(found.invocation_id)
        return detail_of(found, attempts[-20:])

    async def _invoke(self, request: web.BaseRequest) -> web.StreamResponse:
        client = self._client
        if client is None:
            raise PageError("The local endpoint is stopping.", 503)
        body = await _body(request, MAX_BODY)
        members = {name: value for name, value in request.query.items() if name not in ("streams", "retries")}
        streams, retries = "streams" in request.query, "retries" in request.query
        response = web.StreamResponse(headers={**SECURITY, "Content-Type": "application/x-ndjson"})
        with suppress(ConnectionResetError):  # the page was closed
            async with aclosing(called(client, members, body, streams=streams, retries=retries)) as results:
                async for result in results:
                    if not response.prepared:
                        await response.prepare(request)
                    await response.write(json.dumps(result).encode() + b"\n")
        return response

    def _find(self, name: object) -> HostedEndpoint:
        hosted = self._hosted.get(name) if isinstance(name, str) else None
        if hosted is None:
            raise PageError(f"There is no endpoint {name!r:.80}; there is {', '.join(self._hosted) or 'none'}.", 404)
        return hosted

    def __repr__(self) -> str:
        return "<Page, running>" if self._listener.is_running else "<Page, not running>"  # its URL is a password


def _static_files() -> dict[str, tuple[str, bytes]]:
    """The files that a browser loads: the content type and the bytes, by name."""
    folder = files("sagemaker_runtime.local.page") / "static"
    return {each.name: (_TYPES[each.name.rpartition(".")[2]], each.read_bytes()) for each in folder.iterdir()}


def _numbered(exchanges: list[Exchange], number: int) -> Exchange | None:
    at = bisect_left(exchanges, number, key=lambda exchange: exchange.number)
    return exchanges[at] if at < len(exchanges) and exchanges[at].number == number else None


def _outline(outline: Outline | None) -> dict[str, object] | None:
    if outline is None:
        return None
    weights = outline.weights
    return {
        "name": outline.name,
        "member": outline.member,
        "sessions": outline.sessions,
        "duplex": outline.duplex,
        "parts": [
            {"name": name, "outline": _outline(part), "weight": None if weights is None else weights[name]}
            for name, part in list(outline.parts.items())[:100]
        ],
    }


async def _body(request: web.BaseRequest, most: int) -> bytes:
    too_large = partial(PageError, f"The body is too large: this page takes {most:,} bytes.", 413)
    return await read_body(request, most, too_large=too_large, cut=partial(PageError, "The body is incomplete."))


async def _form(request: web.BaseRequest) -> dict[str, object]:
    try:
        form: object = json.loads(await _body(request, MAX_FORM))
    except (ValueError, RecursionError) as error:
        raise PageError(f"The form is not JSON: {error}") from None
    if not is_object(form):
        raise PageError("The form is JSON, but not an object.")
    return form


def _json(document: object, status: int = 200) -> web.Response:
    headers = {**SECURITY, "Content-Type": "application/json"}
    return web.Response(status=status, body=json.dumps(document).encode(), headers=headers)


def _text(message: str, status: int, **headers: str) -> web.Response:
    return web.Response(status=status, text=f"{message}\n", headers={**SECURITY, **headers})
