"""What credentials are, the providers that need nothing but the process, and what never shows a secret."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
import subprocess
import sys

import pytest
from credentials.sources import bare_machine

from sagemaker_runtime import ConfigError, Credentials, CredentialsError, StaticCredentialsProvider
from sagemaker_runtime.credentials import (
    AnonymousCredentialsProvider,
    CredentialsProvider,
    DefaultCredentialsProvider,
    EnvironmentCredentialsProvider,
)

__all__ = ["bare_machine"]
pytestmark = pytest.mark.usefixtures("bare_machine")

FROM_THE_ENVIRONMENT = [EnvironmentCredentialsProvider, DefaultCredentialsProvider]


async def test_static_credentials_are_given_as_they_are_and_never_shown() -> None:
    """Both the provider and what it gives end up in reprs of options and in logs."""
    provider = StaticCredentialsProvider("AKID", "hush", "token-hush")

    credentials = await provider.retrieve()

    assert Credentials("AKID", "hush", "token-hush") == credentials
    assert credentials is provider.current()
    assert "Credentials(access_key_id='AKID')" == repr(credentials)
    assert "StaticCredentialsProvider('AKID')" == repr(provider)


def test_a_provider_with_a_secret_is_copied_but_not_pickled() -> None:
    """Options travel to worker processes and caches on disk; whoever means to send a secret pickles the credentials."""
    provider = StaticCredentialsProvider("AKID", "hush")
    credentials = Credentials("AKID", "hush", expires_at=7.5)

    assert provider is copy.deepcopy(provider)
    assert credentials == pickle.loads(pickle.dumps(credentials))  # noqa: S301 - made in this line
    with pytest.raises(TypeError, match="the pickle would contain the secret"):
        pickle.dumps(provider)


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("value", ["", "hush\n", " hush", "hu\x00sh", "hu\r\nsh", 5, b"hush"])
def test_a_value_that_is_no_credential_is_refused_and_not_shown(position: int, value: object) -> None:
    """The newline of a file is the usual mistake; signed with it, the service responds with a riddle."""
    values: list[object] = ["AKID", "secret", "token"]
    values[position] = value
    name = ("access_key_id", "secret_access_key", "session_token")[position]

    with pytest.raises(ConfigError, match=f"^{name} is empty, not a string, .*the value is not shown") as caught:
        StaticCredentialsProvider(*values)

    assert "hu" not in str(caught.value)


@pytest.mark.parametrize("value", [dt.datetime(2030, 1, 1, tzinfo=dt.UTC), "7", True, float("nan"), float("inf")])
def test_an_expiry_that_is_no_time_is_refused(value: object) -> None:
    """Compared with the clock, it would fail, or never come, long after whoever gave it is gone."""
    with pytest.raises(
        ConfigError, match=r"^expires_at is of type .* takes seconds since 1970, as in moment.timestamp"
    ):
        Credentials("AKID", "hush", expires_at=value)


async def test_anonymous_has_no_credentials_to_give() -> None:
    """Whoever signs all the same learns that this was asked for, and not that a key is missing."""
    provider = AnonymousCredentialsProvider()

    with pytest.raises(CredentialsError, match="its calls are sent unsigned"):
        await provider.retrieve()

    assert "AnonymousCredentialsProvider()" == repr(provider)


@pytest.mark.parametrize("kind", FROM_THE_ENVIRONMENT)
async def test_the_environment_is_read_each_time(
    kind: type[CredentialsProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client may be made before it is set, and a program that renews its keys sets them again."""
    provider = kind()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "")
    first = await provider.retrieve()

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OTHER")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")

    assert Credentials("AKID", "hush") == first
    assert Credentials("OTHER", "hush", "token") == await provider.retrieve()


@pytest.mark.parametrize("text", ["2030-01-01T00:00:00Z", "2030-01-01T01:00:00+01:00", "2030-01-01T00:00:00"])
async def test_the_environment_says_when_its_credentials_expire(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``aws configure export-credentials`` writes it; without a zone it is UTC, whatever the machine's."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", text)

    found = await EnvironmentCredentialsProvider().retrieve()

    assert 1_893_456_000.0 == found.expires_at


@pytest.mark.parametrize("kind", FROM_THE_ENVIRONMENT)
@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        (
            {"AWS_ACCESS_KEY_ID": "AKID"},
            "AWS_ACCESS_KEY_ID is set in the environment, but AWS_SECRET_ACCESS_KEY is not",
        ),
        (
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "hush"},
            "AWS_SECRET_ACCESS_KEY is set in the environment, but AWS_ACCESS_KEY_ID is not",
        ),
        ({"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "hush\n"}, "cannot be used: secret_access_key is"),
        (
            {
                "AWS_ACCESS_KEY_ID": "AKID",
                "AWS_SECRET_ACCESS_KEY": "hush",
                "AWS_CREDENTIAL_EXPIRATION": "hush",  # two lines swapped
            },
            "cannot be used: AWS_CREDENTIAL_EXPIRATION is not a time",
        ),
    ],
    ids=["no secret", "no key", "a newline at the end", "no time"],
)
async def test_an_environment_that_cannot_be_used_is_an_error_that_says_which_variable(
    kind: type[CredentialsProvider], environment: dict[str, str], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Going on to another source would sign as somebody else, which shows only in the bill."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(CredentialsError, match=complaint) as caught:
        await kind().retrieve()

    assert "hush" not in str(caught.value)
    assert caught.value.__context__ is None


async def test_an_empty_environment_is_an_error_for_the_provider_of_nothing_else() -> None:
    """It says what to set."""
    provider = EnvironmentCredentialsProvider()

    with pytest.raises(CredentialsError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        await provider.retrieve()

    assert "EnvironmentCredentialsProvider()" == repr(provider)


def test_keys_in_the_environment_are_found_without_botocore() -> None:
    """Importing it takes longer than the rest of a cold start."""
    code = (
        "import asyncio, os, sys\n"
        "os.environ.update(AWS_ACCESS_KEY_ID='AKID', AWS_SECRET_ACCESS_KEY='hush', AWS_PROFILE='nowhere')\n"
        "from sagemaker_runtime.credentials import CredentialsCache, DefaultCredentialsProvider\n"
        "print(asyncio.run(CredentialsCache(DefaultCredentialsProvider()).retrieve()).access_key_id)\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'botocore'])\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)  # noqa: S603

    assert "AKID\n[]\n" == done.stdout
