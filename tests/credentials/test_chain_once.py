"""botocore's chain as it is gone through here: each source asked once, errors that say what is wrong, empty variables."""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.credentials import RefreshableCredentials
from credentials.sources import Asked, bare_machine, serve

from sagemaker_runtime import BotocoreCredentialsProvider, CredentialsError, load_config
from sagemaker_runtime.credentials import DefaultCredentialsProvider
from sagemaker_runtime.credentials.botocore_chain import settle

__all__ = ["bare_machine"]

SECRET = "hush-0123456789"
ROLE = "role_arn = arn:aws:iam::123456789012:role/x\n"
SHORT = [10.0, 60.0, 599.0, 899.0, 1000.0]  # seconds to live; botocore refreshes at 600 and at 900
LONG_AGO = "2020-01-01T00:00:00Z"


def in_iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def process(folder: Path, expiration: str | None, name: str = "process.sh") -> Path:
    """A credential process that notes each of its runs."""
    document = {"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": SECRET, "SessionToken": "token"}
    if expiration is not None:
        document["Expiration"] = expiration
    script = folder / name
    script.write_text(f"#!/bin/sh\necho run >> {folder}/runs\necho '{json.dumps(document)}'\n")
    script.chmod(0o755)
    return script


def runs(folder: Path) -> int:
    return len((folder / "runs").read_text().split())


def role_credentials(expires_at: float) -> str:
    """What STS sends."""
    return (
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>"
        f"<SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>token</SessionToken>"
        f"<Expiration>{in_iso(expires_at)}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )


def container_credentials(expires_at: float | str) -> str:
    """What a container's endpoint sends."""
    expiration = expires_at if isinstance(expires_at, str) else in_iso(expires_at)
    found = {"AccessKeyId": "AKID", "SecretAccessKey": SECRET, "Token": "token", "Expiration": expiration}
    return json.dumps(found)


async def failure(profile: str | None = None) -> str:
    """What is said of a chain that fails; the secret is in nothing of it."""
    with pytest.raises(CredentialsError) as caught:
        await BotocoreCredentialsProvider(profile=profile, region="us-east-1").retrieve()
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return caught.value.message.removeprefix("botocore's credential chain failed: ")


@pytest.mark.parametrize("life", SHORT)
async def test_a_credential_process_is_run_once_however_short_its_credentials_live(life: float, bare_machine) -> None:
    """It may have somebody touch a key or type a code; 15 minutes are the shortest that STS gives."""
    expires_at = time.time() + life
    (bare_machine / "config").write_text(
        f"[default]\ncredential_process = {process(bare_machine, in_iso(expires_at))}\n"
    )

    found = await BotocoreCredentialsProvider().retrieve()

    assert 1 == runs(bare_machine)
    assert pytest.approx(int(expires_at), abs=1.0) == found.expires_at


@pytest.mark.parametrize("life", SHORT)
async def test_a_container_is_asked_once(life: float, bare_machine, monkeypatch) -> None:
    """Each request may issue new ones, and is counted."""
    with serve(lambda _: (200, container_credentials(time.time() + life))) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
        await BotocoreCredentialsProvider().retrieve()

    assert 1 == len(server.asked)


@pytest.mark.parametrize("life", SHORT)
async def test_an_instance_is_asked_once(life: float, bare_machine, monkeypatch) -> None:
    """A token, the name of the role, its credentials: three requests and no more."""
    document = json.loads(container_credentials(time.time() + life)) | {"Code": "Success"}

    def instance(asked: Asked) -> tuple[int, str]:
        if asked.path == "/latest/api/token":
            return 200, "ticket"
        return 200, "worker" if asked.path.endswith("security-credentials/") else json.dumps(document)

    with serve(instance) as server:
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
        await BotocoreCredentialsProvider().retrieve()

    assert 3 == len(server.asked)


@pytest.mark.parametrize("life", SHORT)
@pytest.mark.parametrize("hop", ["process", "chain of roles", "container"])
async def test_what_a_role_is_assumed_with_is_asked_for_once(hop: str, life: float, bare_machine, monkeypatch) -> None:
    """The source of a source is a source too."""
    expiration = in_iso(time.time() + life)
    script = process(bare_machine, expiration)
    base = f"[profile base]\ncredential_process = {script}\n"
    match hop:
        case "process":
            text = f"[profile work]\n{ROLE}source_profile = base\n{base}"
        case "chain of roles":
            text = f"[profile work]\n{ROLE}source_profile = mid\n[profile mid]\n{ROLE}source_profile = base\n{base}"
        case _:
            text = f"[profile work]\n{ROLE}credential_source = EcsContainer\n"
    (bare_machine / "config").write_text(text)

    with (
        serve(lambda _: (200, role_credentials(time.time() + life))) as sts,
        serve(lambda _: (200, container_credentials(time.time() + life))) as container,
    ):
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.url)
        found = await BotocoreCredentialsProvider(profile="work", region="us-east-1").retrieve()

    assert "ASIA" == found.access_key_id
    assert (2 if hop == "chain of roles" else 1) == len(sts.asked)
    assert 1 == (len(container.asked) if hop == "container" else runs(bare_machine))


