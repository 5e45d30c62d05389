"""`preview_bulk`: what a run would send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from sagemaker_runtime.bulk.opening import open_source
from sagemaker_runtime.bulk.requests import Inputs
from sagemaker_runtime.bulk.shared_members import check_shared_members
from sagemaker_runtime.bulk.suffixes import body_for, format_for
from sagemaker_runtime.bulk.uninterrupted import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime import Client, InvokeEndpointInput, OptFn
    from sagemaker_runtime.bulk.bodies.base import Body
    from sagemaker_runtime.bulk.formats.base import Batch, Format
    from sagemaker_runtime.bulk.opening import Place
    from sagemaker_runtime.bulk.places import InputFile, Source
    from sagemaker_runtime.predictor import InvokeMembers


@frozen
class BulkPreview:
    """What a run would send."""

    files: Sequence[InputFile]
    """The input, sorted by name."""

    format: Format
    """How the files are read."""

    body: Body
    """How records become requests."""

    parts: int
    """How many parts the output would have."""

    batch: Batch | None
    """The records of the first request. None if the input has no records."""

    request: InvokeEndpointInput | None = field(repr=False)
    """The first request, without its inference id, which would contain the run's id. None if the input has no records."""


async def preview_bulk(
    client: Client,
    endpoint: str,
    input: Place | Sequence[Place],
    output: Place,
    /,
    *opt_fns: OptFn,
    format: Format | None = None,
    body: Body | None = None,
    members: InvokeMembers | None = None,
    session_id: str | None = None,
    custom_attributes: str | None = None,
) -> BulkPreview:
    """
    Show what `run_bulk` would send, without calling the endpoint.

    The input is listed and its beginning read, also in S3. Nothing is written. The arguments are those of `run_bulk`.

    Raises:
        ConfigError: An argument is invalid, or the input cannot be read.
        InvalidParamsError: A member that all calls share is invalid.
        EncodeError: A record of the first request cannot be encoded.
        SageMakerRuntimeError: S3 refused access, or could not be reached.
    """
    source = open_source(client, input, output, opt_fns, None, verify=False)
    files = await whole(source.files)
    format = format_for(files) if format is None else format
    body = body_for(format) if body is None else body
    inputs = Inputs(
        endpoint,
        format,
        body,
        {} if members is None else members,
        session_id=session_id,
        custom_attributes=custom_attributes,
    )
    await check_shared_members(client, opt_fns, inputs, asynchronous=False)
    parts, batch = await whole(_first, files, source, format, body)
    request = None if batch is None else inputs.input(batch, 0, batch.records)
    return BulkPreview(files, format, body, parts, batch, request)


def _first(files: Sequence[InputFile], source: Source, format: Format, body: Body) -> tuple[int, Batch | None]:
    """The number of parts, and the first batch."""
    shards = list(format.shards(files, source))
    for shard in shards:
        batches = format.batches(
            files, source, shard, at=shard.begin, number=0, rows=body.max_rows, size=body.max_bytes
        )
        for batch in batches:
            return len(shards), batch
    return len(shards), None
