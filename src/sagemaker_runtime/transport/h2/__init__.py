"""HTTP/2 on connections that aiohttp's connector opens, for duplex calls."""
