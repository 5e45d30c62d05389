"""The URL of an endpoint as logs, errors and spans may show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagemaker_runtime import Request


def url_without_query(request: Request) -> str:
    """The URL of *request* up to its query, which may hold a secret."""
    return f"{request.scheme}://{request.host}{request.path}"
