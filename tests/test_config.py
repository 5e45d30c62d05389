"""`load_config`: what the environment and the shared files say."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import random
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, ConfiguredEndpointProvider
from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader
from botocore.session import Session
from support import ScriptedHTTPClient

from sagemaker_runtime import (
    Client,
    Config,
    ConfigError,
    Credentials,
    CredentialsError,
    DefaultCredentialsProvider,
    EndpointError,
    EndpointResolverOptions,
    InvokeEndpointAsyncOutput,
    Options,
    StaticCredentialsProvider,
    Timeout,
    config as module,
    load_config,
    override,
)
from sagemaker_runtime.option_rules import rules_of
from sagemaker_runtime.settings import Setting

LOADER = Loader()


@pytest.fixture(autouse=True)
def write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], int]:
    """A machine with shared files of its own; gives what writes the configuration file."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name == "REQUESTS_CA_BUNDLE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return (tmp_path / "config").write_text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the shared files and four of certificates in it."""
    for name in ("a.pem", "b.pem", "c.pem", "d.pem"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("argument", "environment", "region"),
    [
        ("ap-south-1", {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "ap-south-1"),
        (None, {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-1"),
        (None, {"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        (None, {"AWS_DEFAULT_REGION": " eu-west-2\n"}, "eu-west-2"),
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
    write("[default]\nregion = us-west-2\n[profile work]\nregion = sa-east-1\n[profile empty]\nregion =\n")
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


async def test_credentials_given_as_an_argument_are_those_of_the_client() -> None:
    """Who has a provider of his own still wants region and switches from the machine."""
    provider = StaticCredentialsProvider("AKID", "hush")

    assert provider is (await load_config(credentials=provider)).credentials


# The argument, the variable, the key; then the value where nothing is said, and as the configuration file, the credentials
# file, the environment and the argument say it.
PLACES: list[tuple[str, str, str, list[Any]]] = [
    ("region", "AWS_REGION", "region", [None, "eu-west-1", "eu-west-2", "eu-west-3", "eu-south-1"]),
    ("endpoint_url", "AWS_ENDPOINT_URL", "endpoint_url", [None, "https://a", "http://b", "https://c/d", "https://e:1"]),
    (
        "duplex_endpoint_url",
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME_HTTP2",
        "endpoint_url",
        [None, "https://a", "http://b", "https://c/d", "https://e:1"],
    ),
    (
        "s3_endpoint_url",
        "AWS_ENDPOINT_URL_S3",
        "endpoint_url",
        [None, "https://a", "http://b", "https://c/d", "https://e:1"],
    ),
    ("use_fips_endpoint", "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", [False, True, False, True, False]),
    (
        "use_dual_stack_endpoint",
        "AWS_USE_DUALSTACK_ENDPOINT",
        "use_dualstack_endpoint",
        [False, True, False, True, False],
    ),
    ("retry_mode", "AWS_RETRY_MODE", "retry_mode", [None, "adaptive", "standard", "adaptive", "standard"]),
    ("retry_max_attempts", "AWS_MAX_ATTEMPTS", "max_attempts", [None, 5, 1, 10, 2]),
    ("app_id", "AWS_SDK_UA_APP_ID", "sdk_ua_app_id", [None, "a", "b", "c", "d"]),
    ("ca_bundle", "AWS_CA_BUNDLE", "ca_bundle", [None, "a.pem", "b.pem", "c.pem", "d.pem"]),
    (
        "disable_clock_skew_correction",
        "AWS_DISABLE_CLOCK_SKEW_CORRECTION",
        "disable_clock_skew_correction",
        [False, True, False, True, False],
    ),
]


def said(config: Config, argument: str) -> Any:
    """What *config* has under the name of an argument of `load_config`."""
    found = {**attrs.asdict(config.endpoint_options), "endpoint_url": config.base_endpoint}
    found |= {"duplex_endpoint_url": config.duplex_base_endpoint}
    return found[argument] if argument in found else getattr(config, argument)


@pytest.mark.parametrize("nearest", range(5), ids=["nowhere", "config", "credentials", "environment", "argument"])
@pytest.mark.parametrize(("argument", "variable", "key", "values"), PLACES, ids=[place[0] for place in PLACES])
async def test_each_value_comes_from_the_nearest_place(
    *,
    argument: str,
    variable: str,
    key: str,
    values: list[Any],
    nearest: int,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Argument, environment, credentials file, configuration file: each hides those after it, a switch's false too."""
    for place, file in enumerate(("config", "credentials"), start=1):
        if place <= nearest:
            (folder / file).write_text(f"[default]\n{key} = {values[place]}\n")
    if nearest >= 3:
        monkeypatch.setenv(variable, str(values[3]))

    config = await load_config(**{argument: values[4]} if nearest == 4 else {})

    assert values[nearest] == said(config, argument)


