"""
All requests through a proxy, with certificates of your company: a transport that you
create yourself.

Without it, the proxies of the environment (``HTTPS_PROXY``) and the system's
certificates are used. Whoever creates a transport closes it. Several clients may share
one, with its connections.
"""

from __future__ import annotations

import asyncio
import ssl

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from sagemaker_runtime import AioHTTPClient, Client, InvokeEndpointInput, override
from sagemaker_runtime.local import LocalEndpoint


def transport(proxy: str, ca_bundle: str | None) -> AioHTTPClient:
    """
    Create the transport. None means the system's certificates.

    The proxy's URL may contain a user name and a password, which are never shown.
    """
    return AioHTTPClient(
        proxies={"https": proxy, "http": proxy}, ca_bundle=ca_bundle, max_connections=50
    )


async def forward(request: web.Request) -> web.Response:
    """Stands in for the proxy."""
    print("proxied:", request.method, request.url.path)
    async with (
        ClientSession(auto_decompress=False) as session,
        session.request(
            request.method,
            request.url,
            headers=request.headers,
            data=await request.read(),
        ) as response,
    ):
        return web.Response(body=await response.read(), status=response.status)


async def main() -> None:
    proxy = web.Application()
    proxy.router.add_route("*", "/{path:.*}", forward)
    async with (
        LocalEndpoint({"echo": lambda invocation: invocation.body}) as local,
        TestServer(proxy) as server,
    ):
        http_client = transport(
            str(server.make_url("/")), ssl.get_default_verify_paths().cafile
        )
        async with Client(local.options(), override(http_client=http_client)) as client:
            output = await client.invoke_endpoint(
                InvokeEndpointInput(endpoint_name="echo", body=b"hello")
            )
            print(output.body.decode())
        await http_client.close()


if __name__ == "__main__":
    asyncio.run(main())
