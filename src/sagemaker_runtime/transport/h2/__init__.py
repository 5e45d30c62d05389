"""HTTP/2 on connections that aiohttp's connector opens, for the operation that talks both ways."""
