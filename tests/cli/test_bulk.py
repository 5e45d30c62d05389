"""``bulk``: files in, files out, from a shell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli.test_programs import started

BULK = ("bulk", "--endpoint-name", "double", "--body-key", "instances", "--no-progress")
RUN = (*BULK, "in.jsonl", "-o", "out")


def lines(path: str) -> list[object]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def outputs(path: str) -> list[object]:
    return [line["output"] for line in lines(path)]


def test_a_run_ends_with_one_line_and_dead_letters_with_exit_code_4(run, model):
    """What a script needs to know is the exit code; what a person wants is a line. Their retry is asked for by name."""
    Path("in.jsonl").write_text("1\n13\n2\n")

    first = run(*RUN)
    again = run(*RUN)
    report = run(*RUN, "--resume")
    model.mended.set()
    mended = run(*RUN, "--retry-dead")

    assert (4, b"") == (first.code, first.out)
    assert "3 records, 1 failed (ModelError), in " in first.err
    assert (
        ": results and report.html are in out, the failed records in out/dead-letters; --retry-dead sends" in first.err
    )
    assert (2, 1) == (again.code, again.err.count("\n"))
    assert "out/.bulk' is done: --retry-dead sends its dead letters again" in again.err
    assert (4, first.err) == (report.code, report.err)  # no call was made for it
    assert (0, b"") == (mended.code, mended.out)
    assert "3 records, 0 failed" in mended.err
    assert [2, 4] == outputs("out/part-00000.jsonl")
    assert [26] == outputs("out/part-00000-retry-1.jsonl")


def test_ctrl_c_waits_for_what_is_under_way_and_resume_goes_on(environment, run, model):
    """What was sent is paid for. Nothing is sent twice, and nobody goes on with a run without having asked for it."""
    Path("in.jsonl").write_text("1\n2\n3\n4\n5\n")
    model.may.clear()
    with started(environment, *RUN, "--limit", "2") as process:
        while model.asked < 3:  # the first one has ended
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        stopping = process.stderr.readline().decode()
        model.may.set()
        out, rest = process.communicate(timeout=60)

    refused = run(*RUN)
    asked = model.asked
    resumed = run(*RUN, "--resume")

    assert "stopping: requests in flight have 10 s to end" in stopping
    assert (130, b"") == (process.returncode, out)
    assert "interrupted; what is done is kept, and the same command with --resume continues it\n" == rest.decode()
    assert 2 == refused.code
    assert "there is an unfinished run in " in refused.err
    assert (3, 5) == (asked, model.asked)
    assert 0 == resumed.code, resumed.err
    assert [2, 4, 6, 8, 10] == outputs("out/part-00000.jsonl")


def test_ctrl_c_again_does_not_wait(environment, model):
    """Somebody who is in a hurry says so twice."""
    Path("in.jsonl").write_text("1\n2\n3\n")
    model.may.clear()
    with started(environment, *RUN, "--limit", "2") as process:
        while model.asked < 2:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    model.may.set()

    assert 130 == process.returncode
    assert "interrupted; what is done is kept, and the same command with --resume continues it\n" == rest.decode()


def test_a_dry_run_says_what_would_be_sent_and_leaves_nothing(run, model):
    """A long run begins with the wrong body once, and then nobody begins one without a look."""
    Path("in.csv").write_text("a,b\n" + "1,2\n" * 1000)

    said = run(*BULK, "in.csv", "-o", "out", "--max-rows", "300", "--dry-run")
    empty = run("bulk", "--endpoint-name", "double", "/dev/null", "-o", "out", "--format", "jsonl", "--dry-run")

    text = said.out.decode()
    assert (0, "") == (said.code, said.err)
    for line in (
        "nothing is sent or written",
        "1 file, 4,004 bytes: in.csv",
        "1 part in out",
        "300 records of in.csv, ",
        "application/json",
        '{"instances":[{"a":"1","b":"2"},',
    ):
        assert line in text
    assert max(map(len, text.splitlines())) < 500
    assert b"none: the input has no records" in empty.out, empty.err
    assert 0 == model.asked
    assert ["in.csv"] == [path.name for path in Path().iterdir()]


@pytest.mark.parametrize(
    ("words", "body", "content_type"),
    [
        (("rows.csv",), "1,x", "text/csv"),
        (("rows.csv", "--no-header"), "a,b", "text/csv"),
        (("rows.csv", "--no-header", "--max-rows", "9"), "a,b\\n1,x", "text/csv"),
        (("rows.tsv",), "1,x", "text/csv"),
        (("semicolons", "--format", "csv", "--delimiter", ";", "--columns", "b"), "x", "text/csv"),
        (("rows.jsonl",), '{"a": 1, "b": "x"}', "application/json"),
        (("rows.jsonl", "--body-format", "csv", "--columns", "b,a"), "x,1", "text/csv"),
        (("rows.jsonl", "--body-format", "jsonl", "--max-rows", "2"), '{"a": 1, "b": "x"}\\n', "application/jsonlines"),
        (("rows.jsonl", "--select-input", "[a]", "--body-format", "csv"), "1", "text/csv"),
        (("rows.jsonl", "--prompt-template", "@template"), '{"inputs": "say x"}', "application/json"),
        (("rows.jsonl", "--content-type", "application/x-own"), '{"a": 1, "b": "x"}', "application/x-own"),
        (("semicolons", "--format", "files", "--content-type", "text/x-own"), "a;b\\n1;x\\n", "text/x-own"),
    ],
)
def test_records_become_the_requests_that_were_asked_for(run, words, body, content_type):
    """Each setting of a format and of a body has its option; a dry run shows what they do."""
    Path("rows.csv").write_text("a,b\n1,x\n")
    Path("rows.tsv").write_text("a\tb\n1\tx\n")
    Path("semicolons").write_text("a;b\n1;x\n")
    Path("rows.jsonl").write_text('{"a": 1, "b": "x"}\n')
    Path("template").write_text('{"inputs": "say {b}"}\n')

    said = run("bulk", "--endpoint-name", "double", *words, "-o", "out", "--dry-run")

    assert 0 == said.code, said.err
    shown = dict(line.strip().split("  ", 1) for line in said.out.decode().splitlines()[1:])
    assert (body, content_type) == (shown["body"].strip(), shown["content type"].strip())


def test_the_output_has_the_form_that_was_asked_for(run, model):
    """Joined, selected, as CSV; and attributes of each record are where the expression says."""
    Path("in.jsonl").write_text('{"id": 7, "tenant": "acme"}\n')
    words = ("bulk", "--endpoint-name", "attributes", "in.jsonl", "--no-progress")

    said = run(
        *(*words, "-o", "out", "--custom-attributes-from", "tenant", "--inference-ids"),
        *("--join", "--select", "{id: input.id, tenant: output}", "--output-format", "csv"),
    )

    assert 0 == said.code, said.err
    assert "id,tenant\n7,acme\n" == Path("out/part-00000.csv").read_text().replace("\r", "")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((*BULK, "-o", "out"), "no input is named"),
        ((*BULK, "a.jsonl", "b.jsonl"), "-o is missing: name the folder for the results"),
        ((*BULK, "in.jsonl", "-o", "in.txt"), "-o in.txt is a file; name a folder for the results"),
        ((*BULK, "nowhere.jsonl", "-o", "out"), "input 'nowhere.jsonl': there is no such file"),
        ((*BULK, ".", "-o", "out"), "--body-key needs --format: the names of the input do not tell the format"),
        ((*BULK[:3], "in.txt", "-o", "out"), "say what the files are with --format\n"),
        ((*BULK[:3], "in.json", "-o", "out"), "say which with --format jsonl or --format files\n"),
        ((*RUN, "--no-header"), "--no-header is for CSV, and the input is read as JSONLines("),
        ((*RUN, "--columns", "a"), "--columns does not go with --body-key; it is for Parquet files"),
        ((*RUN, "--prompt-template", "{}"), "--body-key does not go with --prompt-template"),
        ((*RUN, "--max-rows", "0"), "invalid number value: '0'"),
        ((*RUN, "--select", "]"), "--select is ']', which is not JMESPath"),
        ((*RUN, "--session-id-from", "]"), "--session-id-from is ']', which is not JMESPath"),
        (
            (*RUN, "--session-id-from", "s", "--max-rows", "2"),
            "--session-id-from is taken from each record, but JSONBody(",
        ),
        ((*RUN, "--session-id", "s"), "--session-id-from takes it from each record"),
        ((*RUN, "--output", "json"), "results go into the folder of -o"),
        ((*RUN, "--retry-dead"), "--retry-dead: there is no run in "),
        ((*BULK, "in.jsonl", "-o", "s3://bucket/out"), "name a folder on a local disk with --state"),
        ((*RUN, "--kms-key", "k"), "--encryption and --kms-key are for S3"),
        ((*RUN, "--upload-to", "s3://bucket/"), "--upload-to is for --asynchronous"),
        ((*RUN, "--workers", "2"), "--workers is for --engine"),
        ((*RUN, "--engine", "ray", "--no-sign-request"), "--no-sign-request cannot be sent to the workers of --engine"),
        ((*RUN, "--engine", "dask", "-v"), "-v cannot be sent to the workers of --engine"),
    ],
)
def test_a_mistake_in_a_run_is_one_line_and_exit_code_2(run, model, words, line):
    """In the words of the command line, before anything is sent or made."""
    for name in ("in.jsonl", "in.json", "in.txt"):
        Path(name).write_text("1\n")

    said = run(*words)

    assert (2, b"", 0) == (said.code, said.out, model.asked)
    assert line in said.err
    assert 1 == said.err.count("\n")
    assert not Path("out").exists()


def test_what_stops_a_run_says_how_to_go_on(run, model):
    """Too many failures, another setting, a service that refuses: exit codes differ, and the way on is said."""
    Path("in.jsonl").write_text("1\n13\n2\n")

    stopped = run(*RUN, "--max-errors", "0")
    other = run(*RUN, "--resume", "--join")
    members = run(*RUN, "--resume", "--target-variant", "blue")
    missing = run("bulk", "--endpoint-name", "misspelt", "in.jsonl", "-o", "other", "--no-progress")

    assert (1, 1) == (stopped.code, stopped.err.count("\n"))
    assert "failed records: 1, and --max-errors is 0; the dead letters say why, the last ModelError." in stopped.err
    assert "the same command with --resume continues it" in stopped.err
    assert (2, 2) == (other.code, members.code)
    assert "was started with join=False, and now it is True" in other.err
    assert "was started with other members" in members.err
    assert 1 == missing.code
    assert "stopped; what is done is kept, and the same command with --resume continues it\n" in missing.err


def test_no_other_command_imports_what_bulk_needs(environment):
    """A shell starts the command for each call."""
    code = "import sys\nfrom sagemaker_runtime.cli.main import main\ntry: main(['invoke', '--help'])\nexcept SystemExit: pass\n"
    code += "print([name for name in sys.modules if name.startswith('sagemaker_runtime.bulk')])"

    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)  # noqa: S603

    assert said.stdout.endswith(b"\n[]\n"), os.fsdecode(said.stderr)
