"""`LocalEndpoint`: the server, its start and its stop."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sagemaker_runtime import (
    AioHTTPClient,
    ConfigError,
    Credentials,
    HTTP2Client,
    Options,
    StaticCredentialsProvider,
    SystemClock,
)
from sagemaker_runtime.local.backends.backends import Backend, as_backend, begin, end
from sagemaker_runtime.local.backends.hosting import HostedEndpoint
from sagemaker_runtime.local.duplex.certificate import Certificate
from sagemaker_runtime.local.duplex.front import DuplexFront
from sagemaker_runtime.local.environment import Environment
from sagemaker_runtime.local.faults.kinds import ErrorAnswer, Fault
from sagemaker_runtime.local.faults.plan import FaultPlan, InjectedFault, RandomFaults
from sagemaker_runtime.local.front.constraints import constraints_of
from sagemaker_runtime.local.front.failures import ACCOUNT
from sagemaker_runtime.local.front.front import Front
from sagemaker_runtime.local.front.journal import Journal
from sagemaker_runtime.local.front.listener import Listener
from sagemaker_runtime.local.storage.asynchronous import Asynchronous
from sagemaker_runtime.local.storage.front import StorageFront
from sagemaker_runtime.local.storage.storage import Storage
from sagemaker_runtime.sync import LoopThread
from sagemaker_runtime.verification import SigningWitness

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from types import TracebackType
    from typing import Self

    from aiohttp import web

    from sagemaker_runtime import Clock
    from sagemaker_runtime.local.backends.invocation import Model
    from sagemaker_runtime.local.page.page import Page

HOST = "127.0.0.1"
MAX_STREAMS = 128  # duplex calls on one connection
_REGION = re.compile(r"[a-z0-9-]+")
_MAX_BUCKET = 63  # characters; S3's

logger = logging.getLogger("sagemaker_runtime.local")


class LocalEndpoint:
    """
    A SageMaker Runtime on this machine.

    Use it as an async context manager, or call `start` and `stop`. It runs in the event loop that starts it. In a plain
    ``with``, it runs in a thread with its own loop, for callers without one; `url`, `options`, `environ`, `calls`, `inject`,
    `fail`, `withdraw`, `faults` and `journal` may be used from any thread.

    Concurrent calls of `start` and `stop` run one after the other. It belongs to the event loop that it runs in, until it is
    stopped there or that loop is closed.

    Args:
        endpoints: The model of each endpoint by the endpoint's name: a Python function, or a `Backend`.

        region: The region for which requests must be signed.

        credentials: The keys that requests must be signed with. Once they have expired, requests are refused for that
            reason. None for random ones.

        host: The address to listen on. Loopback by default, because a model is code of yours that others should not call.
            ``0.0.0.0`` and ``::`` mean all addresses of the machine.

        port: The port. 0 for a free one, which changes with each start.

        faults: Faults for a share of the calls; those of `inject` take precedence. None for no faults.

        clock: Used to check signatures, for faults that wait, and for the age of asynchronous inferences. None for the
            machine's.

        journal: Keeps the exchanges. None for a `Journal` with default limits.

        folder: The folder for inputs, results and failures of asynchronous inferences, as ``bucket/key``. Its files are
            served as S3. None for a temporary one, which `stop` removes.

        tls: Whether it uses TLS, with a certificate that it creates. Clients find its authority in the file `ca_bundle`, in
            `options` and in `environ`. HTTP/1.1 and HTTP/2 are available in either case.

        max_streams: Concurrent duplex calls on one connection; further ones are refused, and may be retried.

        page: Whether it also serves a page for a browser, at `page_url`, which shows its endpoints and its journal, calls the
            endpoints, and switches faults on and off. Whoever has the URL may do so; therefore *host* must be loopback.

    Attributes:
        journal: The requests that have arrived, and the responses to them.

    Raises:
        ConfigError: The name of an endpoint or of the region is invalid; a model cannot be called, or is the class of a
            backend; *host* is empty, or not loopback although *page* is true; *max_streams* is below 1; or *tls* needs
            trustme, which is not installed.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Model | Backend],
        *,
        region: str = "us-east-1",
        credentials: Credentials | None = None,
        host: str = HOST,
        port: int = 0,
        faults: RandomFaults | None = None,
        clock: Clock | None = None,
        journal: Journal | None = None,
        folder: Path | str | None = None,
        tls: bool = False,
        max_streams: int = MAX_STREAMS,
        page: bool = False,
    ) -> None:
        for name in endpoints:
            problem = constraints_of("InvokeEndpoint")["endpoint_name"].problem(name)
            if problem is not None:
                raise ConfigError(f"{name!r} cannot be the name of an endpoint: {problem}")
        bucket = f"sagemaker-{region}-{ACCOUNT}"
        if _REGION.fullmatch(region) is None or len(bucket) > _MAX_BUCKET:
            raise ConfigError(
                f"{region!r} cannot be the name of a region: it takes up to {_MAX_BUCKET - len(bucket) + len(region)} "
                "lowercase letters, digits and hyphens, such as 'us-east-1'"
            )
        self.region = region
        self.credentials = credentials or _random_credentials()
        self.journal = Journal() if journal is None else journal
        self._plan = FaultPlan(faults)
        self._hosted = {
            name: HostedEndpoint(name, as_backend(model), region=region, plan=self._plan)
            for name, model in endpoints.items()
        }
        self._environment = Environment(region, self.credentials)
        clock = clock or SystemClock()
        self._storage = Storage(None if folder is None else Path(folder), bucket=bucket)
        self._asynchronous = Asynchronous(self._storage, clock)
        self._front = Front(
            self._hosted,
            region=region,
            credentials=self.credentials,
            clock=clock,
            journal=self.journal,
            asynchronous=self._asynchronous,
        )
        self._s3 = StorageFront(self._storage, region=region, credentials=self.credentials, clock=clock)
        duplex = DuplexFront(
            self._hosted,
            region=region,
            credentials=self.credentials,
            clock=clock,
            journal=self.journal,
            connection_of=self._front.connection_of,
        )
        if max_streams < 1:
            raise ConfigError(f"max_streams is {max_streams}; it takes 1 or more")
        self._certificate = Certificate(host) if tls else None
        self._listener = Listener(
            self._handle,
            host=host,
            port=port,
            converse=duplex.handle,
            max_streams=max_streams,
            tls=None if self._certificate is None else self._certificate.context,
        )
        self._page: Page | None = None
        if page:
            keys, storage = credentials is not None, folder is not None
            self._page = self._make_page(host, clock, given_keys=keys, given_folder=storage)
        self._started = AsyncExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = asyncio.Lock()
        self._stopping: set[asyncio.Task[None]] = set()
        self._thread: LoopThread | None = None

    def _make_page(self, host: str, clock: Clock, *, given_keys: bool, given_folder: bool) -> Page:
        from sagemaker_runtime.local.page.page import Page  # few programs use it

        return Page(
            host,
            hosted=self._hosted,
            journal=self.journal,
            clock=clock,
            options=self.options,
            environ=self.environ,
            given_keys=given_keys,
            given_folder=given_folder,
        )

    @property
    def url(self) -> str:
        """
        Its URL, such as ``http://127.0.0.1:40129``.

        Raises:
            ConfigError: It is not running.
        """
        return self._listener.url

    @property
    def page_url(self) -> str:
        """
        The URL of its page, such as ``http://127.0.0.1:40131/9eRk.../``. The path is a password, made anew for each object.

        Raises:
            ConfigError: It has no page, or is not running.
        """
        if self._page is None:
            raise ConfigError("the local endpoint has no page; make it with page=True")
        return self._page.url

    @property
    def ca_bundle(self) -> Path | None:
        """The PEM file of the certificate authority; removed when the endpoint stops. None without *tls*."""
        return None if self._certificate is None else self._certificate.file()

    def options(self) -> Options:
        """
        Options for a client of this endpoint, which you may change: ``Client(local.options(), override(...))``.

        Their signer remembers what was signed, so that a refused signature can name what was changed afterwards.

        Raises:
            ConfigError: It is not running.
        """
        keys = self.credentials
        provider = StaticCredentialsProvider(keys.access_key_id, keys.secret_access_key, keys.session_token)
        url = self.url
        bundle = self.ca_bundle
        return Options(
            http_client=None if bundle is None else AioHTTPClient(ca_bundle=bundle),
            duplex_http_client=None if bundle is None else HTTP2Client(ca_bundle=bundle),
            base_endpoint=url,
            s3_endpoint_url=url,
            region=self.region,
            credentials=provider,
            http_signer_v4=SigningWitness(),
        )

    def environ(self) -> dict[str, str]:
        """
        The environment variables with which a program calls this endpoint, in any language and with any AWS SDK.

        ::

            subprocess.run([...], env={**os.environ, **local.environ()})

        They set the URLs, including that of S3, the region and the credentials. They also hide the developer's own
        configuration: the files in ``~/.aws`` and the profile are replaced, and no proxy is used for this machine.
        The program must not outlive the endpoint, because the replacement file is removed when it stops.

        Raises:
            ConfigError: It is not running.
        """
        return self._environment.variables(self.url, self.ca_bundle)

    def calls(self, endpoint_name: str) -> int:
        """
        How many requests have reached an endpoint's model, or a fault instead of it. Each retry counts.

        Refused requests (a wrong signature, a member that violates the API model) do not count.

        Raises:
            ConfigError: There is no such endpoint.
        """
        return self._find(endpoint_name).calls

    @property
    def faults(self) -> list[InjectedFault]:
        """The last 10,000 faults that occurred, oldest first."""
        return list(self._plan.met)

    def inject(self, endpoint_name: str, fault: Fault, *, call: int, times: int | None = 1) -> None:
        """
        Inject a fault into one request to an endpoint, or into several in a row.

        Args:
            endpoint_name: The endpoint.

            fault: The fault. A fault of streams has no effect on other calls.

            call: Which request, as `calls` counts them: 1 for the first.

            times: How many requests it affects, including that one. None for all from then on, until `withdraw` or another
                such fault; a fault for a certain request takes precedence.

        Raises:
            ConfigError: There is no such endpoint, the request has already arrived, or *times* is below 1.
        """
        self._find(endpoint_name).inject(fault, call=call, times=times)

    def withdraw(self, endpoint_name: str, kind: type[Fault] | None = None) -> None:
        """
        Withdraw faults that were injected into requests to an endpoint and have not occurred yet.

        Args:
            endpoint_name: The endpoint.

            kind: The class of the faults to withdraw. None for all.

        Raises:
            ConfigError: There is no such endpoint.
        """
        self._find(endpoint_name).withdraw(kind)

    def fail(
        self,
        endpoint_name: str,
        *,
        call: int,
        error: str = "ServiceUnavailable",
        status: int | None = None,
        message: str | None = None,
    ) -> None:
        """
        Make one request to an endpoint fail, without calling the model. Short for `inject` with an `ErrorAnswer`.

        Args:
            endpoint_name: The endpoint.

            call: Which request, as `calls` counts them: 1 for the first.

            error: Name of the error. Those of the API model, and ``ThrottlingException``, have a known status and message.

            status: HTTP status. None for the known one.

            message: Text of the error. None for the known one.

        Raises:
            ConfigError: There is no such endpoint, the request has already arrived, or the error has no known status.
        """
        self.inject(endpoint_name, ErrorAnswer(error, status, message), call=call)

    async def start(self) -> None:
        """
        Start listening. Does nothing if it is already running.

        Raises:
            OSError: The port is in use, or the host does not exist.
            ConfigError: It runs in another event loop, its folder is unusable, a backend is in use elsewhere, or a container
                does not become healthy.
            Exception: What the `Backend.start` of a user's own backend raises.
        """
        async with self._in_turn():
            if self._listener.is_running:
                return
            async with AsyncExitStack() as started:
                started.callback(self._environment.remove)
                if self._certificate is not None:
                    started.callback(self._certificate.remove)
                started.push_async_callback(self._storage.stop)
                await self._storage.start()
                for hosted in self._hosted.values():
                    await begin(hosted.backend)
                    started.push_async_callback(end, hosted.backend)
                started.push_async_callback(self._asynchronous.stop)
                await self._listener.start()
                started.push_async_callback(self._listener.stop)
                if self._page is not None:
                    started.push_async_callback(self._page.stop)
                    await self._page.start()
                self._started = started.pop_all()

    async def stop(self) -> None:
        """
        Close the port and all connections. Does nothing if it is not running. If this call is cancelled, it still stops.

        Raises:
            ConfigError: It runs in the thread of a ``with``, whose end stops it, or in another event loop.
        """
        if self._thread is not None and not self._thread.is_current:
            raise ConfigError("the local endpoint runs in its own thread; the end of its `with` stops it")
        stopping = _running_loop().create_task(self._stop())
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)
        await asyncio.shield(stopping)

    async def _stop(self) -> None:
        async with self._in_turn():
            await self._started.aclose()

    @asynccontextmanager
    async def _in_turn(self) -> AsyncGenerator[None]:
        """Allow one start or stop at a time, in the event loop that it runs in."""
        loop, left = _running_loop(), False
        if self._loop is not loop:
            left = self._is_left
            if self._loop is not None and not left and (self._turn.locked() or self._listener.is_running):
                raise ConfigError(
                    "the local endpoint runs in another event loop: stop it there, or make one for each loop"
                )
            self._loop, self._turn = loop, asyncio.Lock()
        async with self._turn:
            if left:  # its connections are dead; release the rest
                try:
                    await self._started.aclose()
                except Exception:
                    logger.debug(
                        "the local endpoint could not release all that its closed event loop had", exc_info=True
                    )
            yield

    @property
    def _is_left(self) -> bool:
        """Whether its event loop was closed while it ran."""
        return self._loop is not None and self._loop.is_closed()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The runtime handles every POST and all of its own paths; S3, which shares the port, handles the rest."""
        ours = request.method == "POST" or request.raw_path.startswith("/endpoints/")
        return await (self._front if ours else self._s3).handle(request)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        if self._listener.is_running and not self._is_left:
            raise ConfigError("the local endpoint is already running")
        thread = LoopThread(self, name=f"{self!r}")
        thread.open()
        self._thread = thread
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.close()

    def __repr__(self) -> str:
        where = f"at {self.url}" if self._listener.is_running and not self._is_left else "not running"
        return f"<LocalEndpoint {where}, with {', '.join(self._hosted) or 'no endpoint'}>"

    def _find(self, endpoint_name: str) -> HostedEndpoint:
        hosted = self._hosted.get(endpoint_name)
        if hosted is None:
            raise ConfigError(f"there is no endpoint {endpoint_name!r}; there is {', '.join(self._hosted) or 'none'}")
        return hosted


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError as error:
        raise ConfigError(
            "the local endpoint needs asyncio, but no asyncio event loop is running: use it in a plain `with`, which brings "
            "its own event loop"
        ) from error


def _random_credentials() -> Credentials:
    return Credentials(f"AKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))
