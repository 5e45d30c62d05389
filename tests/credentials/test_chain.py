"""botocore's chain against real sources on loopback: files, processes, metadata services, and moto's STS."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
import logging
import socket
import subprocess
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING

import pytest
from credentials.sources import Asked, bare_machine, serve

from sagemaker_runtime import BotocoreCredentialsProvider, Credentials, CredentialsError, load_config
from sagemaker_runtime.credentials import CredentialsCache, DefaultCredentialsProvider

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["bare_machine"]

SECRET = "hush-0123456789"
ROLE = "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base\n"
LIFE = 6 * 3600  # seconds; botocore changes the expiry of an instance's credentials that live less than 20 minutes


def in_iso(seconds: float) -> str:
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def metadata(number: int, expires_at: float) -> str:
    """What metadata services send."""
    return json.dumps(
        {
            "Code": "Success",
            "AccessKeyId": f"AKID-{number}",
            "SecretAccessKey": SECRET,
            "Token": f"token-{number}",
            "Expiration": in_iso(expires_at),
        }
    )


def almost(expires_at: float) -> object:
    """The expiry comes from botocore rounded down to the second."""
    return pytest.approx(int(expires_at), abs=1.0)


async def test_credentials_say_where_they_were_found(bare_machine, monkeypatch, tmp_path):
    """Two keys of one account look alike, and the wrong one is found by the place it came from."""
    (tmp_path / "file").write_text(f"[default]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "file"))
    from_file = await DefaultCredentialsProvider().retrieve()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)

    from_environment = await DefaultCredentialsProvider().retrieve()

    assert ("shared-credentials-file", "env") == (from_file.source, from_environment.source)
    assert from_file == from_environment


async def test_an_instance_role_is_found_by_the_token_flow(bare_machine, monkeypatch):
    """Version 2 of the metadata service: without the token that was asked for first, an instance returns 401."""
    expires_at = time.time() + LIFE

    def instance(asked: Asked) -> tuple[int, str]:
        if asked.path == "/latest/api/token":
            assert ("PUT", "21600") == (asked.method, asked.headers["x-aws-ec2-metadata-token-ttl-seconds"])
            return 200, "ticket"
        if asked.headers.get("x-aws-ec2-metadata-token") != "ticket":
            return 401, ""
        return 200, "worker" if asked.path.endswith("security-credentials/") else metadata(len(seen), expires_at)

    with serve(instance) as server:
        seen = server.asked
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
        provider = DefaultCredentialsProvider()

        first = await provider.retrieve()
        second = await provider.retrieve()

    assert ("AKID-3", SECRET, "token-3", almost(expires_at)) == (
        first.access_key_id,
        first.secret_access_key,
        first.session_token,
        first.expires_at,
    )
    assert "AKID-6" == second.access_key_id


async def test_a_container_is_asked_with_the_token_that_its_file_holds_now(bare_machine, monkeypatch):
    """EKS writes a new token into the file every hour; the old one is refused."""
    expires_at = time.time() + LIFE
    token = bare_machine / "token"
    with serve(lambda asked: (200, metadata(len(server.asked), expires_at))) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/v1/credentials")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
        provider = BotocoreCredentialsProvider()

        token.write_text("ticket-1")
        first = await provider.retrieve()
        token.write_text("ticket-2")
        second = await provider.retrieve()

    assert ["ticket-1", "ticket-2"] == [asked.headers["authorization"] for asked in server.asked]
    assert ("AKID-1", "AKID-2") == (first.access_key_id, second.access_key_id)
    assert almost(expires_at) == second.expires_at


@pytest.mark.parametrize("hop", ["source_profile", "credential_source"])
async def test_a_role_is_assumed_anew_at_each_question(hop, bare_machine, moto, monkeypatch):
    """The cache asks only when it needs new ones, so botocore's own memory would be in the way."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    if hop == "credential_source":
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    source = "source_profile = base" if hop == "source_profile" else "credential_source = Environment"
    (bare_machine / "config").write_text(f"[profile work]\nrole_arn = arn:aws:iam::123456789012:role/x\n{source}\n")
    (bare_machine / "credentials").write_text(f"[base]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n")
    provider = BotocoreCredentialsProvider(profile="work")

    asked_at = time.time()
    first = await provider.retrieve()
    second = await provider.retrieve()

    assert ("ASIA", "ASIA") == (first.access_key_id[:4], second.access_key_id[:4])
    assert first.session_token != second.session_token
    assert pytest.approx(asked_at + 3600, abs=60) == first.expires_at