async def test_a_role_is_assumed_with_the_keys_of_the_environment(bare_machine, monkeypatch) -> None:
    """By ``credential_source``, also for a profile that is named in code."""
    (bare_machine / "config").write_text(f"[profile work]\n{ROLE}credential_source = Environment\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)

    with serve(lambda _: (200, role_credentials(time.time() + 900))) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        found = await BotocoreCredentialsProvider(profile="work", region="us-east-1").retrieve()

    assert "ASIA" == found.access_key_id
    assert "Credential=AKID/" in sts.asked[0].headers["authorization"]


@pytest.mark.parametrize("source", ["process", "container", "source of a role", "role", "environment"])
async def test_credentials_that_have_expired_say_so_and_since_when(source: str, bare_machine, monkeypatch) -> None:
    """A login that is over is the commonest failure there is; it is asked once, and said by its time."""
    script = process(bare_machine, LONG_AGO)
    profile, name = None, "custom-process"
    with (
        serve(lambda _: (200, container_credentials(LONG_AGO))) as container,
        serve(lambda _: (200, role_credentials(1_577_836_800.0))) as sts,
    ):
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        match source:
            case "container":
                monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.url)
                name = "container-role"
            case "environment":
                monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
                monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
                monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", LONG_AGO)
                name = "env"
            case "process":
                (bare_machine / "config").write_text(f"[default]\ncredential_process = {script}\n")
            case "role":
                profile, name = "work", "assume-role"
                (bare_machine / "config").write_text(
                    f"[profile work]\n{ROLE}source_profile = base\n"
                    f"[profile base]\naws_access_key_id = A\naws_secret_access_key = {SECRET}\n"
                )
            case _:
                profile = "work"
                (bare_machine / "config").write_text(
                    f"[profile work]\n{ROLE}source_profile = base\n[profile base]\ncredential_process = {script}\n"
                )
        said = await failure(profile)

    assert f"{name} returned credentials that expired at {LONG_AGO}, by this machine's clock" == said
    if name == "custom-process":
        assert 1 == runs(bare_machine)


@pytest.mark.parametrize(("life", "refreshes"), [(-60.0, 1), (60.0, 1), (3600.0, 0)])
def test_a_login_session_on_disk_is_refreshed_once_where_it_is_due(life: float, refreshes: int) -> None:
    """``aws login`` leaves credentials of minutes there; botocore reads them as they are and then makes its one request."""
    asked = []

    def refresh() -> dict[str, str]:
        asked.append(1)
        return {"access_key": "B", "secret_key": "b", "token": "t", "expiry_time": in_iso(time.time() + 800)}

    expiry = datetime.fromtimestamp(time.time() + life, UTC)
    source = RefreshableCredentials("A", "a", "t", expiry, refresh, "login")

    expires_at = settle(source)

    assert ("B" if refreshes else "A") == source.get_frozen_credentials().access_key
    assert refreshes == len(asked)
    assert pytest.approx(time.time() + (800 if refreshes else life), abs=3.0) == expires_at


