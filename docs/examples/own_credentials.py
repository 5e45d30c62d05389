"""
Credentials from a source of your own, such as a vault: requested when needed, and
cached until shortly before they expire.

However many calls are waiting, the cache makes one request. It renews in the
background, so no call waits for that.
"""

from __future__ import annotations

import asyncio
import time

from sagemaker_runtime import (
    Client,
    Credentials,
    CredentialsCache,
    InvokeEndpointInput,
    override,
)
from sagemaker_runtime.local import LocalEndpoint

KEYS = Credentials(
    "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a session token"
)


class Vault:
    """Any object with this method is a provider. It raises `CredentialsError`."""

    asked = 0

    async def retrieve(self) -> Credentials:
        self.asked += 1
        await asyncio.sleep(0.01)  # stands in for a request to the vault
        return Credentials(
            KEYS.access_key_id,
            KEYS.secret_access_key,
            KEYS.session_token,
            expires_at=time.time() + 3600,
        )


async def main() -> None:
    vault = Vault()
    async with (
        LocalEndpoint(
            {"echo": lambda invocation: invocation.body}, credentials=KEYS
        ) as local,
        Client(
            local.options(),
            override(credentials=CredentialsCache(vault, expiry_window=300)),
        ) as client,
    ):
        params = InvokeEndpointInput(endpoint_name="echo", body=b"hello")
        await asyncio.gather(*(client.invoke_endpoint(params) for _ in range(10)))
    print("10 calls, asked", vault.asked, "time")
    print(KEYS)


if __name__ == "__main__":
    asyncio.run(main())