@pytest.mark.parametrize(("argument", "variable", "key", "values"), PLACES, ids=[place[0] for place in PLACES])
async def test_an_empty_variable_is_as_good_as_none(
    *, argument: str, variable: str, key: str, values: list[Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compose files and manifests make empty ones; botocore would take it for false, and turn a profile's FIPS off."""
    monkeypatch.setenv(variable, " ")
    (folder / "config").write_text(f"[default]\n{key} = {values[1]}\n")

    assert values[1] == said(await load_config(), argument)


SWITCHES = [
    ("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
    ("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"),
    ("AWS_DISABLE_CLOCK_SKEW_CORRECTION", "disable_clock_skew_correction"),
    ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"),
]
REFUSED = [
    *((*switch, text, f"'{text}' is not one of true, false") for switch in SWITCHES for text in ("flase", "1", "yes")),
    *(
        ("AWS_MAX_ATTEMPTS", "max_attempts", text, f"'{text}' is not a whole number above 0")
        for text in ("0", "-1", "three", "1.5", "1_0", "\u0663", "1" * 5000)
    ),
    ("AWS_RETRY_MODE", "retry_mode", "fast", "'fast' is not one of standard, adaptive, legacy"),
    (
        "AWS_DEFAULTS_MODE",
        "defaults_mode",
        "quick",
        "'quick' is not one of legacy, standard, in-region, cross-region, mobile, auto",
    ),
    ("AWS_CA_BUNDLE", "ca_bundle", "/no/where.pem", "'/no/where.pem' is neither a file nor a directory"),
    ("REQUESTS_CA_BUNDLE", None, "/no/where.pem", "'/no/where.pem' is neither a file nor a directory"),
    ("AWS_ENDPOINT_URL", "endpoint_url", "local:80", "the URL 'local:80' is not absolute"),
    (
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME",
        None,
        "http://h/?q",
        "the endpoint 'http://h/?q' has a query, which would be lost",
    ),
]


@pytest.mark.parametrize(
    ("where", "name", "text", "problem"),
    [
        pytest.param(where, name, text, problem, id=f"{where}-{name}-{text[:14]}")
        for variable, key, text, problem in REFUSED
        for where, name in (("environment", variable), ("config", key), ("credentials", key))
        if name is not None
    ],
)
async def test_a_value_that_a_setting_does_not_take_is_refused_with_its_place(
    *, where: str, name: str, text: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To take `flase` for false, as botocore does, is a breach of compliance that nobody sees."""
    if where == "environment":
        monkeypatch.setenv(name, text)
        source = name
    else:
        title = "profile work" if where == "config" else "work"
        (tmp_path / where).write_text(f"[{title}]\n{name} = {text}\n")
        monkeypatch.setenv("AWS_PROFILE", "work")
        source = f"{name} of profile 'work' in {tmp_path / where}"

    with pytest.raises(ConfigError) as caught:
        await load_config(region="us-east-1")

    assert str(caught.value).startswith(f"{source}: {problem}")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"use_fips_endpoint": "false"}, r"use_fips_endpoint=...\) is of type str; it takes bool"),
        ({"use_dual_stack_endpoint": 1}, r"use_dual_stack_endpoint=...\) is of type int; it takes bool"),
        ({"retry_max_attempts": 0}, r"retry_max_attempts=...\): '0' is not a whole number above 0"),
        ({"retry_max_attempts": True}, r"retry_max_attempts=...\): 'True' is not a whole number above 0"),
        ({"retry_max_attempts": "3"}, r"retry_max_attempts=...\) is of type str; it takes int"),
        ({"region": 5}, r"region=...\) is of type int; it takes str"),
        ({"retry_mode": "fast"}, r"retry_mode=...\): 'fast' is not one of standard, adaptive, legacy"),
        ({"endpoint_url": "local:80"}, r"endpoint_url=...\): the URL 'local:80' is not absolute"),
        ({"ca_bundle": "/no/where.pem"}, r"ca_bundle=...\): '/no/where.pem' is neither a file nor a directory"),
    ],
)
async def test_an_argument_is_checked_as_the_machine_is(arguments: dict[str, Any], problem: str) -> None:
    """A program may pass on what it has read itself, and the string "false" is true."""
    with pytest.raises(ConfigError, match=rf"^load_config\({problem}"):
        await load_config(**arguments)


@pytest.mark.parametrize(("text", "mode"), [("legacy", "standard"), ("Adaptive", "adaptive")])
async def test_the_legacy_retry_mode_is_read_as_standard(text: str, mode: str, write: Callable[[str], int]) -> None:
    """It was botocore's default, so many files have it; it names no algorithm, and is no reason not to start."""
    write(f"[default]\nretry_mode = {text}\n")

    assert mode == (await load_config()).retry_mode


async def test_the_defaults_mode_sets_the_time_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's table, in milliseconds; ours is one limit for TCP and TLS. Nothing else of it concerns this client."""
    table = LOADER.load_data("sdk-default-configuration")
    expected = {"legacy": Timeout(), "auto": Timeout(connect=6.2)}
    for mode, changes in table["modes"].items():
        both = [
            changes.get(limit, {}).get("override", table["base"][limit])
            for limit in ("connectTimeoutInMillis", "tlsNegotiationTimeoutInMillis")
        ]
        expected[mode] = Timeout(connect=sum(both) / 1000)

    found = {}
    for mode in expected:
        monkeypatch.setenv("AWS_DEFAULTS_MODE", mode)
        found[mode] = (await load_config()).timeout

    assert expected == found


@pytest.mark.parametrize(
    ("environment", "keys", "path"),
    [
        ({"AWS_CA_BUNDLE": "a.pem", "REQUESTS_CA_BUNDLE": "c.pem"}, "ca_bundle = b.pem", "a.pem"),
        ({"REQUESTS_CA_BUNDLE": "c.pem"}, "ca_bundle = b.pem", "b.pem"),
        ({"REQUESTS_CA_BUNDLE": "c.pem"}, "", "c.pem"),
        ({"REQUESTS_CA_BUNDLE": "."}, "", "."),
    ],
)
async def test_the_variable_of_requests_is_the_last_to_name_certificates(
    environment: dict[str, str], keys: str, path: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Botocore reads it, so companies set it; it may name a directory too."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (folder / "config").write_text(f"[default]\n{keys}\n")

    assert path == (await load_config()).ca_bundle


@pytest.mark.parametrize("nearest", range(6), ids=["nowhere", "profile", "services", "all", "service", "argument"])
@pytest.mark.parametrize(
    ("service", "argument", "said_as"),
    [
        ("sagemaker_runtime", "endpoint_url", "base_endpoint"),
        ("sagemaker_runtime_http2", "duplex_endpoint_url", "duplex_base_endpoint"),
        ("s3", "s3_endpoint_url", "s3_endpoint_url"),
    ],
)
async def test_the_url_comes_from_the_nearest_place(
    service: str,
    argument: str,
    said_as: str,
    nearest: int,
    write: Callable[[str], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The order of the AWS SDKs, in which the variable for all services hides the file's for this one."""
    urls = [None, "http://profile", "http://services", "http://all", "http://service", "http://argument"]
    profile = f"endpoint_url = {urls[1]}" if nearest >= 1 else ""
    services = f"[services mine]\n{service} =\n  endpoint_url = {urls[2] if nearest >= 2 else ''}"
    write(f"[default]\n{profile}\nservices = mine\n{services}\n")
    for place, variable in ((3, "AWS_ENDPOINT_URL"), (4, f"AWS_ENDPOINT_URL_{service.upper()}")):
        if place <= nearest:
            monkeypatch.setenv(variable, str(urls[place]))

    config = await load_config(**{argument: urls[5]} if nearest == 5 else {})

    assert urls[nearest] == getattr(config, said_as)


@pytest.mark.parametrize("where", ["environment", "file"])
async def test_configured_urls_can_be_ignored_but_not_the_arguments(
    where: str, write: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The switch is for what lies around on a machine; who names a URL in code means it."""
    ignore = "ignore_configured_endpoint_urls = true\n" if where == "file" else ""
    if where == "environment":
        monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    write(f"[default]\nendpoint_url = http://a\nservices = gone\n{ignore}")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://b")

    ignored = await load_config()
    given = await load_config(endpoint_url="http://c", s3_endpoint_url="http://d")

    assert (None, None) == (ignored.base_endpoint, ignored.s3_endpoint_url)
    assert ("http://c", "http://d") == (given.base_endpoint, given.s3_endpoint_url)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            "[default]\nservices = local\n",
            "services of profile 'default' in {path}: there is no section [services local] in the config file",
        ),
        (
            "[default]\nservices = local\n[services local]\nsagemaker_runtime = http://h\n",
            "sagemaker_runtime of [services local] in {path} is a single value; it takes indented lines",
        ),
        (
            "[default]\nservices = local\n[services local]\nsagemaker_runtime =\n  endpoint_url = h\n",
            "endpoint_url of sagemaker_runtime of [services local] in {path}: the URL 'h' is not absolute",
        ),
        (
            "[default]\nservices = local\n[services local]\ns3 = http://h\n",
            "s3 of [services local] in {path} is a single value; it takes indented lines",
        ),
        (
            "[default]\nregion =\n  name = eu-west-1\n",
            "region of profile 'default' in {path} is a section; it takes a value on the same line",
        ),
    ],
    ids=["no-section", "no-lines", "no-url", "no-lines-of-s3", "no-value"],
)
async def test_a_section_in_the_wrong_place_is_refused(
    content: str, problem: str, write: Callable[[str], int], tmp_path: Path
) -> None:
    """Botocore raises AttributeError for some of these, and sends the request elsewhere for others."""
    write(content)

    with pytest.raises(ConfigError) as caught:
        await load_config()

    assert str(caught.value).startswith(problem.format(path=tmp_path / "config"))


async def test_a_services_section_may_be_about_other_services(write: Callable[[str], int]) -> None:
    """One section serves a profile's every client, so that this service is not in it is no mistake."""
    write(
        "[default]\nservices = local\nendpoint_url = http://all\n[services local]\ns3 =\n  endpoint_url = http://s3\n"
    )

    config = await load_config()

    assert ("http://all", "http://s3") == (config.base_endpoint, config.s3_endpoint_url)


async def test_a_url_of_s3_beside_fips_is_no_error_until_a_result_is_waited_for(
    write: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is set for other programs on most machines, and who fetches no results would be kept from starting."""
    write("[default]\nuse_fips_endpoint = true\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://localhost:9000")
    config = await load_config(region="us-east-1", credentials=StaticCredentialsProvider("AKID", "hush"))
    client = Client.from_config(config, override(http_client=ScriptedHTTPClient()))

    with pytest.raises(ConfigError, match="endpoint_url and FIPS or dual stack exclude each other"):
        await client.wait_for_output(InvokeEndpointAsyncOutput(output_location="s3://bucket/out"))


@pytest.mark.parametrize(("key", "name"), [("use_fips_endpoint", "FIPS"), ("use_dualstack_endpoint", "dual stack")])
async def test_an_endpoint_beside_fips_or_dual_stack_is_refused_with_both_places(
    key: str, name: str, write: Callable[[str], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one is often in a file and the other in a shell, and who sees only one of them cannot resolve it."""
    write(f"[default]\n{key} = true\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")

    with pytest.raises(ConfigError) as caught:
        await load_config()

    place = f"{key} of profile 'default' in {tmp_path / 'config'}"
    assert str(caught.value).startswith(
        f"AWS_ENDPOINT_URL sets an endpoint and {place} turns on {name}, which exclude each other"
    )


def test_a_config_written_with_an_endpoint_and_fips_makes_no_client() -> None:
    """What `load_config` refuses, a program may still write down; the client is the next to see it."""
    config = Config(base_endpoint="http://h", endpoint_options=EndpointResolverOptions(use_fips_endpoint=True))

    with pytest.raises(EndpointError, match="base_endpoint and FIPS exclude each other"):
        Client.from_config(config)


SECRET = "wJalrXUtnFEMI"


@pytest.mark.parametrize("file", ["config", "credentials"])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (f"aws_secret_access_key = {SECRET}\n".encode(), "MissingSectionHeaderError in line 1"),
        (f"[default]\naws_secret_access_key {SECRET}\n".encode(), "ParsingError in line 2"),
        (f"[default]\na = 1\na = {SECRET}\n".encode(), "DuplicateOptionError in line 3"),
        (f"[default]\ns3 =\n  {SECRET}\n".encode(), "ValueError"),
    ],
    ids=["no-section", "no-value", "twice", "nested"],
)
async def test_a_file_that_cannot_be_parsed_is_named_without_its_content(
    content: bytes, problem: str, file: str, tmp_path: Path
) -> None:
    """The parser's own words quote the line; and half a file is no configuration, whatever the arguments say."""
    (tmp_path / file).write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        await load_config(region="us-east-1", credentials=StaticCredentialsProvider("AKID", "hush"))

    assert f"{tmp_path / file} cannot be parsed: {problem}" == str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.skipif(
    not Path("/proc/self/mem").is_file(), reason="needs a file that nobody can read: Linux's own memory"
)
async def test_a_file_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore takes it for an empty one, and the FIPS in it is lost."""
    monkeypatch.setenv("AWS_CONFIG_FILE", "/proc/self/mem")

    with pytest.raises(ConfigError, match=r"^/proc/self/mem cannot be read: Input/output error$"):
        await load_config(region="us-east-1")


@pytest.mark.parametrize(
    ("argument", "environment", "source"),
    [
        ("nowhere", {"AWS_PROFILE": "default"}, r"load_config\(profile=...\)"),
        (None, {"AWS_PROFILE": "nowhere"}, "AWS_PROFILE"),
        (None, {"AWS_DEFAULT_PROFILE": "nowhere", "AWS_PROFILE": "default"}, "AWS_DEFAULT_PROFILE"),
    ],
)
async def test_a_missing_profile_is_refused_even_when_nothing_is_asked_of_it(
    *,
    argument: str | None,
    environment: dict[str, str],
    source: str,
    write: Callable[[str], int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Region and switches from elsewhere must not hide a misspelt profile. botocore's variable comes first, as there."""
    write("[default]\n")
    for name, value in {**environment, "AWS_USE_FIPS_ENDPOINT": "false"}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigError, match=rf"^{source}: there is no profile 'nowhere' in {tmp_path / 'config'}$"):
        await load_config(region="us-east-1", profile=argument)


async def test_a_profile_without_any_file_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there to be read; a container that was given the variable and not the files should say so."""
    monkeypatch.setenv("AWS_PROFILE", "work")

    with pytest.raises(
        ConfigError, match=r"^AWS_PROFILE: there is no profile 'work' because there are no shared files$"
    ):
        await load_config(region="us-east-1")


async def test_a_file_is_read_even_when_region_and_keys_come_from_elsewhere(write: Callable[[str], int]) -> None:
    """To drop FIPS because the keys are in the environment would be a breach of compliance that nobody sees."""
    write("[default]\nuse_fips_endpoint = true\n")

    config = await load_config(region="us-east-1", credentials=StaticCredentialsProvider("AKID", "hush"))

    assert EndpointResolverOptions(use_fips_endpoint=True) == config.endpoint_options


@pytest.mark.parametrize(
    ("variable", "path"),
    [(None, ".aws/config"), ("~/own", "own"), ("$HOME/own", "own"), ("/no/where", None)],
)
async def test_the_configuration_file_is_found_where_botocore_finds_it(
    variable: str | None, path: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its chain reads the credentials, so both must mean the same file; one that is not there is not an error."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    for place in (".aws/config", "own"):
        (tmp_path / place).write_text(f"[default]\nregion = {place}\n")
    if variable is None:
        monkeypatch.delenv("AWS_CONFIG_FILE")
    else:
        monkeypatch.setenv("AWS_CONFIG_FILE", variable)

    assert path == Session().get_config_variable("region")
    assert path == (await load_config()).region


@pytest.mark.parametrize(("file", "loaded"), [(False, []), (True, ["botocore", "botocore.configloader"])])
def test_botocore_is_imported_only_where_there_is_a_file_to_parse(
    *, file: bool, loaded: list[str], write: Callable[[str], int], tmp_path: Path
) -> None:
    """Its session costs a cold start 160 ms, its parser 28; a function in Lambda has no shared files and needs neither."""
    if file:
        write("[default]\n")
    code = (
        "import asyncio, sys; from sagemaker_runtime import Client, load_config\n"
        "Client.from_config(asyncio.run(load_config()))\n"
        "print([name for name in ('botocore', 'botocore.configloader', 'botocore.session', 'botocore.credentials')"
        " if name in sys.modules])"
    )
    keys = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_REGION": "us-east-1"}

    found = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **keys, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert loaded == json.loads(found.stdout.replace("'", '"'))


async def test_it_reads_in_a_thread_while_all_of_the_loops_own_are_taken(
    monkeypatch: pytest.MonkeyPatch, full_executor: None
) -> None:
    """
    A home directory on a slow network file system must not hold the other tasks of the loop. And a tool that runs in
    the loop's executor may wait for what this loads.
    """
    threads: list[int] = []
    read = module._read_machine
    monkeypatch.setattr(
        module, "_read_machine", lambda profile: (threads.append(threading.get_ident()), read(profile))[1]
    )

    async with asyncio.timeout(60):
        await load_config()

    assert 1 == len(threads)
    assert threading.get_ident() not in threads


def test_the_documentation_has_every_setting() -> None:
    """Its table is what users act on, and a variable that is read and not in it is found by accident."""
    text = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text(encoding="utf-8")
    settings = [value for value in vars(module).values() if isinstance(value, Setting)]
    settings += [rule.setting for rule in rules_of(Config).values() if rule.setting is not None]
    names = {name for one in settings for name in (*one.variables, one.key, one.argument) if name}
    names |= set(inspect.signature(load_config).parameters)

    assert len(settings) > 10
    assert [] == sorted(name for name in names if f"`{name}`" not in text)


def test_a_config_without_anything_gives_the_options_of_a_client_without_options() -> None:
    """A program may write one down instead of loading it, and what it leaves out is the client's own default."""
    shared = attrs.fields_dict(Config).keys() & attrs.fields_dict(Options).keys() - {"credentials"}

    options = Config().options()

    assert {name: getattr(Options(), name) for name in shared} == {name: getattr(options, name) for name in shared}


def test_the_options_of_a_config_have_all_its_values() -> None:
    """A value that is found and not passed on is worse than one that is not looked for."""
    config = Config(
        region="us-east-1",
        credentials=StaticCredentialsProvider("AKID", "hush"),
        endpoint_options=EndpointResolverOptions(use_fips_endpoint=True),
        base_endpoint="http://h",
        duplex_base_endpoint="http://d",
        s3_endpoint_url="http://s",
        retry_mode="adaptive",
        retry_max_attempts=7,
        timeout=Timeout(connect=1.5),
        app_id="shop",
        ca_bundle="/etc/ssl/cert.pem",
        disable_clock_skew_correction=True,
    )
    values = {field.name: getattr(config, field.name) for field in attrs.fields(Config) if field.name != "sources"}

    options = config.options()

    assert [] == [name for name, value in values.items() if value == getattr(Config(), name)]
    assert values.keys() - {"ca_bundle"} == values.keys() & attrs.fields_dict(Options).keys()
    assert {name: value for name, value in values.items() if name != "ca_bundle"} == {
        name: getattr(options, name) for name in values if name != "ca_bundle"
    }


async def test_a_config_says_where_each_value_was_found(
    write: Callable[[str], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sees a wrong region wants to know which of five places to correct; a default has none."""
    write("[default]\nregion = eu-west-1\nsdk_ua_app_id = shop\n")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")

    config = await load_config(endpoint_url="http://localhost:8080")

    assert {
        "region": f"region of profile 'default' in {tmp_path / 'config'}",
        "app_id": f"sdk_ua_app_id of profile 'default' in {tmp_path / 'config'}",
        "retry_max_attempts": "AWS_MAX_ATTEMPTS",
        "base_endpoint": "load_config(endpoint_url=...)",
    } == config.sources


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


VALUES = {
    "region": ["eu-west-1", "us-east-2", "ap-south-1"],
    "use_fips_endpoint": ["true", "false", "True", "FALSE"],
    "use_dualstack_endpoint": ["true", "false"],
    "sdk_ua_app_id": ["shop", "till"],
    "retry_mode": ["standard", "adaptive"],
    "max_attempts": ["1", "2", "07", "40"],
    "endpoint_url": ["http://localhost:1", "https://all.example/base"],
    "ignore_configured_endpoint_urls": ["true", "false"],
    "services": ["local", "local", "local", "other", "gone"],
}
VARIABLES = {
    "AWS_REGION": VALUES["region"],
    "AWS_DEFAULT_REGION": VALUES["region"],
    "AWS_USE_FIPS_ENDPOINT": VALUES["use_fips_endpoint"],
    "AWS_USE_DUALSTACK_ENDPOINT": VALUES["use_dualstack_endpoint"],
    "AWS_SDK_UA_APP_ID": ["basket"],
    "AWS_RETRY_MODE": VALUES["retry_mode"],
    "AWS_MAX_ATTEMPTS": ["3", "9"],
    "AWS_ENDPOINT_URL": ["http://localhost:2"],
    "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": ["http://localhost:3"],
    "AWS_ENDPOINT_URL_S3": ["http://localhost:5"],
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": VALUES["ignore_configured_endpoint_urls"],
    "AWS_PROFILE": ["default", *["work"] * 8, "nowhere"],
    "AWS_DEFAULT_PROFILE": ["default", "work"],
}
SERVICES = (
    "[services local]\nsagemaker_runtime =\n  endpoint_url = http://localhost:4\n"
    "[services other]\ns3 =\n  endpoint_url = http://localhost:6\n"
)


def asked_of_botocore(profile: str | None) -> dict[str, Any] | None:
    """What a client of botocore would have of the machine; None if it refuses to be made, or to send."""
    session = Session(profile=profile)
    session.register_component("data_loader", LOADER)
    try:
        region = session.get_config_variable("region")
        client = session.create_client("sagemaker-runtime", region_name=region or "us-east-1")
        s3_url = duplex_url = None
        if not session.get_config_variable("ignore_configured_endpoint_urls"):
            s3_url = ConfiguredEndpointProvider(session.full_config, session.get_scoped_config(), "s3").provide()
            # It has no model of the service, and finds its URL by the name all the same.
            duplex_url = ConfiguredEndpointProvider(
                session.full_config, session.get_scoped_config(), "sagemaker-runtime-http2"
            ).provide()
    except BotoCoreError:
        return None
    config, url = client.meta.config, client.meta.endpoint_url
    custom = None if "amazonaws" in url or "api.aws" in url else url
    if custom is not None and (config.use_fips_endpoint or config.use_dualstack_endpoint):
        return None  # its rules refuse every call: "Invalid Configuration: FIPS and custom endpoint are not supported"
    return {
        "region": region,
        "use_fips_endpoint": bool(config.use_fips_endpoint),
        "use_dual_stack_endpoint": bool(config.use_dualstack_endpoint),
        "endpoint_url": custom,
        "duplex_endpoint_url": duplex_url,
        "s3_endpoint_url": s3_url,
        "app_id": config.user_agent_appid,
        "retry_mode": config.retries["mode"],
        "retry_max_attempts": config.retries.get("total_max_attempts"),
    }


@pytest.mark.parametrize("seed", range(300))
async def test_a_machine_says_the_same_to_botocore(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A user's machine is set up for botocore and the CLI, so what differs from them must be on purpose.

    Three things do, on these machines: AWS_REGION comes first; an empty variable is as good as none; and a retry mode
    that nothing names is left to the client.
    """
    dice = random.Random(seed)
    # Where a switch meets a URL there is nothing to compare, so most machines say nothing of the one or the other.
    unsaid = dice.choice([("fips", "dualstack"), ("fips", "dualstack"), ("endpoint_url", "services"), ()])

    def drawn(choices: dict[str, list[str]], share: float) -> dict[str, str]:
        said_of = [name for name in choices if not any(word in name.lower() for word in unsaid)]
        return {name: dice.choice(choices[name]) for name in said_of if dice.random() < share}

    def section(title: str) -> str:
        return "\n".join([f"[{title}]", *(f"{key} = {value}" for key, value in drawn(VALUES, 0.3).items()), ""])

    for file, prefix in (("config", "profile "), ("credentials", "")):
        if dice.random() < 0.7:
            text = section("default") + section(f"{prefix}work") + (SERVICES if file == "config" else "")
            (tmp_path / file).write_text(text)
    environment = drawn(VARIABLES, 0.25)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    profile = dice.choice([None, None, None, "work"])
    expected = asked_of_botocore(profile)
    for name in VARIABLES.keys() - environment.keys() - {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}:
        monkeypatch.setenv(name, "")

    try:
        config = await load_config(profile=profile)
    except ConfigError:
        found = None
    else:
        found = {name: said(config, name) for name in expected or ("region",)}

    if expected is not None:
        expected["region"] = environment.get("AWS_REGION", expected["region"])
        if found is not None and found["retry_mode"] is None:
            found["retry_mode"] = BOTOCORE_DEFAUT_SESSION_VARIABLES["retry_mode"][2]
    assert expected == found


@pytest.mark.parametrize(
    "variables", [["AWS_PROFILE"], ["AWS_DEFAULT_PROFILE"], ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"]]
)
@pytest.mark.parametrize("blank", ["", " "])
async def test_an_empty_profile_is_the_default_one(
    variables: list[str], blank: str, write: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker Compose and CI make of ``${AWS_PROFILE:-}`` an empty one, and so may a program of its own setting."""
    write("[default]\nregion = eu-west-1\n[profile work]\nregion = us-west-2\n")
    for name in variables:
        monkeypatch.setenv(name, blank)

    assert "eu-west-1" == (await load_config()).region == (await load_config(profile=blank)).region
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert "us-west-2" == (await load_config()).region


@pytest.mark.parametrize("variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
async def test_an_empty_path_is_the_usual_one(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not read may hold the FIPS that the law asks for; who wants none names /dev/null."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(variable, "")
    (tmp_path / ".aws").mkdir()
    name = "config" if variable == "AWS_CONFIG_FILE" else "credentials"
    (tmp_path / ".aws" / name).write_text("[default]\nregion = eu-west-1\n")

    assert "eu-west-1" == (await load_config()).region


ENCODINGS = {
    "UTF-8 with a mark": (b"\xef\xbb\xbf[default]\nregion = eu-west-1\n", "is in UTF-8 with a byte order mark"),
    "a mark alone": (b"\xef\xbb\xbf", "is in UTF-8 with a byte order mark"),
    "UTF-16": ("[default]\nregion = eu-west-1\n".encode("utf-16"), "is in UTF-16 with a byte order mark"),
    "UTF-16, big endian": (
        b"\xfe\xff" + "[default]\nregion = eu-west-1\n".encode("utf-16-be"),
        "is in UTF-16 with a byte order mark",
    ),
    "UTF-32": ("[default]\nregion = eu-west-1\n".encode("utf-32"), "is in UTF-32 with a byte order mark"),
    "UTF-16 without a mark": ("[default]\nregion = x\n".encode("utf-16-le"), "has zero bytes, like UTF-16"),
    "the other without a mark": (
        "[default]\nregion = x\n".encode("utf-16-be"),
        "has zero bytes, like UTF-16",
    ),
    "Latin-1": (
        "[default]\nregion = x\n# für München\n".encode("latin-1"),
        "is not text in UTF-8 in line 3, but perhaps in Latin-1 or Windows-1252",
    ),
}


@pytest.mark.parametrize("file", ["config", "credentials"])
@pytest.mark.parametrize(("content", "problem"), ENCODINGS.values(), ids=ENCODINGS)
async def test_a_file_that_botocore_cannot_decode_is_named_with_its_encoding(
    content: bytes, problem: str, file: str, tmp_path: Path
) -> None:
    """
    Notepad and PowerShell write such, and the parser's own words would not say what to do.

    UTF-16 without a mark it takes for a file without profiles. Keys from elsewhere change nothing, and the chain says
    the same where no configuration was loaded.
    """
    (tmp_path / file).write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        await load_config(credentials=StaticCredentialsProvider("AKID", "hush"))
    with pytest.raises(CredentialsError) as of_chain:
        await DefaultCredentialsProvider().retrieve()

    assert str(caught.value).startswith(f"{tmp_path / file} {problem}")
    assert str(caught.value).endswith("; save it as UTF-8 without a byte order mark (BOM)")
    assert str(caught.value) in str(of_chain.value)


@pytest.mark.parametrize(("encoding", "letter"), [("ascii", "ü"), ("cp1252", "\N{LATIN CAPITAL LETTER A WITH ACUTE}")])
async def test_in_a_locale_that_is_not_utf_8_a_file_in_utf_8_is_not_called_latin_1(
    encoding: str, letter: str, write: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows, or under LC_ALL=C: to save it as UTF-8, which it is, would help nobody."""
    write(f"[default]\nregion = eu-west-1\n# {letter}\n")
    monkeypatch.setattr("locale.getpreferredencoding", lambda do_setlocale: encoding)

    expected = (
        f"is in UTF-8, .* read it as {encoding.upper()}, .* fails in line 3; set PYTHONUTF8=1, or write that line"
    )
    with pytest.raises(ConfigError, match=expected):
        await load_config()


async def test_letters_beyond_ascii_are_read_in_utf_8(write: Callable[[str], int]) -> None:
    """A comment in one's own language is no reason to refuse a file."""
    write("# für München \N{SNOWMAN}\n[default]\nregion = eu-west-1\n")

    assert "eu-west-1" == (await load_config()).region
