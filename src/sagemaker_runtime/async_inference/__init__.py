"""Waiting for the result of an asynchronous inference, which is stored in S3: ``waiting`` polls, ``s3`` reads."""

from __future__ import annotations

__all__ = ["DEFAULT_WAIT"]

# Seconds to wait for a result. Defined here so that the client need not import either module.
# An inference may take 15 minutes by default, and up to 60 with InvocationTimeoutSeconds. Before that, it waits in the
# endpoint's queue, for several minutes if the endpoint scales up from zero instances. The queue drops it only after
# 6 hours, which is too long for a caller to wait without an error.
DEFAULT_WAIT = 3_600.0