SSO = "sso_account_id = 123456789012\nsso_role_name = worker\n"
SESSION = "[sso-session mine]\nsso_region = us-east-1\nsso_start_url = https://example.com/start\n"
TOLD = {
    "a source without credentials": (
        f"[default]\n{ROLE}credential_source = Environment\n",
        "CredentialRetrievalError from Environment: No credentials found in credential_source referenced in profile default",
    ),
    "a source that is none": (
        f"[default]\n{ROLE}credential_source = Envoirment\n",
        'InvalidConfigError: The credential source "Envoirment" referenced in profile "default" is not valid.',
    ),
    "a source profile that is none": (
        f"[default]\n{ROLE}source_profile = nowhere\n",
        'InvalidConfigError: The source_profile "nowhere" referenced in the profile "default" does not exist.',
    ),
    "a source profile without credentials": (
        f"[default]\n{ROLE}source_profile = bare\n[profile bare]\nregion = x\n",
        'InvalidConfigError: The source profile "bare" must have credentials.',
    ),
    "roles in a circle": (
        f"[default]\n{ROLE}source_profile = a\n[profile a]\n{ROLE}source_profile = default\n",
        "InfiniteLoopConfigError: Infinite loop in credential configuration detected.",
    ),
    "a role without a source": (
        f"[default]\n{ROLE}",
        "PartialCredentialsError: Partial credentials found in assume-role, missing: source_profile or credential_source",
    ),
    "half a pair": (
        "[default]\naws_access_key_id = AKID\n",
        "PartialCredentialsError: Partial credentials found in config-file, missing: aws_secret_access_key",
    ),
    "no login": (
        f"[default]\nsso_session = mine\n{SSO}{SESSION}",
        "SSOTokenLoadError: Error loading SSO Token: Token for mine does not exist",
    ),
    "no login of the old kind": (
        f"[default]\nsso_region = us-east-1\nsso_start_url = https://example.com/start\n{SSO}",
        "SSOTokenLoadError: Error loading SSO Token: Token for https://example.com/start does not exist",
    ),
    "a session that is none": (
        f"[default]\nsso_session = other\n{SSO}{SESSION}",
        'InvalidConfigError: The specified sso-session does not exist: "other"',
    ),
    "half a login": (
        "[default]\nsso_account_id = 123456789012\n",
        'InvalidConfigError: The profile "default" is configured to use SSO but is missing required configuration: ',
    ),
}


@pytest.mark.parametrize(("config", "sentence"), TOLD.values(), ids=TOLD)
async def test_what_the_chain_itself_says_is_told(config: str, sentence: str, bare_machine) -> None:
    """It says what to mend, and quotes nobody but the configuration."""
    (bare_machine / "config").write_text(config)

    assert (await failure()).startswith(sentence)


async def test_a_login_that_is_over_says_how_to_renew_it(bare_machine) -> None:
    """The one thing to do each morning."""
    start_url = "https://example.com/start"
    (bare_machine / "config").write_text(f"[default]\nsso_region = us-east-1\nsso_start_url = {start_url}\n{SSO}")
    store = bare_machine / ".aws" / "sso" / "cache"
    store.mkdir(parents=True)
    login = {"accessToken": SECRET, "expiresAt": LONG_AGO}
    (store / f"{hashlib.sha1(start_url.encode()).hexdigest()}.json").write_text(json.dumps(login))  # noqa: S324

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.credentials.SSOProvider._SSO_TOKEN_CACHE_DIR", str(store))  # found at import
        said = await failure()

    assert said.startswith("UnauthorizedSSOTokenError: The SSO session associated with this profile has expired")
    assert "aws sso login" in said


PROCESSES = {
    "fails": (
        f"echo {SECRET} >&2; exit 1",
        "CredentialRetrievalError from custom-process, with a text that may contain a",
    ),
    "fails as botocore would": (
        f"echo \"Missing required key in response: 'AccessKeyId' {SECRET}\" >&2; exit 1",
        "CredentialRetrievalError from custom-process, with a text that may contain a secret; to see it, run: aws sts",
    ),
    "is not JSON": (
        f"echo {SECRET}",
        "JSONDecodeError: the output of a process, or the response of an endpoint, is not JSON",
    ),
    "is not text": (
        r"printf '\377\376'",
        "UnicodeDecodeError: the output of a process, or a file, is not text in utf-8",
    ),
    "is of another version": (
        f"""echo '{{"Version": "{SECRET}"}}'""",
        "CredentialRetrievalError from custom-process: the output of the process has no Version, or one other than 1",
    ),
    "has no key": (
        f"""echo '{{"Version": 1, "SecretAccessKey": "{SECRET}"}}'""",
        "CredentialRetrievalError from custom-process: Missing required key in response: 'AccessKeyId'",
    ),
}


@pytest.mark.parametrize(("line", "sentence"), PROCESSES.values(), ids=PROCESSES)
async def test_what_a_process_gave_is_withheld_and_what_is_wrong_with_it_told(
    line: str, sentence: str, bare_machine
) -> None:
    """Its own words may hold the secret it was to give."""
    script = bare_machine / "process.sh"
    script.write_text(f"#!/bin/sh\n{line}\n")
    script.chmod(0o755)
    (bare_machine / "config").write_text(f"[default]\ncredential_process = {script}\n")

    assert (await failure()).startswith(sentence)


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (
            403,
            SECRET,
            "CredentialRetrievalError from container-role, with a text that may contain a secret; to see it, run",
        ),
        (
            200,
            SECRET,
            "CredentialRetrievalError from container-role, with a text that may contain a secret; to see it, run",
        ),
        (
            200,
            json.dumps({"AccessKeyId": "A", "SecretAccessKey": SECRET}),
            "KeyError: the response of an endpoint has no 'Token'",
        ),
    ],
)
async def test_what_a_container_sent_is_withheld_too(
    status: int, body: str, sentence: str, bare_machine, monkeypatch
) -> None:
    """An error page may hold the credentials of another request."""
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)  # seconds between its tries
    with serve(lambda _: (status, body)) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)

        assert (await failure()).startswith(sentence)


