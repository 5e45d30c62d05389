"""HTTP/1.1 on connections that aiohttp opens: the only folder, but for the local endpoint, that imports aiohttp."""
