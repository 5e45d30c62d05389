"""``doctor``: shows where everything that a call needs comes from, and whether the endpoint answers."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from typing import TYPE_CHECKING, NamedTuple

from sagemaker_runtime import (
    AioHTTPClient,
    DefaultEndpointResolver,
    Headers,
    Request,
    SageMakerRuntimeError,
    SystemClock,
    Timeout,
    TransportError,
    __version__,
)
from sagemaker_runtime.cli.connection import add_connection, read_config
from sagemaker_runtime.cli.failures import NO_CONNECTION, USAGE, wording
from sagemaker_runtime.cli.terminal import escaped, has_colors, is_terminal, say

if TYPE_CHECKING:
    from argparse import Namespace

    from sagemaker_runtime import Config, Response
    from sagemaker_runtime.cli.parser import Parser

_SOURCES = {
    "env": "the environment",
    "shared-credentials-file": "the credentials file",
    "config-file": "the config file",
    "assume-role": "a role that the profile assumes",
    "assume-role-with-web-identity": "a role, by a web identity token",
    "sso": "IAM Identity Center (SSO)",
    "custom-process": "credential_process of the profile",
    "container-role": "the container's role",
    "iam-role": "the instance's role",
    "login": "aws login",
}
_LIMITS = Timeout(connect=5, read=10, total=15)
_LONG = 16  # characters of an access key id, at least
_MINUTE = 60  # seconds
_GOOD, _BAD = ("ok", "32"), ("!!", "31")  # the mark at the start of a line, and its color
_THIS = " ('sagemaker-runtime doctor' shows what is found)"  # advice for other commands


class _Finding(NamedTuple):
    subject: str
    text: str
    code: int = 0
    """The exit code that it asks for."""


def build(parser: Parser) -> None:
    """Add the options."""
    parser.describe(
        "[options]",
        "Show where region, credentials, endpoint, proxy and certificates come from, with secrets masked, and whether\n"
        "the endpoint answers. It requests /ping, unsigned; no model is called.",
        "%",
        "% --profile production --region eu-west-1",
    )
    add_connection(parser)


def run(given: Namespace) -> int:
    """Check everything, whatever is found on the way."""
    findings = [_Finding("version", f"sagemaker-runtime {__version__}")]
    _show(findings[0])
    try:
        config = read_config(given)
    except SageMakerRuntimeError as error:
        _show(_Finding("configuration", _text(error), USAGE))
        return USAGE
    endpoint, url = _endpoint(config)
    for finding in (_profile(given), _region(config), endpoint):
        findings.append(finding)
        _show(finding)
    findings += asyncio.run(_with_network(config, given, url))
    return max((finding.code for finding in findings), key=[0, NO_CONNECTION, USAGE].index)


async def _with_network(config: Config, given: Namespace, url: str | None) -> list[_Finding]:
    findings = [await _credentials(config, given)]
    _show(findings[0])
    try:
        http_client = AioHTTPClient(ca_bundle=config.ca_bundle)
    except SageMakerRuntimeError as error:
        findings.append(_Finding("certificates", _text(error), USAGE))
        _show(findings[-1])
        return findings
    try:
        for finding in (_certificates(config), _proxy(http_client, url)):
            findings.append(finding)
            _show(finding)
        findings += await _answers(http_client, url)
    finally:
        await http_client.close()
    return findings


def _show(finding: _Finding) -> None:
    mark, color = _BAD if finding.code else _GOOD
    if is_terminal(sys.stdout) and has_colors():
        mark = f"\x1b[{color}m{mark}\x1b[0m"
    say(f"{mark} {finding.subject:<13} {escaped(' '.join(finding.text.split()))}\n")


def _text(error: SageMakerRuntimeError) -> str:
    return wording(str(error))


def _source(config: Config, name: str) -> str:
    return wording(config.sources.get(name, ""))


def _profile(given: Namespace) -> _Finding:
    named = (
        ("--profile", given.profile),
        *((name, os.environ.get(name)) for name in ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")),
    )
    for source, name in named:
        if name and name.strip():
            return _Finding("profile", f"{name}, from {source}")
    return _Finding("profile", "default")


def _region(config: Config) -> _Finding:
    if config.region is not None:
        return _Finding("region", f"{config.region}, from {_source(config, 'region')}")
    advice = "none: give --region, set AWS_REGION, or write 'region = ...' into the profile in ~/.aws/config"
    return _Finding("region", advice, USAGE)


def _endpoint(config: Config) -> tuple[_Finding, str | None]:
    if config.base_endpoint is not None:
        url = config.base_endpoint
        return _Finding("endpoint", f"{url}, from {_source(config, 'base_endpoint')}"), url
    if config.region is None:
        return _Finding("endpoint", "not known without a region", USAGE), None
    try:
        url = DefaultEndpointResolver().resolve_endpoint(config.region, config.endpoint_options).url
    except SageMakerRuntimeError as error:
        return _Finding("endpoint", _text(error), USAGE), None
    switches = [
        name
        for name, is_on in (
            ("FIPS", config.endpoint_options.use_fips_endpoint),
            ("dual stack", config.endpoint_options.use_dual_stack_endpoint),
        )
        if is_on
    ]
    return _Finding("endpoint", f"{url}, AWS's for the region{', with '.join(['', *switches])}"), url


async def _credentials(config: Config, given: Namespace) -> _Finding:
    if given.no_sign_request:
        return _Finding("credentials", "none are used, because of --no-sign-request")
    try:
        found = await config.credentials.retrieve()
    except SageMakerRuntimeError as error:
        return _Finding("credentials", _text(error).removesuffix(_THIS), USAGE)
    source = _SOURCES.get(found.source or "", found.source or "an unknown source")
    text = f"{_masked(found.access_key_id)}, from {source}"
    if found.session_token is not None:
        text += ", with a session token"
    if found.expires_at is not None:
        text += f", for another {max(found.expires_at - SystemClock().now(), 0) / 60:.0f} min"
    return _Finding("credentials", text)


def _masked(access_key_id: str) -> str:
    """The last four characters, as ``aws configure list`` shows them; none of a short id."""
    return "*" * 16 + (access_key_id[-4:] if len(access_key_id) >= _LONG else "")


def _certificates(config: Config) -> _Finding:
    if config.ca_bundle is not None:
        return _Finding("certificates", f"{config.ca_bundle}, from {_source(config, 'ca_bundle')}")
    paths = ssl.get_default_verify_paths()
    found = [path for path in (paths.cafile, paths.capath) if path]  # either may be None
    named = [name for name in (paths.openssl_cafile_env, paths.openssl_capath_env) if os.environ.get(name)]
    if not found:
        return _Finding("certificates", "the system's, or botocore's where it has none")
    return _Finding(
        "certificates", f"{', '.join(found)}, {f'from {named[0]}' if named else 'where the system has them'}"
    )


def _proxy(http_client: AioHTTPClient, url: str | None) -> _Finding:
    if url is None:
        return _Finding("proxy", "not known without an endpoint", USAGE)
    try:
        proxy = http_client.proxy_for(url)
    except SageMakerRuntimeError as error:
        return _Finding("proxy", _text(error), USAGE)
    scheme = url.partition(":")[0]
    names = [name for base in (f"{scheme}_proxy", "all_proxy") for name in (base, base.upper())]
    variable = next((name for name in names if os.environ.get(name)), None)
    if proxy is None:
        return _Finding(
            "proxy",
            "none"
            if variable is None
            else f"none, though {variable} is set: NO_PROXY names the host, or it is this machine",
        )
    return _Finding("proxy", f"{proxy}, from {variable or 'the settings of the system'}")


async def _answers(http_client: AioHTTPClient, url: str | None) -> list[_Finding]:
    if url is None:
        return []
    clock, request = SystemClock(), Request("GET", headers=Headers({"content-length": "0"}))
    request.url = f"{url.rstrip('/')}/ping"
    started = clock.monotonic()
    try:
        response = await http_client.send(request, timeout=_LIMITS)
    except TransportError as error:
        findings = [_Finding("answers", _text(error), NO_CONNECTION)]
    except SageMakerRuntimeError as error:
        findings = [_Finding("answers", _text(error), USAGE)]
    else:
        response.close()
        milliseconds = (clock.monotonic() - started) * 1000
        findings = [_Finding("answers", f"HTTP {response.status} after {milliseconds:.0f} ms"), *_skew(response, clock)]
    for finding in findings:
        _show(finding)
    return findings


def _skew(response: Response, clock: SystemClock) -> list[_Finding]:
    """How far apart the clocks are; a difference of five minutes is enough for signatures to be refused."""
    from email.utils import parsedate_to_datetime

    try:
        ahead = clock.now() - parsedate_to_datetime(response.headers.get("date", "")).timestamp()
    except (TypeError, ValueError):
        return []
    if abs(ahead) < _MINUTE:
        return [_Finding("clock", "agrees with the endpoint's to the minute")]
    text = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the endpoint's; the client corrects for it"
    return [_Finding("clock", text)]
