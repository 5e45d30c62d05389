"""Text for the container, appended to the caller's own; and the examples, which do that and assign nothing."""

from __future__ import annotations

import ast
import enum
import re
from pathlib import Path

import pytest
from doc_pages import CONTRIBUTING, DOCS, PAGES, README, ROOT, blocks, name_of

from sagemaker_runtime import (
    BuildMiddleware,
    Client,
    Headers,
    InvalidParamsError,
    InvokeEndpointInput,
    append_custom_attributes,
    with_api_options,
)
from sagemaker_runtime.local import Invocation, LocalEndpoint

HEADER = "X-Amzn-SageMaker-Custom-Attributes"


def appended(text: str, before: str | None = None) -> str | None:
    headers = Headers() if before is None else Headers({HEADER: before})
    append_custom_attributes(headers, text)
    return headers.get(HEADER)


@pytest.mark.parametrize(
    ("before", "text", "after"),
    [
        (None, "tenant=acme", "tenant=acme"),
        ("", "tenant=acme", "tenant=acme"),
        ("trace=7", "tenant=acme", "trace=7,tenant=acme"),
        ("trace=7", "", "trace=7"),
        (None, "", None),
        ("", "", ""),
        ("y" * 1_004, "x" * 19, "y" * 1_004 + "," + "x" * 19),
        (None, "x" * 1_024, "x" * 1_024),
    ],
)
def test_the_text_goes_behind_what_is_there(before: str | None, text: str, after: str | None) -> None:
    """The caller's own stays, up to the service's limit of 1,024 characters with the comma."""
    assert after == appended(text, before)


def test_a_member_of_an_enum_is_written_by_its_value() -> None:
    """An f-string would show the name of the member."""

    class Tenant(str, enum.Enum):  # noqa: UP042 - the kind with that repr
        ACME = "tenant=acme"

    assert "trace=7,tenant=acme" == appended(Tenant.ACME, "trace=7")


@pytest.mark.parametrize(
    ("before", "text", "problem"),
    [
        (
            "SECRET" * 167,
            "HUSH" * 6,
            "1,027 characters: 1,002 that the request already has, a comma, and 24 to append; the service takes 1,024",
        ),
        (None, "HUSH" * 257, "custom_attributes: 1,028 characters; the service takes 1,024 in all"),
        ("SECRET", "HUSH\N{SNOWMAN}", "the text to append has a character that is not ASCII"),
        ("SECRET", "HUSH\r\nX-Evil: 1", "the text to append has a character that is not ASCII, or a control character"),
        ("SECRET\N{SNOWMAN}", "HUSH", "the text that the request already has has a character that is not ASCII"),
        ("SECRET", b"HUSH", "the text to append is of type bytes; it takes str"),
        ("SECRET", None, "the text to append is of type NoneType; it takes str"),
    ],
)
def test_what_the_service_would_refuse_is_refused_without_showing_it(
    before: str | None, text: str, problem: str
) -> None:
    """The error says whose part is too long or cannot be sent; the texts may be secret. The headers stay as they were."""
    headers = Headers() if before is None else Headers({HEADER: before})
    untouched = headers.copy()

    with pytest.raises(InvalidParamsError) as caught:
        append_custom_attributes(headers, text)

    assert problem in str(caught.value)
    assert not any(part in str(caught.value) for part in ("SECRET", "HUSH", "Evil", "\N{SNOWMAN}"))
    assert untouched == headers


def tag_tenant_of(page: Path) -> BuildMiddleware:
    """The middleware that a page's first example defines, with the imports of its block."""
    block = next(block for block in blocks(page.read_text(), "python") if "def tag_tenant" in block)
    imports_and_it = [
        node
        for node in ast.parse(block).body
        if isinstance(node, ast.ImportFrom) or (isinstance(node, ast.AsyncFunctionDef) and node.name == "tag_tenant")
    ]
    names: dict[str, BuildMiddleware] = {}
    exec(compile(ast.Module(imports_and_it, []), str(page), "exec"), names)  # noqa: S102 - our own page
    return names["tag_tenant"]


@pytest.mark.parametrize("page", [README, DOCS / "middleware.md", DOCS / "tutorial.md"], ids=name_of)
@pytest.mark.parametrize(("own", "received"), [(None, b"tenant=acme"), ("trace=7", b"trace=7,tenant=acme")])
async def test_the_first_example_keeps_what_the_caller_has_set(page: Path, own: str | None, received: bytes) -> None:
    """It is what readers copy; one that assigned the header would throw the caller's custom attributes away."""

    def model(invocation: Invocation) -> bytes:
        return (invocation.custom_attributes or "").encode()

    tag_tenant = tag_tenant_of(page)
    async with (
        LocalEndpoint({"iris": model}) as local,
        Client(local.options(), with_api_options(lambda stack: stack.build.add(tag_tenant))) as client,
    ):
        output = await client.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="iris", body=b"", custom_attributes=own)
        )

    assert received == output.body


ASSIGNS = re.compile(r"headers(\.raw)?\[[^\]\n]*(custom[-_]attributes|TENANT)[^\]\n]*\] = ", re.IGNORECASE)


@pytest.mark.parametrize("folder", ["docs", "examples", "src", "."], ids=str)
def test_no_example_assigns_the_header(folder: str) -> None:
    """Nor does any code of ours but the function that appends, and the one that writes the input's member."""
    files = (
        [*PAGES, CONTRIBUTING] if folder == "." else [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.md")]
    )

    assert set() == {name_of(file) for file in files if ASSIGNS.search(file.read_text())}
    assert ASSIGNS.search('step.request.headers["X-Amzn-SageMaker-Custom-Attributes"] = "tenant=acme"')