async def test_the_message_of_sts_is_withheld_and_its_code_told(bare_machine, monkeypatch) -> None:
    """It may repeat what was signed, the token with it."""
    (bare_machine / "config").write_text(
        f"[profile work]\n{ROLE}source_profile = base\n"
        f"[profile base]\naws_access_key_id = A\naws_secret_access_key = {SECRET}\n"
    )
    refusal = f"<ErrorResponse><Error><Code>ExpiredToken</Code><Message>{SECRET}</Message></Error></ErrorResponse>"
    with serve(lambda _: (403, refusal)) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        said = await failure("work")

    assert said.startswith("ClientError ExpiredToken when calling AssumeRole, with a text that may contain a secret; ")


EMPTY = [
    "AWS_ACCESS_KEY_ID",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CREDENTIAL_FILE",
    "AWS_DEFAULTS_MODE",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_EC2_METADATA_V1_DISABLED",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_MAX_ATTEMPTS",
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
    "AWS_METADATA_SERVICE_TIMEOUT",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_RETRY_MODE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SDK_UA_APP_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "BOTO_CONFIG",
]


BLANK = [name for name in EMPTY if "ENDPOINT_URL" not in name]  # which botocore takes for a URL


@pytest.mark.parametrize(
    ("blank", "variables"),
    [*(("", [name]) for name in EMPTY), ("", EMPTY), (" ", BLANK)],
    ids=[*EMPTY, "all", "all blank"],
)
async def test_an_empty_variable_is_as_good_as_unset_for_the_chain(
    blank: str, variables: list[str], bare_machine, monkeypatch
) -> None:
    """Docker compose makes of each ``${NAME:-}`` an empty one; a role is assumed with keys of the default profile."""
    folder = bare_machine / ".aws"  # where the files are if no variable says otherwise
    folder.mkdir()
    config = (folder if "AWS_CONFIG_FILE" in variables else bare_machine) / "config"
    credentials = (folder if "AWS_SHARED_CREDENTIALS_FILE" in variables else bare_machine) / "credentials"
    credentials.write_text(f"[base]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n")

    with serve(lambda _: (200, role_credentials(time.time() + 3600))) as sts:
        config.write_text(
            f"[default]\n{ROLE}source_profile = base\nregion = eu-west-1\nservices = here\n"
            f"[services here]\nsts =\n  endpoint_url = {sts.url}\n"
        )
        for name in variables:
            monkeypatch.setenv(name, blank)
        loaded = await load_config()
        found = await loaded.credentials.retrieve()
        alone = await DefaultCredentialsProvider(profile=blank).retrieve()

    assert ("eu-west-1", "ASIA", "ASIA") == (loaded.region, found.access_key_id, alone.access_key_id)
    assert {"eu-west-1"} == {asked.headers["authorization"].split("/")[2] for asked in sts.asked}


async def test_an_empty_profile_lets_the_other_variable_and_the_keys_decide(bare_machine, monkeypatch) -> None:
    """Two variables name a profile; keys in the environment come before either."""
    (bare_machine / "credentials").write_text("[work]\naws_access_key_id = W\naws_secret_access_key = w\n")
    monkeypatch.setenv("AWS_DEFAULT_PROFILE", "")
    monkeypatch.setenv("AWS_PROFILE", "work")
    config = await load_config(profile="")
    by_name = await config.credentials.retrieve()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "E")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "e")

    assert ("W", "E") == (by_name.access_key_id, (await BotocoreCredentialsProvider().retrieve()).access_key_id)


async def test_an_empty_web_identity_leaves_the_profiles_own(bare_machine, monkeypatch) -> None:
    """The variable would hide what the file says."""
    (bare_machine / "token").write_text("a.web.token")
    (bare_machine / "config").write_text(f"[default]\n{ROLE}web_identity_token_file = {bare_machine / 'token'}\n")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "")
    answer = role_credentials(time.time() + 3600).replace("AssumeRoleRes", "AssumeRoleWithWebIdentityRes")

    with serve(lambda _: (200, answer)) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        found = await BotocoreCredentialsProvider(region="us-east-1").retrieve()

    assert "ASIA" == found.access_key_id
