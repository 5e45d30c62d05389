"""
`explain`: why a signature does not match.

With the secret, the usual mistakes can be tried one by one: the request is signed as it would have been without the
mistake, and if the two signatures agree, that was the mistake.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from posixpath import normpath
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from attrs import evolve, frozen

from sagemaker_runtime.local.front.sigv4 import signature_of
from sagemaker_runtime.verification import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagemaker_runtime.local.front.signature import ReceivedRequest
    from sagemaker_runtime.verification import Authorization

_METHODS = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE")
_MAX_SECONDS = 300  # by which a date may have been moved; the service allows as much skew
_TIMESTAMP = "%Y%m%dT%H%M%SZ"
# Values that programs and frameworks set by default, before or after signing.
_USUAL = {
    "accept": ("*/*", "application/json"),
    "accept-encoding": ("identity", "gzip", "gzip, deflate", "gzip, deflate, br", "br"),
    "connection": ("keep-alive", "close", "upgrade"),
    "content-type": (
        "application/json",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=utf-8",
        "binary/octet-stream",
        "text/csv",
        "text/plain",
    ),
}


@frozen(repr=False)
class _Try:
    """A request as it may have been signed; *what* says how it differs from the request received."""

    what: str
    method: str
    target: str
    pairs: list[tuple[str, str]]
    payload_hash: str
    timestamp: str
    secret: str
    canonical_path: str | None = None


def explain(
    request: ReceivedRequest, authorization: Authorization, payload_hash: str, timestamp: str, secret: str
) -> str:
    """
    Why the signature does not match, in a sentence or two: what differs, or what may differ.

    Args:
        request: The request, as received.

        authorization: Its ``Authorization`` header.

        payload_hash: The hash of the body that the signature should cover.

        timestamp: The request's ``X-Amz-Date``.

        secret: The secret access key that it should be signed with.
    """
    lost = sorted(name for name in authorization.signed_headers if name not in request.headers)
    if lost:
        return f"What differs: the header '{lost[0]}', which was signed and has not arrived."
    as_it_came = _Try("", request.method, request.target, list(request.pairs), payload_hash, timestamp, secret)
    for each in _tries(as_it_came, authorization, request):
        signature = signature_of(
            each.method,
            each.target,
            each.pairs,
            signed_headers=authorization.signed_headers,
            payload_hash=each.payload_hash,
            timestamp=each.timestamp,
            scope=authorization.scope,
            secret_access_key=each.secret,
            canonical_path=each.canonical_path,
        )
        if signature == authorization.signature:
            return f"What differs: {each.what}."
    headers = [(name, request.headers.get(name, "")) for name in sorted(authorization.signed_headers)]
    names = ", ".join(f"'{name}'" for name, _ in headers)
    lines = "; ".join(f"{name}: {shown(name, value)}" for name, value in headers)
    return (
        "The signature does not show what differs: it is the secret access key, or one of these was changed after "
        f"signing: the method, the path, the query, the body, or one of the headers {names}. They arrived as: "
        f"{request.method} {request.target.partition('?')[0]!r}; {lines}; the payload hash {payload_hash}."
    )


def _tries(came: _Try, authorization: Authorization, request: ReceivedRequest) -> Iterator[_Try]:
    yield from _secrets(came)
    yield from _bodies(came, request)
    region, service = authorization.scope.split("/")[1:3]
    yield from _lines(came, service)
    for name in sorted(authorization.signed_headers):
        for value, how in _values(name, request, region):
            pairs = [pair for pair in came.pairs if pair[0].lower() != name]
            yield evolve(came, what=f"the header '{name}', {how}", pairs=[*pairs, (name, value)])
    moment = datetime.strptime(came.timestamp, _TIMESTAMP).replace(tzinfo=UTC)
    for seconds in range(-_MAX_SECONDS, _MAX_SECONDS + 1):
        then = f"{moment + timedelta(seconds=seconds):{_TIMESTAMP}}"
        pairs = [pair for pair in came.pairs if pair[0].lower() != "x-amz-date"]
        what = f"the header 'x-amz-date', which was signed as '{then}'"
        yield evolve(came, what=what, pairs=[*pairs, ("x-amz-date", then)], timestamp=then)


def _secrets(came: _Try) -> Iterator[_Try]:
    secret = came.secret
    around = "the secret access key, which was used with spaces, line ends or quotation marks around it"
    for text in (f"{secret}\n", f"{secret}\r\n", f"{secret} ", f" {secret}", f'"{secret}"', f"'{secret}'"):
        yield evolve(came, what=around, secret=text)
    for text in (quote(secret, safe="", errors="replace"), unquote(secret)):
        yield evolve(came, what="the secret access key, which was used percent-encoded, or decoded", secret=text)


def _bodies(came: _Try, request: ReceivedRequest) -> Iterator[_Try]:
    body = request.body
    for given in ("UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", ""):
        how = repr(given) if given else "nothing"
        yield evolve(came, what=f"the body, whose hash was signed as {how}", payload_hash=given)
    ends = (
        (b"", "an empty one"),
        (body + b"\n", "one with a line end added"),
        (body.rstrip(), "one without the white space at its end"),
    )
    for other, how in ends:
        what = f"the body, which was signed as {how}"
        yield evolve(came, what=what, payload_hash=sha256(other).hexdigest())
    real = sha256(body).hexdigest()
    signed_as = "the body that arrived" if body else "an empty body"
    what = f"the header 'x-amz-content-sha256', which was signed as the hash of {signed_as}"
    pairs = [pair for pair in came.pairs if pair[0].lower() != "x-amz-content-sha256"]
    yield evolve(came, what=what, payload_hash=real, pairs=[*pairs, ("x-amz-content-sha256", real)])


def _lines(came: _Try, service: str) -> Iterator[_Try]:
    for method in _METHODS:
        yield evolve(came, what=f"the method, which was signed as {method}", method=method)
    path, _, query = came.target.partition("?")
    if query:
        yield evolve(came, what="the query, which was not signed", target=path)
    plain = unquote(path)
    ways = (
        (_quoted(path), "encoded twice; S3 expects it encoded once")
        if service == "s3"
        else (path, "encoded once; all services but S3 expect it encoded twice"),
        (_quoted(path), "with its dots and slashes unresolved"),
        (normpath(path), "with its dots and slashes resolved"),
        (_quoted(plain), "in another encoding"),
        (_quoted(_quoted(plain)), "in another encoding"),
        (plain, "without encoding"),
        (path.rstrip("/"), "without the slash at its end"),
        (f"{path}/", "with a slash at its end"),
    )
    for canonical, how in ways:
        yield evolve(came, what=f"the path, which was signed {how}", canonical_path=canonical)


def _quoted(path: str) -> str:
    return quote(path, safe="/~", errors="replace")


def _values(name: str, request: ReceivedRequest, region: str) -> Iterator[tuple[str, str]]:
    """The values that a header may have been signed with, each with a text that says how it differs."""
    given = [value for each, value in request.pairs if each.lower() == name]
    yield "", "which was signed as empty"
    yield ",".join(reversed(given)), "whose lines were signed in another order"
    yield ", ".join(given), "whose lines were joined after signing"
    for value in given:
        yield value, "which arrived twice, but was signed once"
        yield value.lower(), "which was signed in lower case"
        yield value.partition(";")[0], "to which a parameter was added after signing"
        yield f"{value}; charset=utf-8", "which was signed with '; charset=utf-8'"
        yield f"{value};charset=UTF-8", "which was signed with ';charset=UTF-8'"
    others: tuple[str, ...] = _USUAL.get(name, ())
    if name == "content-length":
        others = ("0", str(len(request.body) + 1), str(max(len(request.body) - 1, 0)))
    if name == "host":
        others = tuple(_hosts(request.headers.get("host", ""), region))
    for value in others:
        yield value, f"which was signed as '{value}'"


def _hosts(host: str, region: str) -> Iterator[str]:
    yield from (f"runtime.sagemaker.{region}.amazonaws.com", f"s3.{region}.amazonaws.com")  # forwarded to here
    name, colon, port = host.rpartition(":")
    name, port = (name, port) if colon and port.isdigit() else (host, "")
    for each in (name, "localhost", "127.0.0.1", "[::1]"):
        yield each
        for number in filter(None, (port, "80", "443")):
            yield f"{each}:{number}"
