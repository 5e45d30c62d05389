"""What ``bulk --dry-run`` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.cli.terminal import escaped

if TYPE_CHECKING:
    from argparse import Namespace

    from sagemaker_runtime.bulk import BulkPreview

_NAMES = 3  # of files that are shown
_SHOWN = 400  # characters of the body


def preview_text(preview: BulkPreview, given: Namespace, *, goes_on: bool) -> str:
    """
    The preview as text.

    Args:
        preview: What would be sent.

        given: The command line.

        goes_on: Whether there is already a run, which this one would continue.
    """
    files, batch, request = preview.files, preview.batch, preview.request
    names = ", ".join(file.name for file in files[:_NAMES]) + (", ..." if len(files) > _NAMES else "")
    lines = [
        ("endpoint", given.endpoint_name + (", asynchronous" if given.asynchronous else "")),
        ("input", f"{_several(len(files), 'file')}, {sum(file.size for file in files):,} bytes: {names}"),
        ("read as", repr(preview.format)),
        ("sent as", repr(preview.body)),
        ("output", f"{_several(preview.parts, 'part')} in {given.folder}"),
    ]
    if batch is None or request is None:
        lines.append(("first request", "none: the input has no records"))
    else:
        records = _several(len(batch.records), "record")
        lines.append(("first request", f"{records} of {batch.file}, {len(request.body or b''):,} bytes"))
        lines.append(("content type", request.content_type or "none"))
        lines.append(("accept", request.accept or "what the container sends"))
        lines.append(("body", _shortened(request.body)))
    if goes_on:
        lines.append(("run", "continues the one that was begun; records that are done are not sent again"))
    width = max(len(name) for name, _ in lines) + 2
    text = "".join(f"  {name:<{width}}{value}\n" for name, value in lines)
    return escaped(f"dry run: nothing is sent or written\n{text}")


def _several(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _shortened(body: object) -> str:
    if not isinstance(body, bytes):
        return "none"
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return "binary"
    line = text[:_SHOWN].replace("\r", "\\r").replace("\n", "\\n")
    return line if len(text) <= _SHOWN else f"{line}..."
