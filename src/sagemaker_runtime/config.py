"""`Config`: what the machine says about AWS, read once by `load_config`, which does all of the I/O."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from attrs import field, frozen

from sagemaker_runtime.credentials import BotocoreCredentialsProvider
from sagemaker_runtime.endpoints import EndpointResolverOptions
from sagemaker_runtime.errors import ConfigError
from sagemaker_runtime.options import Options

if TYPE_CHECKING:
    from sagemaker_runtime.credentials import CredentialsProvider


@frozen(kw_only=True)
class Config:
    """What clients of one process share. `Client.from_config` makes a client of it, without I/O."""

    region: str | None = None
    """None if neither argument, environment nor shared files name one."""

    credentials: CredentialsProvider = field(factory=BotocoreCredentialsProvider)
    """Where credentials come from; asked at the first call."""

    endpoint_options: EndpointResolverOptions = field(factory=EndpointResolverOptions)
    """FIPS and dual stack."""

    def options(self) -> Options:
        """Options with these values."""
        return Options(region=self.region, credentials=self.credentials, endpoint_options=self.endpoint_options)


async def load_config(*, region: str | None = None, profile: str | None = None) -> Config:
    """
    Read the environment and the shared files, in a thread.

    The region is the argument, else ``AWS_REGION``, ``AWS_DEFAULT_REGION``, the profile's. FIPS and dual stack are
    read where botocore reads them.

    Args:
        region: None to look for it.

        profile: The profile in the shared files; None for ``AWS_PROFILE``, else ``default``.

    Raises:
        ConfigError: The profile does not exist, or a file cannot be parsed.
    """
    return await asyncio.to_thread(_load, region, profile)


def _load(region: str | None, profile: str | None) -> Config:
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - 180 ms of import, off the event loop
    from botocore.session import Session  # noqa: PLC0415

    try:
        session = Session(profile=profile)
        session.get_scoped_config()  # for its own sake: it fails if there is no such profile
        found = region or os.environ.get("AWS_REGION") or session.get_config_variable("region")
        endpoint_options = EndpointResolverOptions(
            use_fips_endpoint=bool(session.get_config_variable("use_fips_endpoint")),
            use_dual_stack_endpoint=bool(session.get_config_variable("use_dualstack_endpoint")),
        )
    except BotoCoreError as error:
        raise ConfigError(f"the AWS configuration cannot be read: {error}") from error
    return Config(
        region=found or None,
        credentials=BotocoreCredentialsProvider(profile=profile),
        endpoint_options=endpoint_options,
    )