async def test_a_web_identity_is_exchanged_for_a_role(bare_machine, moto, monkeypatch):
    """What a pod on EKS with a service account has."""
    (bare_machine / "token").write_text("a.web.token")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(bare_machine / "token"))

    asked_at = time.time()
    found = await DefaultCredentialsProvider().retrieve()

    assert "ASIA" == found.access_key_id[:4]
    assert pytest.approx(asked_at + 3600, abs=60) == found.expires_at


def process_of(directory: Path, code: str) -> None:
    """Make a credential process of Python code."""
    script = directory / "process.py"
    script.write_text(code)
    (directory / "config").write_text(f'[default]\ncredential_process = "{sys.executable}" "{script}"\n')


@pytest.mark.parametrize(
    ("expiration", "expires_at"),
    [(None, None), ("2999-01-01T00:00:00Z", almost(32_472_144_000)), ("9999-12-31T23:59:59Z", almost(253_402_300_799))],
    ids=["lasting", "far", "farthest"],
)
async def test_a_credential_process_is_run_at_each_question(expiration, expires_at, bare_machine):
    """A real command; what it says of the expiry is passed on, and some say "never" by the last year there is."""
    printed = {"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": SECRET, "Expiration": expiration}
    process_of(
        bare_machine,
        f"import os\nfile = open({str(bare_machine / 'runs')!r}, 'a')\nfile.write('run ')\nfile.close()\n"
        f"print({json.dumps(printed)!r})\n",
    )
    provider = DefaultCredentialsProvider()

    found = [await provider.retrieve() for _ in range(2)]

    assert [("AKID", SECRET, expires_at)] * 2 == [
        (credentials.access_key_id, credentials.secret_access_key, credentials.expires_at) for credentials in found
    ]
    assert "run run " == (bare_machine / "runs").read_text()


FIND = """
import asyncio
from sagemaker_runtime import BotocoreCredentialsProvider, CredentialsError

async def main():
    provider = BotocoreCredentialsProvider(profile="work")
    for _ in range(2):
        try:
            found = await provider.retrieve()
        except CredentialsError as error:
            print(error)
        else:
            print(found.access_key_id[:4], found.expires_at is not None)

asyncio.run(main())
"""


async def find(text: str = "") -> list[str]:
    """Look twice in a process of its own, without a terminal, and with *text* on its standard input."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "ignore", "-c", FIND],
        input=text,
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout.splitlines()


async def test_a_login_by_single_sign_on_is_exchanged_for_a_role(bare_machine, monkeypatch):
    """``aws sso login`` leaves a token in the home directory, which botocore looks up as it is imported."""
    in_ms = int((time.time() + LIFE) * 1000)
    role = {"accessKeyId": "ASIA", "secretAccessKey": SECRET, "sessionToken": "token", "expiration": in_ms}
    (bare_machine / "config").write_text(
        "[profile work]\nsso_session = mine\nsso_account_id = 123456789012\nsso_role_name = worker\n"
        "[sso-session mine]\nsso_region = us-east-1\nsso_start_url = https://example.com/start\n"
    )
    store = bare_machine / ".aws" / "sso" / "cache"
    store.mkdir(parents=True)
    login = {"accessToken": SECRET, "expiresAt": in_iso(time.time() + LIFE)}
    (store / f"{hashlib.sha1(b'mine').hexdigest()}.json").write_text(json.dumps(login))  # noqa: S324 - botocore's choice

    with serve(lambda _: (200, json.dumps({"roleCredentials": role}))) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", server.url)
        found = await find()

    assert ["ASIA True"] * 2 == found
    assert [SECRET] * 2 == [asked.headers["x-amz-sso_bearer_token"] for asked in server.asked]


async def test_a_profile_with_an_mfa_code_asks_for_it_once(bare_machine, moto, monkeypatch):
    """A second question would come from the background, in the middle of whatever the terminal shows then."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto)
    (bare_machine / "config").write_text(
        "[profile work]\nregion = us-east-1\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base\n"
        "mfa_serial = arn:aws:iam::123456789012:mfa/me\n"
        f"[profile base]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n"
    )

    said = await find("123456\n")

    assert "ASIA True" == said[0]
    assert said[1].endswith("the profile needs a new MFA code; create a new provider to be asked for it")


