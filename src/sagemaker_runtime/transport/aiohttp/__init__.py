"""HTTP/1.1. Besides the local endpoint, only this package imports aiohttp, and only to connect to proxies."""
