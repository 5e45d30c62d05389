"""Duplex calls: the HTTP/2 server, and the models behind it."""