async def test_keys_that_come_before_an_mfa_profile_are_found_again_and_again(bare_machine, monkeypatch):
    """No code was asked for, so there is nothing that must not be asked for twice."""
    (bare_machine / "config").write_text(f"{ROLE}mfa_serial = arn:aws:iam::123456789012:mfa/me\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    provider = BotocoreCredentialsProvider()

    found = [await provider.retrieve() for _ in range(2)]

    assert [Credentials("AKID", SECRET)] * 2 == found


async def test_profiles_of_the_shared_files_are_found_by_argument_and_by_environment(bare_machine, monkeypatch):
    """A profile that the code names comes before keys in the environment; one that the environment names, after them."""
    (bare_machine / "credentials").write_text(
        "[default]\naws_access_key_id = D\naws_secret_access_key = d\n"
        "[work]\naws_access_key_id = W\naws_secret_access_key = w\naws_session_token = t\n"
    )
    default = await DefaultCredentialsProvider().retrieve()
    monkeypatch.setenv("AWS_PROFILE", "work")
    by_environment = await DefaultCredentialsProvider().retrieve()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "E")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "e")

    assert Credentials("D", "d") == default
    assert Credentials("W", "w", "t") == by_environment
    assert Credentials("E", "e") == await DefaultCredentialsProvider().retrieve()
    assert Credentials("E", "e") == await BotocoreCredentialsProvider().retrieve()
    assert Credentials("D", "d") == await DefaultCredentialsProvider(profile="default").retrieve()
    assert "DefaultCredentialsProvider(profile='work')" == repr(DefaultCredentialsProvider(profile="work"))
    assert "BotocoreCredentialsProvider(profile='work')" == repr(BotocoreCredentialsProvider(profile="work"))


async def test_an_edited_file_counts_at_the_next_question(bare_machine):
    """The cache forgets what a service refused, and the new key has been written to the file."""
    cache = CredentialsCache(DefaultCredentialsProvider())
    with pytest.raises(CredentialsError, match="no AWS credentials were found in the environment"):
        await cache.retrieve()
    (bare_machine / "credentials").write_text("[default]\naws_access_key_id = A\naws_secret_access_key = a\n")
    first = await cache.retrieve()

    (bare_machine / "credentials").write_text("[default]\naws_access_key_id = B\naws_secret_access_key = b\n")
    kept = await cache.retrieve()
    cache.invalidate()

    assert first is kept
    assert ("A", "B") == (first.access_key_id, (await cache.retrieve()).access_key_id)


@pytest.mark.parametrize(
    ("config", "profile", "complaint"),
    [
        ("", "nowhere", r"ProfileNotFound: The config profile \(nowhere\) could not be found"),
        (f"[default]\naws_access_key_id = {SECRET}\n", None, "PartialCredentialsError: .* aws_secret_access_key"),
        (f"{SECRET} = no section\n", None, "ConfigParseError: Unable to parse config file"),
        ("[default]\ncredential_process = /nowhere/at-all\n", None, "FileNotFoundError: .*'/nowhere/at-all'"),
        (
            f"[default]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\x00\n",
            None,
            "secret_access_key .*a control character; the value is not shown",
        ),
        (
            f"{ROLE}[profile base]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n",
            None,
            "ClientError AccessDenied when calling AssumeRole, .* run: aws sts get-caller-identity$",
        ),
    ],
    ids=["no such profile", "half a pair", "no file of ours", "no such process", "no credential", "role refused"],
)
async def test_what_is_wrong_with_the_configuration_is_in_the_error(
    config, profile, complaint, bare_machine, monkeypatch
):
    """One kind of error for all of it, with botocore's words where they cannot hold a secret."""
    (bare_machine / "config").write_text(config)
    refusal = (
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized to perform "
        f"sts:AssumeRole\nThe canonical string was x-amz-security-token:{SECRET}</Message></Error></ErrorResponse>"
    )

    with serve(lambda _: (403, refusal)) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        with pytest.raises(CredentialsError, match=complaint) as caught:
            await BotocoreCredentialsProvider(profile=profile).retrieve()

    assert "botocore's credential chain failed: " in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


PROCESSES = {
    "on its standard error": f"import sys\nsys.exit({SECRET!r})",
    "without the rest": f"print({json.dumps({'Version': 1, 'SecretAccessKey': SECRET})!r})",
    "as its version": f"print({json.dumps({'Version': SECRET})!r})",
    "not as JSON": f"print({SECRET!r})",
    "as bytes": f"import sys\nsys.stdout.buffer.write(b'\\xff' + {SECRET.encode()!r})",
    "as the time": "print("
    + repr(json.dumps({"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": SECRET, "Expiration": SECRET}))
    + ")",
    "with a newline": "print("
    + repr(json.dumps({"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": SECRET + "\n"}))
    + ")",
}


