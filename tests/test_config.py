"""`load_config`: what the environment and the shared files say."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from support import ScriptedHTTPClient

from sagemaker_runtime import (
    Client,
    Config,
    ConfigError,
    Credentials,
    EndpointResolverOptions,
    StaticCredentialsProvider,
    load_config,
    override,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], int]:
    """A machine with shared files of its own; gives what writes the configuration file."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return (tmp_path / "config").write_text


@pytest.mark.parametrize(
    ("argument", "environment", "region"),
    [
        ("ap-south-1", {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "ap-south-1"),
        (None, {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-1"),
        (None, {"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        (None, {"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        (None, {}, "us-west-2"),
        (None, {"AWS_PROFILE": "work"}, "sa-east-1"),
        (None, {"AWS_PROFILE": "empty"}, None),
    ],
)
async def test_the_region_comes_from_the_nearest_place(
    argument: str | None,
    environment: dict[str, str],
    region: str | None,
    write: Callable[[str], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Argument, AWS_REGION (which botocore does not read, and Lambda sets), AWS_DEFAULT_REGION, the profile."""
    write("[default]\nregion = us-west-2\n[profile work]\nregion = sa-east-1\n[profile empty]\n")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert region == (await load_config(region=argument)).region


async def test_an_argument_names_the_profile(write: Callable[[str], int], monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes before AWS_PROFILE, and the credentials are of the same profile."""
    write(
        "[profile other]\nregion = us-west-2\n"
        "[profile work]\nregion = sa-east-1\naws_access_key_id = W\naws_secret_access_key = w\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "other")

    config = await load_config(profile="work")

    assert config.region == "sa-east-1"
    assert await config.credentials.retrieve() == Credentials("W", "w")


@pytest.mark.parametrize("where", ["environment", "file"])
@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False), ("True", True)])
@pytest.mark.parametrize(
    ("variable", "key", "attribute"),
    [
        ("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", "use_fips_endpoint"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint", "use_dual_stack_endpoint"),
    ],
)
async def test_fips_and_dual_stack_are_read_where_botocore_reads_them(
    *,
    where: str,
    text: str,
    value: bool,
    variable: str,
    key: str,
    attribute: str,
    write: Callable[[str], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To miss FIPS would be a breach of compliance that nobody sees, even where the region comes as an argument."""
    if where == "environment":
        monkeypatch.setenv(variable, text)
    else:
        write(f"[default]\n{key} = {text}\n")

    config = await load_config(region="us-east-1")

    assert EndpointResolverOptions(**{attribute: value}) == config.endpoint_options


@pytest.mark.parametrize(("content", "profile"), [("[default]\n", "nowhere"), ("no section = 1\n", None)])
async def test_a_file_that_cannot_be_used_is_a_config_error(
    content: str, profile: str | None, write: Callable[[str], int]
) -> None:
    """A missing profile and a file that cannot be parsed, both with botocore's own words."""
    write(content)

    with pytest.raises(ConfigError, match=r"the AWS configuration cannot be read: .*(nowhere|config)"):
        await load_config(profile=profile)


async def test_a_missing_profile_is_told_even_when_nothing_else_is_asked_of_it(
    write: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A region from the argument and switches from the environment must not hide a misspelt profile."""
    write("[default]\n")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "false")
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "false")

    with pytest.raises(ConfigError, match="nowhere"):
        await load_config(region="us-east-1", profile="nowhere")


def test_a_config_without_anything_is_a_config() -> None:
    """A program may write one down instead of loading it."""
    config = Config()

    assert config.region is None
    assert EndpointResolverOptions() == config.options().endpoint_options


async def test_a_client_of_a_config_has_its_values_and_the_functions_come_after() -> None:
    """`from_config` is `NewFromConfig`: the configuration first, then what the caller changes."""
    config = Config(
        region="us-east-1",
        credentials=StaticCredentialsProvider("AKID", "hush"),
        endpoint_options=EndpointResolverOptions(use_fips_endpoint=True),
    )
    transport = ScriptedHTTPClient()

    client = Client.from_config(config, override(region="eu-west-1", http_client=transport))

    assert client.options.region == "eu-west-1"
    assert config.credentials is client.options.credentials
    assert config.endpoint_options == client.options.endpoint_options
    assert transport is client.options.http_client
