"""The rules of credentials that botocore and smithy-python hold their own chains to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from conformance.conftest import cases, tally
from credentials.sources import ScriptedProvider, bare_machine, serve
from support import ManualClock

from sagemaker_runtime import BotocoreCredentialsProvider, Credentials, CredentialsError
from sagemaker_runtime.credentials import CredentialsCache, DefaultCredentialsProvider, EnvironmentCredentialsProvider

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["bare_machine"]
pytestmark = pytest.mark.usefixtures("bare_machine")

RULES = "credentials/credential-rules.json"
LEGACY_TOKEN = "AWS_SECURITY_TOKEN is a legacy name that newer SDKs do not read; botocore's chain still does"
HALF = "half a pair in the environment is an error here, whichever half, and never passed over"
NESTED = "a section in a section cannot be written for a key of botocore's"
MANDATORY = "there is one window: what is still valid is served, however short it is valid"


def of(group: str) -> Any:
    """A selection of the cases of one group."""
    return lambda document: [case for case in document["cases"] if case["group"] == group]


def variables(case: dict[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in case["env"].items()) or "nothing"


def not_our_environment(case: dict[str, Any]) -> str | None:
    if "AWS_SECURITY_TOKEN" in case["env"]:
        return LEGACY_TOKEN
    return HALF if case["expect"] == "provider skipped (both)" else None


ENVIRONMENT = cases(RULES, of("env"), id=variables, skip=not_our_environment)


@pytest.mark.parametrize("provider", [EnvironmentCredentialsProvider(), DefaultCredentialsProvider()], ids=str)
@pytest.mark.parametrize("case", ENVIRONMENT)
async def test_the_environment_is_read_as_botocore_reads_it(provider, case, monkeypatch):
    """With keys there, neither provider asks botocore, so the rules must be the same."""
    for name, value in case["env"].items():
        monkeypatch.setenv(name, value)
    expected = case["expect"]
    if expected == "not refreshable (empty = absent)":
        expected = {"access_key": "foo", "secret_key": "bar"}

    if isinstance(expected, dict):
        found = await provider.retrieve()
        assert Credentials(expected["access_key"], expected["secret_key"], expected.get("token")) == found
    else:
        complaint = "no AWS credentials" if expected is None else "AWS_SECRET_ACCESS_KEY is not; set both or neither"
        with pytest.raises(CredentialsError, match=complaint):
            await provider.retrieve()


PROFILES = cases(
    RULES,
    of("profile"),
    id=lambda case: case["expect"].replace(" ", "-"),
    skip=lambda case: NESTED if any(isinstance(value, dict) for value in (case["profile"] or {}).values()) else None,
)


@pytest.mark.parametrize("case", PROFILES)
async def test_a_profile_gives_its_keys_or_an_error(case, bare_machine: Path):
    """A profile that lacks a key was meant to have it."""
    keys = case["profile"]
    if keys is not None:
        lines = "".join(f"{name} = {value}\n" for name, value in keys.items())
        (bare_machine / "credentials").write_text(f"[default]\n{lines}")
    provider = DefaultCredentialsProvider()

    if keys is not None and "aws_secret_access_key" in keys:
        expected = Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"], keys.get("aws_session_token"))
        assert expected == await provider.retrieve()
    else:
        with pytest.raises(CredentialsError, match="no AWS credentials" if keys is None else "PartialCredentials"):
            await provider.retrieve()


SELECTION = cases(
    RULES, lambda document: [rule for case in of("profile selection")(document) for rule in case["rules"]], id=str
)
KEYS = "aws_access_key_id = {0}\naws_secret_access_key = {0}\n"


@pytest.mark.parametrize("rule", SELECTION)
async def test_the_profile_is_selected_by_the_rules_of_all_sdks(rule, bare_machine: Path, monkeypatch):
    """The wrong profile is the wrong account."""
    store = bare_machine / "credentials"
    match rule:
        case "explicit profile argument > AWS_PROFILE > 'default'":
            store.write_text("".join(f"[{name}]\n{KEYS.format(name)}" for name in ("default", "named", "given")))
            default = await BotocoreCredentialsProvider().retrieve()
            monkeypatch.setenv("AWS_PROFILE", "named")
            named = await BotocoreCredentialsProvider().retrieve()
            given = await BotocoreCredentialsProvider(profile="given").retrieve()
            assert ["default", "named", "given"] == [found.access_key_id for found in (default, named, given)]
        case "explicit or AWS_PROFILE naming an absent profile -> error naming the profile and where it came from":
            with pytest.raises(CredentialsError, match="nowhere"):
                await BotocoreCredentialsProvider(profile="nowhere").retrieve()
            monkeypatch.setenv("AWS_PROFILE", "elsewhere")
            with pytest.raises(CredentialsError, match="elsewhere"):
                await BotocoreCredentialsProvider().retrieve()
        case "implicit default absent -> no error":
            with pytest.raises(CredentialsError, match="no AWS credentials were found"):  # so the chain went on
                await BotocoreCredentialsProvider().retrieve()
        case "explicit profile='default' absent -> error":
            with pytest.raises(CredentialsError):
                await BotocoreCredentialsProvider(profile="default").retrieve()
        case "a profile only in the credentials file counts as present":
            store.write_text(f"[only]\n{KEYS.format('only')}")
            assert "only" == (await BotocoreCredentialsProvider(profile="only").retrieve()).access_key_id
        case "the files are read once and cached":
            store.write_text(f"[default]\n{KEYS.format('first')}")
            cache = CredentialsCache(DefaultCredentialsProvider())
            await cache.retrieve()
            store.unlink()
            assert "first" == (await cache.retrieve()).access_key_id
        case _:
            pytest.fail(f"a rule without a test: {rule}")


REFRESHES = cases(
    RULES,
    lambda document: [case for group in of("refresh")(document) for case in group["cases"]],
    id=lambda case: "-".join(str(value) for key, value in case.items() if key != "expect"),
    skip=lambda case: MANDATORY if case.get("refresh") == "fails" and 0 < case["lasts"] < case["mandatory"] else None,
)


@pytest.mark.parametrize("case", REFRESHES)
async def test_credentials_are_refreshed_when_botocore_would(case):
    """Whoever comes from botocore relies on the same moments: in the window, at the end, and when it fails."""
    provider = ScriptedProvider(ManualClock())
    cache = CredentialsCache(
        provider, expiry_window=case.get("advisory", 900.0), clock=provider.clock, draw=lambda: 0.0
    )
    await cache.retrieve()
    provider.clock.advance(3600.0 - max(case["lasts"], 0))

    if case["expect"].startswith("refreshed"):
        cache.current()
        task = next(iter(cache._tasks.values()))
        assert "token-2" == (await task).session_token
        assert "token-2" == cache.current().session_token
    elif case["expect"] == "old credentials kept, no error":
        provider.failure = CredentialsError("none")
        assert "token-1" == (await cache.retrieve()).session_token
        await next(iter(cache._tasks.values()))
        assert "token-1" == (await cache.retrieve()).session_token
    else:
        provider.failure = CredentialsError("none") if case.get("refresh") == "fails" else None
        provider.lasts = case["lasts"]
        with pytest.raises(CredentialsError, match="^none$" if provider.failure else "expired 2 s ago"):
            await cache.retrieve()


def loopback(document: dict[str, Any]) -> list[str]:
    (group,) = of("container")(document)
    return group["refused"]


REFUSED = cases(RULES, loopback, id=str)


@pytest.mark.parametrize("url", REFUSED)
async def test_a_container_endpoint_that_others_could_stand_in_for_is_not_asked(url, monkeypatch):
    """Over plain HTTP, whoever is on the way could hand out credentials of their own, or take the token."""
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)

    with pytest.raises(CredentialsError, match="credential chain failed: ValueError"):
        await DefaultCredentialsProvider().retrieve()


CONTAINER = cases(RULES, lambda document: of("container")(document)[0]["rules"], id=str, skip=lambda rule: (
    "the address that a relative URI stands for is not on loopback" if "RELATIVE_URI" in rule else None
))  # fmt: skip


@pytest.mark.parametrize("rule", CONTAINER)
async def test_a_container_endpoint_is_asked_by_the_rules_of_all_sdks(rule, bare_machine: Path, monkeypatch):
    """Its token lets whoever holds it act as the task."""
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)  # seconds between its tries
    keys = {"AccessKeyId": "AKID", "SecretAccessKey": "s", "Token": "t", "Expiration": "2999-01-01T00:00:00Z"}
    answers = "a token with invalid UTF-8" not in rule and "non-200" not in rule
    token = bare_machine / "token"
    with serve(lambda _: (200, json.dumps(keys) if answers else "no JSON")) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "of the environment")
        provider = DefaultCredentialsProvider()
        if answers:
            monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
            for text in ("first", "second"):
                token.write_text(text)
                await provider.retrieve()
            assert ["first", "second"] == [asked.headers["authorization"] for asked in server.asked]
        elif "UTF-8" in rule:
            monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
            for content in (b"\xff", b"with a\nnewline"):
                token.write_bytes(content)
                with pytest.raises(CredentialsError, match="credential chain failed"):
                    await provider.retrieve()
            assert [] == server.asked
        else:
            with pytest.raises(CredentialsError, match="CredentialRetrievalError from container-role") as caught:
                await provider.retrieve()
            assert len(server.asked) > 1
            assert "no JSON" not in str(caught.value)


OTHER = {
    "region": "the region is no part of credentials; the configuration's own tests have these rules",
    "max attempts / retry mode": "the retry options' own tests have these rules",
    "chain": "the order and the text of the chain are botocore's, which is used as it is",
    "imds": "options of the metadata client are botocore's; the token flow has a test with a server",
    "ini loader": "the parser of the shared files is botocore's, which is used as it is",
}
OTHERS = cases(
    RULES,
    lambda document: [case for case in document["cases"] if case["group"] in OTHER],
    id=lambda case: case["group"],
    skip=lambda case: OTHER[case["group"]],
)


def test_what_runs_and_what_is_skipped_is_counted():
    """A case that is new in the set, or is skipped by mistake, does not go unnoticed."""
    assert {
        "run": 30,
        LEGACY_TOKEN: 1,
        HALF: 1,
        NESTED: 1,
        MANDATORY: 1,
        "the address that a relative URI stands for is not on loopback": 1,
        **dict.fromkeys(OTHER.values(), 1),
    } == tally(ENVIRONMENT, PROFILES, SELECTION, REFRESHES, REFUSED, CONTAINER, OTHERS)
