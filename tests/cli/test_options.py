"""What is read from the command line, what of it is refused, and what is said then."""

from __future__ import annotations

import sys
from pathlib import Path

import attrs
import pytest

import sagemaker_runtime
from sagemaker_runtime import __version__
from sagemaker_runtime.cli import members
from sagemaker_runtime.cli.commands import COMMANDS

HELP = Path(__file__).parent / "help"
ECHO = ("invoke", "--endpoint-name", "echo", "--body")


@pytest.mark.parametrize("command", ["", *(name for name in COMMANDS if name != "local")])
def test_the_help_is_what_it_was(run, command):
    """It is what a newcomer reads. To renew one: sagemaker-runtime ... --help > tests/cli/help/....txt, with COLUMNS=80."""
    said = run(*command.split(), "--help")

    assert (0, "") == (said.code, said.err)
    assert (HELP / f"{command or 'overview'}.txt").read_text() == said.out.decode()
    assert "examples:" in said.out.decode()


def test_no_option_takes_a_credential(run):
    """A command line is in the history of the shell, and all users of a machine can read it."""
    helps = [run(name, "--help").out.decode() for name in COMMANDS]
    helps.append(run("local", "serve", "--help").out.decode())

    options = {word for text in helps for word in text.replace(",", " ").split() if word.startswith("--")}

    assert "--endpoint-name" in options
    assert [] == [
        name for name in options if any(part in name for part in ("secret", "password", "token", "access-key"))
    ]


@pytest.mark.parametrize(
    ("operation", "table"),
    [
        ("InvokeEndpoint", members.INVOKE),
        ("InvokeEndpointWithResponseStream", members.STREAM),
        ("InvokeEndpointAsync", members.ASYNC),
    ],
)
def test_every_member_of_an_input_has_an_option(operation, table):
    """A member that the API gets is of no use in a shell without one."""
    fields = attrs.fields_dict(getattr(sagemaker_runtime, f"{operation}Input"))
    common = {"--endpoint-name", "--body", "--content-type", "--accept", "--custom-attributes", "--inference-id"}

    assert {f"--{name.replace('_', '-')}" for name in fields} == common | table.keys()


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ("5.1,3.5", b"5.1,3.5"),
        ("-5.1,3.5", b"-5.1,3.5"),
        ("--x", b"--x"),
        ("", b""),
        ("@@literal", b"@literal"),
        ("@body file", b"\xff\x00 in the file\n"),
        ("file://body file", b"\xff\x00 in the file\n"),
        ("fileb://body file", b"\xff\x00 in the file\n"),
        ("\N{SNOWMAN}", "\N{SNOWMAN}".encode()),
        ("\udcff", b"\xff"),  # what no text is, as Python has it from the command line
    ],
)
def test_a_body_is_a_text_or_a_file(run, body, sent):
    """It is sent byte for byte; a number may be negative, and a text may begin with what names a file."""
    Path("body file").write_bytes(b"\xff\x00 in the file\n")

    said = run(*ECHO, body)

    assert (0, sent, "") == (said.code, said.out, said.err)


