"""HTTP/2, for duplex calls. Connections are opened as those of HTTP/1.1 are."""
