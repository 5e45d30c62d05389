"""``bulk report``: the page of a run, made again."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest


@pytest.fixture
def scores(run, tmp_path):
    """The output of a run."""
    (tmp_path / "rows.csv").write_text("x\n1\n2\n3\n")
    run("bulk", "--endpoint-name", "echo", "rows.csv", "-o", "scores")
    return tmp_path / "scores"


@pytest.mark.parametrize("named", ["scores", "scores/.bulk"])
def test_the_page_is_made_again_where_the_run_is_named(run, scores, named):
    """By its output or by its state, which is all that there is here of a run whose output is in S3."""
    page = (scores / "report.html").read_bytes()
    (scores / "report.html").unlink()
    (scores / ".bulk" / "report.html").unlink()

    said = run("bulk", "report", named)

    path = Path.cwd() / named / "report.html"
    assert (0, f"{named}/report.html\n", "") == (said.code, said.out.decode(), said.err)
    assert page == path.read_bytes()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ([], "no folder is given; write bulk report FOLDER"),
        (["s3://bucket/scores/"], "name the folder that it was given as --state"),
        (["nowhere"], "is not the folder of a bulk run"),
        (["--endpoint-name", "echo", "-o", "out"], "an input that is called 'report' is written ./report"),
        (["a", "b"], "one word too many"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_write(run, words, hint):
    """The word `report` is a command here, and may have been meant as an input."""
    said = run("bulk", "report", *words)

    assert (2, b"") == (said.code, said.out)
    assert hint in said.err


def test_an_input_called_report_can_be_named(run, tmp_path):
    """As a path."""
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "rows.csv").write_text("x\n1\n")

    assert 0 == run("bulk", "./report", "--endpoint-name", "echo", "-o", "out").code


def test_the_help_of_a_command_of_two_words_is_found(run):
    """In either order, as for the others."""
    assert run("bulk", "report", "--help").out == run("help", "bulk", "report").out