def test_custom_attributes_may_be_in_a_file(run):
    """They are as long as a thousand characters, and no others reach the container."""
    Path("attributes").write_text("tenant=acme\n")

    said = run("invoke", "--endpoint-name", "attributes", "--body", "", "--custom-attributes", "@attributes")

    assert b"tenant=acme" == said.out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            (*ECHO, "@nowhere"),
            "--body: 'nowhere' cannot be read: No such file or directory; to send the text itself, write '@@nowhere'",
        ),
        ((*ECHO, "@/"), "--body: '/' cannot be read: Is a directory"),
        ((*ECHO, "@"), "--body: no file name follows '@'"),
        ((*ECHO, "a", "--body", "b"), "--body is given twice"),
        ((*ECHO, "a", "-o", "x", "-o", "y"), "-o is given twice"),
        ((*ECHO, "-o", "file"), "argument --body: expected one argument"),
        ((*ECHO, "a b", "c", "d"), "'d' is one word too many"),
        ((*ECHO, "a", "-o", "x", "y"), "-o x and OUTFILE y name two files"),
        ((*ECHO, "a", "--endpont-name", "b"), "there is no option --endpont-name; did you mean --endpoint-name?"),
        ((*ECHO, "a", "--timeout", "soon"), "invalid number of seconds value: 'soon'"),
        (
            (*ECHO, "a", "--custom-attributes", "a\nb"),
            "--custom-attributes has a character that an HTTP header cannot carry",
        ),
        (
            ("invoke", "iris", "--body", "a"),
            "--endpoint-name is missing; 'iris' was read as OUTFILE; write --endpoint-name iris?",
        ),
        (("invoke", "--endpoint-name", "no name", "--body", "a"), "--endpoint-name does not match"),
        (
            ("async", "--endpoint-name", "echo", "--body", "a", "--input-location", "s3://b/k"),
            "give either --body or --input-location",
        ),
        (
            ("async", "--endpoint-name", "echo", "--body", "a", "--no-wait", "-o", "x"),
            "no result for 'x' without waiting",
        ),
        (("stream", "--endpoint-name", "echo", "--body", "a", "--sse", "--text"), "not allowed with"),
        (("stack", "InvokeEndpont"), "Did you mean 'InvokeEndpoint'?"),
        (("invoek",), "there is no command 'invoek'; did you mean invoke?"),
        (("--region", "x", "invoke"), "write sagemaker-runtime COMMAND --region ..."),
        (
            (*ECHO, "a", "-o", "/no/such/folder/file"),
            "'/no/such/folder/file' cannot be written: No such file or directory",
        ),
        ((*ECHO, "a", "-o", "/dev/full"), "'/dev/full' cannot be written: No space left on device"),
        ((*ECHO, "a", "--profile", "nobody"), "--profile: there is no profile 'nobody'"),
        ((*ECHO, "a", "--endpoint-url", "http://user:hush@127.0.0.1:9"), "--endpoint-url: the URL has a user name"),
        ((*ECHO, "a", "--ca-bundle", "/no/such"), "--ca-bundle: '/no/such' is neither a file nor a directory"),
        ((*ECHO, "a", "--api-option", "module"), "names no function; write MODULE:FUNCTION"),
        ((*ECHO, "a", "--api-option", "my_module:f"), "add --import-from ."),
        ((*ECHO, "a", "--api-option", "os:sep"), "os:sep is of type str; name a function of a Stack"),
        ((*ECHO, "a", "--api-option", "os:getcwdb"), "--api-option os:getcwdb raised TypeError"),
        ((*ECHO, "a", "--import-from", "/no/such", "--api-option", "a:b"), "--import-from: '/no/such' is not a folder"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(run, words, line):
    """It says what, where, and what to write; nothing has been sent."""
    said = run(*words)

    assert (2, b"") == (said.code, said.out)
    assert line in said.err
    assert said.err.startswith("error: ")
    assert 1 == said.err.count("\n")
    assert "hush" not in said.err


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        (
            ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"),
            "no region is known: give --region, or set AWS_REGION",
        ),
        (("AWS_REGION", "AWS_DEFAULT_REGION"), "no region to sign for: give --region, or set AWS_REGION"),
        (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "no AWS credentials were found"),
    ],
)
def test_what_is_not_configured_is_named_with_the_option_or_variable_for_it(run, monkeypatch, variables, line):
    """The library's own advice is for who writes Python."""
    for name in variables:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/no/such")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)

    said = run(*ECHO, "a")

    assert (2, b"") == (said.code, said.out)
    assert line in said.err
    assert "Options" not in said.err
    assert "StaticCredentialsProvider" not in said.err


def test_the_current_folder_is_importable_only_when_that_is_asked_for(run, monkeypatch):
    """A file there may have the name of any module that a command imports."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("my_tags.py").write_text(
        "from sagemaker_runtime import append_custom_attributes, build_middleware\n"
        "@build_middleware('TagTenant')\n"
        "async def tag(ctx, step, next):\n"
        "    append_custom_attributes(step.request.headers, 'tenant=acme')\n"
        "    return await next(ctx, step)\n"
        "def install(stack): stack.build.add(tag)\n"
    )
    words = ("--api-option", "my_tags:install")

    refused = run("stack", *words)
    stack = run("stack", "invoke", *words, "--import-from", ".")
    called = run("invoke", "--endpoint-name", "attributes", "--body", "", *words)

    assert 2 == refused.code
    assert b"        RecursionDetection\n        TagTenant\n" in stack.out
    assert b"tenant=acme" == called.out  # and it stays importable, in this process


def test_the_version_is_that_of_the_package(run):
    """It is the first thing to ask of who reports a problem."""
    assert f"sagemaker-runtime {__version__}\n".encode() == run("--version").out
