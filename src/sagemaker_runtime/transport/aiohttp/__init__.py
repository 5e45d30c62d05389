"""HTTP/1.1 on connections that aiohttp opens: the only room, but for the local endpoint, that imports aiohttp."""
