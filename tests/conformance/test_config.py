"""Where a configured endpoint URL comes from, against the cases of the Go SDK."""

from __future__ import annotations

import os

import pytest
from conformance.conftest import cases, tally
from support import ScriptedHTTPClient, options

from sagemaker_runtime import Client, InvokeEndpointInput, load_config, override

PRECEDENCE = cases(
    "endpoints/base-endpoint-precedence.json",
    lambda document: document["cases"],
    id=lambda case: case["id"].replace(" ", "-"),
)
AWS = "https://runtime.sagemaker.us-east-1.amazonaws.com"  # where a request goes that no configured URL leads elsewhere


def config_file(keys, *, ignore):
    """The shared file that says what the case's *keys* say: the profile's own, and those of its ``services`` section."""
    lines = ["[default]"]
    if ignore:
        lines += ["ignore_configured_endpoint_urls = true"]
    if "endpoint_url" in keys:
        lines += [f"endpoint_url = {keys['endpoint_url']}"]
    if "services.sagemaker_runtime.endpoint_url" in keys:
        url = keys["services.sagemaker_runtime.endpoint_url"]
        lines += ["services = mine", "[services mine]", "sagemaker_runtime =", f"  endpoint_url = {url}"]
    return "\n".join(lines)


@pytest.mark.parametrize("case", PRECEDENCE)
async def test_a_request_goes_to_the_url_configured_nearest(case, monkeypatch, tmp_path):
    """A URL left over in a shell or a file must not win over a nearer one, nor be used where all are to be ignored."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    (tmp_path / "config").write_text(config_file(case["config"], ignore=case.get("config_ignore", False)))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name, value in case.get("env", {}).items():
        monkeypatch.setenv(name, value)
    if case.get("env_ignore", False):
        monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    transport = ScriptedHTTPClient()
    functions = [override(base_endpoint=case["client"])] if "client" in case else []

    config = await load_config(region="us-east-1", credentials=options().credentials)
    sdk = Client.from_config(config, override(http_client=transport), *functions)
    await sdk.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b""))

    assert f"{case['expect'] or AWS}/endpoints/iris/invocations" == transport.requests[0].url


def test_every_case_of_the_precedence_runs():
    """A case that is dropped, or a new one that does not run, is noticed here."""
    assert tally(PRECEDENCE) == {"run": 7}
