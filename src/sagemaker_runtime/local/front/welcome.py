"""What a person sees who opens the URL of a local endpoint in a browser. The endpoint is for programs; its page is elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagemaker_runtime import Headers

WELCOME = (
    "This is a local endpoint of sagemaker_runtime. It answers programs in place of Amazon SageMaker Runtime and of S3, and "
    "has nothing to show to a browser. To see its calls, start it with a page ('sagemaker-runtime local serve --page', or "
    "LocalEndpoint(page=True) in Python), and open the URL that is printed then (LocalEndpoint.page_url): the page has a port "
    "of its own, and a path that is a password."
)


def is_browser(method: str, target: str, headers: Headers) -> bool:
    """
    Whether somebody has opened the local endpoint's own URL in a browser.

    An S3 client that lists its buckets asks for the same path, but it signs the request, and does not ask for HTML.
    """
    accepts = (headers.get("accept") or "").lower()
    return (method, target) == ("GET", "/") and "authorization" not in headers and "text/html" in accepts
