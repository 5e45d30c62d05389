"""`ClientRecipe`: how to make a client in a process to which the client itself cannot be sent."""

from __future__ import annotations

import inspect
import pkgutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from attrs import fields, frozen

from sagemaker_runtime import Client, ConfigError, load_config, override

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from typing import Literal

    from sagemaker_runtime import OptFn, Timeout


@frozen(kw_only=True)
class ClientRecipe:
    """
    How to make a client. It holds no credentials: each process finds its own, as `load_config` does.

    The arguments are those of `load_config`. None leaves a value to the environment and the shared config files of the
    machine where the client is made. For anything else, such as middleware, name a function of your own::

        ClientRecipe(client_factory="scoring.clients:make")

    Raises:
        ConfigError: *client_factory* is not ``"module:function"``, or is given beside another argument.
    """

    region: str | None = None
    """The AWS region, such as ``"eu-west-1"``."""

    profile: str | None = None
    """The profile in the shared config files."""

    endpoint_url: str | None = None
    """The URL to send requests to, instead of AWS's own."""

    s3_endpoint_url: str | None = None
    """The same for S3."""

    use_fips_endpoint: bool | None = None
    """Whether to use FIPS endpoints."""

    use_dual_stack_endpoint: bool | None = None
    """Whether to use dual-stack endpoints, which support IPv6."""

    retry_mode: Literal["standard", "adaptive"] | None = None
    """AWS's retry mode; a bulk run decides on most retries itself."""

    retry_max_attempts: int | None = None
    """The most attempts of a call, including the first; at least 1. Most retries of a bulk run do not count."""

    app_id: str | None = None
    """Your name for the application, sent in the User-Agent."""

    ca_bundle: str | None = None
    """A file or folder of CA certificates, on the machine where the client is made."""

    timeout: Timeout | None = None
    """Time limits of each call. None for the configured ones."""

    client_factory: str | None = None
    """``"module:function"``: a function without arguments, or a coroutine function, that returns a `Client`."""

    def __attrs_post_init__(self) -> None:
        if self.client_factory is None:
            return
        module, _, function = self.client_factory.partition(":")
        if not (module and function):
            raise ConfigError(f"client_factory is {self.client_factory!r}; it takes 'module:function'")
        given = [name for name in _SETTINGS if getattr(self, name) is not None]
        if given:
            raise ConfigError(f"client_factory makes the whole client; leave out {', '.join(given)}")

    async def client(self) -> Client:
        """
        A new client, which the caller closes.

        Raises:
            ConfigError: The configuration is invalid, or the function cannot be imported or does not return a `Client`.
        """
        if self.client_factory is not None:
            return await _made_by(self.client_factory)
        config = await load_config(
            region=self.region,
            profile=self.profile,
            endpoint_url=self.endpoint_url,
            s3_endpoint_url=self.s3_endpoint_url,
            use_fips_endpoint=self.use_fips_endpoint,
            use_dual_stack_endpoint=self.use_dual_stack_endpoint,
            retry_mode=self.retry_mode,
            retry_max_attempts=self.retry_max_attempts,
            app_id=self.app_id,
            ca_bundle=self.ca_bundle,
        )
        opt_fns: tuple[OptFn, ...] = () if self.timeout is None else (override(timeout=self.timeout),)
        return Client.from_config(config, *opt_fns)


_SETTINGS = [attribute.name for attribute in fields(ClientRecipe) if attribute.name != "client_factory"]


async def _made_by(name: str) -> Client:
    try:
        function: object = pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        problem = f"cannot be imported: {error}. Install its module on every worker"
    else:
        if not callable(function):
            problem = f"is a {type(function).__name__}; name a function"
        else:
            made: object = function()
            if inspect.isawaitable(made):
                made = await made
            if isinstance(made, Client):
                return made
            problem = f"returned a {type(made).__name__}; it must return a Client"
    raise ConfigError(f"client_factory {name!r} {problem}")


@asynccontextmanager
async def opened(client: Client | ClientRecipe) -> AsyncGenerator[Client]:
    """The given client, or one made from a recipe, which is closed at the end."""
    if not isinstance(client, ClientRecipe):
        yield client
        return
    async with await client.client() as made:
        yield made
