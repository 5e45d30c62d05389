"""HTTP/1.1 on connections that aiohttp opens. Besides the local endpoint, only this package imports aiohttp."""
