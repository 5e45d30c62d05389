"""Streams that go both ways: HTTP/2 before the models, and what answers behind it."""
