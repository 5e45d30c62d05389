"""`LocalEndpoint`: the server and its life."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from aiohttp import web

from sagemaker_runtime import ConfigError, Credentials, Options, StaticCredentialsProvider
from sagemaker_runtime.local.backends import Backend, as_backend
from sagemaker_runtime.local.constraints import ENDPOINT_NAME
from sagemaker_runtime.local.front import Front
from sagemaker_runtime.local.hosting import HostedEndpoint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from sagemaker_runtime.local.invocation import Model

HOST = "127.0.0.1"
BACKLOG = 1024  # connections not accepted yet; at aiohttp's 128 a burst of more waits a second for TCP to try again
SHUTDOWN_TIMEOUT = 1.0  # seconds that `stop` leaves to models still at work


class LocalEndpoint:
    """
    A SageMaker Runtime on loopback, at a port that was free.

    An async context manager; or `start` it, and `stop` it. It runs in the event loop that starts it.

    Args:
        endpoints: What answers for each endpoint, by the endpoint's name: a Python function, or a `Backend`.

        region: The region it says it is in: requests must be signed for it.

        credentials: What requests must be signed with. None for random ones.

    Raises:
        ConfigError: A name is not one that an endpoint can have.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Model | Backend],
        *,
        region: str = "us-east-1",
        credentials: Credentials | None = None,
    ) -> None:
        for name in endpoints:
            problem = ENDPOINT_NAME.problem(name)
            if problem is not None:
                raise ConfigError(f"{name!r} cannot be the name of an endpoint: {problem}")
        self.region = region
        self.credentials = credentials or _random_credentials()
        self._hosted = {
            name: HostedEndpoint(name, as_backend(model), region=region) for name, model in endpoints.items()
        }
        self._front = Front(self._hosted, region=region, credentials=self.credentials)
        self._runner: web.AppRunner | None = None
        self._started = AsyncExitStack()

    @property
    def url(self) -> str:
        """
        Where it listens, such as ``http://127.0.0.1:40129``.

        Raises:
            ConfigError: It is not running.
        """
        if self._runner is None:
            raise ConfigError("the local endpoint is not running; use it in `async with`, or start() it")
        return f"http://{HOST}:{self._runner.addresses[0][1]}"

    def options(self) -> Options:
        """Options for a client of this endpoint, yours to change: ``Client(local.options(), override(...))``."""
        keys = self.credentials
        provider = StaticCredentialsProvider(keys.access_key_id, keys.secret_access_key, keys.session_token)
        return Options(base_endpoint=self.url, region=self.region, credentials=provider)

    def calls(self, endpoint_name: str) -> int:
        """
        How many requests have reached an endpoint's model, or a fault in its place: a retry is one more.

        What the front refused (a wrong signature, a member against the API model) has not reached it.

        Raises:
            ConfigError: There is no such endpoint.
        """
        return self._find(endpoint_name).calls

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
        Make one request to an endpoint fail, once; the model is not asked.

        Args:
            endpoint_name: The endpoint.

            call: Which request, as `calls` counts them: 1 for the first.

            error: Name of the error. Those of the API model, and ``ThrottlingException``, have a status and a message.

            status: HTTP status. None for the error's own.

            message: Text of the error. None for the error's own.

        Raises:
            ConfigError: There is no such endpoint, the request has come already, or the error has no known status.
        """
        self._find(endpoint_name).fail(call, error=error, status=status, message=message)

    async def start(self) -> None:
        """Listen. Does nothing if it does already; after `stop`, the port is another one."""
        if self._runner is not None:
            return
        async with AsyncExitStack() as started:
            for hosted in self._hosted.values():
                await hosted.backend.start()
                started.push_async_callback(hosted.backend.stop)
            self._runner = await self._listen()
            self._started = started.pop_all()

    async def _listen(self) -> web.AppRunner:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._front.handle)
        runner = web.AppRunner(
            application,
            access_log=None,
            auto_decompress=False,  # the signature covers the body as it was sent
            handler_cancellation=True,  # or a model that waits would never hear that the caller has left
            shutdown_timeout=SHUTDOWN_TIMEOUT,
        )
        await runner.setup()
        await web.TCPSite(runner, HOST, 0, backlog=BACKLOG).start()
        return runner

    async def stop(self) -> None:
        """Close the port and all connections. Does nothing if it is not running."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
            await self._started.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def __repr__(self) -> str:
        where = f"at {self.url}" if self._runner is not None else "not running"
        return f"<LocalEndpoint {where}, with {', '.join(self._hosted) or 'no endpoint'}>"

    def _find(self, endpoint_name: str) -> HostedEndpoint:
        hosted = self._hosted.get(endpoint_name)
        if hosted is None:
            raise ConfigError(f"there is no endpoint {endpoint_name!r}; there is {', '.join(self._hosted) or 'none'}")
        return hosted


def _random_credentials() -> Credentials:
    return Credentials(f"AKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))