@pytest.mark.parametrize("code", PROCESSES.values(), ids=PROCESSES)
async def test_what_a_credential_process_printed_is_shown_nowhere(code, bare_machine, caplog):
    """The errors of botocore repeat it, and those end up in logs with all that they were caused by."""
    process_of(bare_machine, code)
    cache = CredentialsCache(DefaultCredentialsProvider())
    caplog.set_level(logging.DEBUG, logger="sagemaker_runtime")

    with pytest.raises(CredentialsError, match="botocore's credential chain failed: ") as caught:
        await cache.retrieve()

    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in repr(cache)
    assert [] == [record for record in caplog.records if record.name == "sagemaker_runtime"]


async def test_what_an_endpoint_sent_is_shown_nowhere(bare_machine, monkeypatch):
    """The error of botocore repeats the whole body; ours says which source it was, and how to see more."""
    with serve(lambda _: (400, SECRET)) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
        monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)  # seconds between its tries
        with pytest.raises(CredentialsError, match=r"from container-role, .*: aws sts get-caller-identity$") as caught:
            await DefaultCredentialsProvider().retrieve()

    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_the_end_of_a_loop_does_not_wait_for_a_process_that_hangs(bare_machine):
    """asyncio.run waits for the threads of the loop's executor, so a process that hangs would keep ours from ending."""
    threads_before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        process_of(bare_machine, f"import socket\nsocket.create_connection({listening.getsockname()!r}).recv(1)")

        async def give_up() -> socket.socket:
            waiting = asyncio.ensure_future(CredentialsCache(DefaultCredentialsProvider()).retrieve())
            hanging, _ = await asyncio.to_thread(listening.accept)
            assert not waiting.done()
            return hanging

        hanging = asyncio.run(give_up())
        left_behind = set(threading.enumerate()) - threads_before
        hanging.close()
        for thread in left_behind:
            thread.join()

    assert ["sagemaker-runtime-credentials"] == [thread.name for thread in left_behind]


@pytest.mark.usefixtures("full_executor")
async def test_the_chain_does_not_need_the_loops_executor(bare_machine):
    """A tool that runs there may wait for a call, and the call for credentials."""
    (bare_machine / "credentials").write_text("[default]\naws_access_key_id = A\naws_secret_access_key = a\n")

    async with asyncio.timeout(60):
        found = await BotocoreCredentialsProvider().retrieve()

    assert "A" == found.access_key_id


async def test_the_loop_goes_on_while_the_chain_is_looked_through(bare_machine):
    """All of it happens in a thread: a slow disk or metadata service stops no other call."""
    reached = threading.Event()
    released = threading.Event()

    def slow(_: Asked) -> tuple[int, str]:
        reached.set()
        released.wait(30)
        return 200, metadata(1, time.time() + LIFE)

    with serve(slow) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url)
        waiting = asyncio.ensure_future(DefaultCredentialsProvider().retrieve())
        await asyncio.to_thread(reached.wait, 30)

        waited_without_blocking = not waiting.done()
        released.set()
        found = await waiting

    assert waited_without_blocking
    assert "AKID-1" == found.access_key_id


@pytest.mark.parametrize("source", ["an argument", "AWS_REGION"])
async def test_a_role_is_assumed_in_the_region_that_was_given(source, bare_machine, monkeypatch):
    """Botocore reads neither; without them it asks the first partition's STS, which knows no role of another one."""
    (bare_machine / "config").write_text(
        "[profile work]\nrole_arn = arn:aws-cn:iam::123456789012:role/x\nsource_profile = base\n"
    )
    (bare_machine / "credentials").write_text(f"[base]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n")
    if source == "AWS_REGION":
        monkeypatch.setenv("AWS_REGION", "cn-north-1")
        config = await load_config(profile="work")
    else:
        config = await load_config(profile="work", region="cn-north-1")

    with serve(lambda asked: (403, "<Error/>")) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        with pytest.raises(CredentialsError):
            await config.credentials.retrieve()

    assert {"cn-north-1"} == {asked.headers["authorization"].split("/")[2] for asked in sts.asked}
