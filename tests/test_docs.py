"""The pages under docs say what the code does."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest
from attrs import fields_dict
from support import client

import sagemaker_runtime
from sagemaker_runtime import InvokeEndpointInput, ServiceError, StandardRetryer, Timeout, errors, retry

PAGE = (Path(__file__).parent.parent / "docs" / "retries.md").read_text()


def table(heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, without its head."""
    lines = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("|")]
    return rows[2:]


def service_error(code: str, status: int) -> ServiceError:
    error = ServiceError("No.")
    error.code, error.status = code, status
    return error


def skewed() -> ServiceError:
    error = service_error("InvalidSignatureException", 403)
    error.clock_skew = 3_600.0
    return error


def renewed() -> ServiceError:
    error = service_error("ExpiredTokenException", 403)
    error.credentials_renewed = True
    return error


# What each row of the first table stands for, in its order.
FAILURES: list[list[Exception]] = [
    [errors.ModelNotReadyException()],
    [service_error("ThrottlingException", 400), service_error("Other", 429)],
    [service_error("Other", status) for status in (500, 502, 503, 504, 530)] + [service_error("RequestTimeout", 408)],
    [skewed()],
    [renewed()],
    [errors.ConnectError(), errors.ConnectTimeoutError()],
    [errors.RefusedStreamError()],
    [errors.CertificateError()],
    [errors.ProxyRefusedError()],
    [errors.WriteTimeoutError()],
    [errors.ConnectionLostError()],
    [errors.ReadTimeoutError(), errors.InvalidResponseError(), errors.TruncatedResponseError()],
    [service_error("ResourceInUse", 409)],
    [errors.InvalidParamsError(), errors.CredentialsError(), errors.TotalTimeoutError(), ValueError()],
]
WAITS = {"short": retry.BASE_DELAY, "long": retry.THROTTLING_BASE_DELAY, "none": 0.0, "\N{EN DASH}": None}


def retries(error: Exception, **changes: object) -> float | None:
    """The longest wait before a second attempt; None if there is none."""
    return StandardRetryer(draw=lambda: 1.0, **changes).delay([error], elapsed=0.0)  # type: ignore[arg-type]


def test_the_page_tells_of_each_failure_what_the_policy_does() -> None:
    """Who plans for an outage by this table must not be wrong in it."""
    rows = table("What is retried")

    for (failure, kind, retried, wait, _), examples in zip(rows, FAILURES, strict=True):
        for error in examples:
            assert kind == retry.classify(error).value, failure
            assert (retried == "no") == (retries(error) is None), failure
            assert WAITS[wait] == retries(error), failure
    assert {each.value for each in retry.Failure} == {kind for _, kind, *_ in rows}


def test_the_page_and_the_packages_docstring_have_the_same_rows() -> None:
    """The one is for users, the other for those who change the policy."""
    lines = (inspect.getdoc(retry) or "").splitlines()
    docstring = [re.split(r"\s{2,}", line)[:2] for line in lines if re.match(r"\S.*\s{2,}(yes|once|no)\s", line)]

    page = [[kind, retried.partition(",")[0]] for _, kind, retried, *_ in table("What is retried")]
    assert docstring == page


def test_what_the_page_says_changes_a_decision_does() -> None:
    """Each ``StandardRetryer(...)`` of the last column turns a yes into a no, a no into a yes, or makes the wait shorter."""
    tried = 0
    for (failure, *_, change), (error, *_) in zip(table("What is retried"), FAILURES, strict=True):
        for code in re.findall(r"`StandardRetryer\((\w+)=(.*?)\)`", change):
            name, text = code
            value = frozenset({"ResourceInUse"}) if name == "error_codes" else ast.literal_eval(text)
            assert name in fields_dict(StandardRetryer)
            assert retries(error) != retries(error, **{name: value}), failure
            tried += 1
    assert tried == PAGE.partition("## Cold starts")[0].count("`StandardRetryer(") - 1  # the one below with dots


def test_the_page_has_the_numbers_of_the_code() -> None:
    """A number that is changed in the code only is the kind of mistake that nobody sees."""
    flat = " ".join(PAGE.split())
    for said in (
        f"from 0 to {retry.BASE_DELAY} s, a **long** one from 0 to {retry.THROTTLING_BASE_DELAY:g} s",
        f"up to {retry.MAX_DELAY:g} s. Waits are random",
        f"up to {retry.RETRY_AFTER_SPREAD:g} s beyond its own wait",
        f"{retry.MODEL_NOT_READY_TIMEOUT:g} s from the start of the call",
        f"share {retry.QUOTA} tokens",
        f"A retry takes {retry.RETRY_COST} tokens, one after throttling {retry.THROTTLING_COST}, and one of a cold start or of a refused stream none",
        f"or {retry.FIRST_ATTEMPT_CREDIT} if it needed none",
        "`Timeout(connect={0.connect:g}, write={0.write:g}, read={0.read:g}, total={0.total})`".format(Timeout()),
    ):
        assert said in flat
    assert retry.MAX_ATTEMPTS == 3
    assert PAGE.startswith("# Retries\n\nA call is tried three times")


def test_the_page_knows_every_time_limit_and_what_it_raises() -> None:
    """A limit without a line here would be one that nobody knows of."""
    rows = table("Time limits")

    assert list(fields_dict(Timeout)) == [name.strip("`") for name, *_ in rows]
    for name, default, _, raises, retried in rows:
        limit = getattr(Timeout(), name.strip("`"))
        assert default == ("none" if limit is None else f"{limit:g} s")
        error = getattr(errors, raises.strip("`"))()
        assert (retried == "no") == (retries(error) is None)


def test_a_link_within_the_page_leads_somewhere() -> None:
    """A heading that is renamed breaks them in silence."""
    headings = {
        re.sub("[^a-z -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in PAGE.splitlines()
        if line.startswith("#")
    }

    assert set(re.findall(r"\]\(#(.*?)\)", PAGE)) <= headings


@pytest.mark.parametrize("number", range(PAGE.count("```python")))
async def test_the_examples_of_the_page_run(number: int) -> None:
    """What is copied from a page must work where it is put."""
    source = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[number]
    names: dict[str, object] = {
        "client": client(),
        "params": InvokeEndpointInput(endpoint_name="iris", body=b"1,2"),
        "print": lambda *_: None,
    }
    waits = eval(compile(source, f"docs/retries.md, example {number}", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)  # noqa: S307 - our own page

    if inspect.isawaitable(waits):
        await waits

    assert set(re.findall(r"\b[A-Z]\w+", source)) <= {*sagemaker_runtime.__all__, "None", "True"}
    assert names.keys() > {"client", "params"}
