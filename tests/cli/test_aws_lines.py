"""Lines of the AWS CLI with another program's name: they do what they did, or say what to change."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

LINE = "aws sagemaker-runtime invoke-endpoint --endpoint-name echo "


@pytest.mark.parametrize(
    ("line", "file"),
    [
        (LINE + "--body 5.1,3.5 --content-type text/csv out.json", b"5.1,3.5"),
        (
            LINE + "--cli-binary-format raw-in-base64-out --body '{\"a\": 1}' --accept application/json out.json",
            b'{"a": 1}',
        ),
        (LINE + "--body fileb://input.bin --region us-east-1 --no-cli-pager out.json", b"\xff\x00"),
        (LINE + "--body file://input.txt out.json --output json --color off", b"text"),
        (LINE + "--cli-binary-format base64 --body aGVsbG8= out.json", b"hello"),
        (LINE + "out.json --body x --cli-read-timeout 0 --cli-connect-timeout 60", b"x"),
        (LINE + "--body x --target-variant AllTraffic --inference-id 7 out.json", b"x"),
    ],
)
def test_an_invocation_writes_the_file_and_the_facts_on_stdout(run, line, file):
    """The body in the file, JSON on stdout: what scripts that parse it expect."""
    Path("input.bin").write_bytes(b"\xff\x00")
    Path("input.txt").write_text("text")

    said = run(*shlex.split(line)[2:])

    assert (0, "") == (said.code, said.err)
    assert file == Path("out.json").read_bytes()
    assert "AllTraffic" == json.loads(said.out)["InvokedProductionVariant"]


def test_the_body_alone_is_on_stdout_where_stdout_is_the_file(run):
    """The AWS CLI writes its JSON behind it, which is of no use to who asks for the body."""
    assert b"x" == run(*shlex.split(LINE + "--body x /dev/stdout")[2:]).out


def test_an_asynchronous_invocation_says_where_the_result_will_be(run):
    """As the AWS CLI, which has no way to wait for it; with --wait, ours has."""
    line = "aws sagemaker-runtime invoke-endpoint-async --endpoint-name echo --input-location s3://bucket/key"

    said = run(*shlex.split(line)[2:])

    assert 0 == said.code, said.err
    assert ["FailureLocation", "InferenceId", "OutputLocation"] == sorted(json.loads(said.out))


@pytest.mark.parametrize(
    ("option", "advice"),
    [
        ("--query Body", "--query of the AWS CLI is not available here: pass JSON through jq"),
        ("--no-verify-ssl", "name those of your own authority with --ca-bundle"),
        ("--output text", "choose from"),
        ("--debug", "use -vv to see what is sent and received"),
        ("--cli-input-json file://x", "write the members as options"),
    ],
)
def test_what_would_mean_something_else_here_is_refused_with_what_to_write(run, option, advice):
    """Passed over in silence, it would do what was not meant."""
    said = run(*shlex.split(f"{LINE}--body x {option} out.json")[2:])

    assert 2 == said.code
    assert advice in said.err
    assert not Path("out.json").exists()


def test_a_body_in_base64_is_sent_as_it_is_with_a_note(run):
    """Version 2 of the AWS CLI decodes it by default; a body that means itself must not be decoded."""
    sent = run(*shlex.split(LINE + "--body 'aGVsbG8gd29ybGQsIGhlbGxvIQ==' -")[2:])

    assert b"aGVsbG8gd29ybGQsIGhlbGxvIQ==" == sent.out
    assert "add --cli-binary-format base64" in sent.err
