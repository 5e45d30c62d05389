"""`run_bulk`: files in, files out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

from sagemaker_runtime import with_api_options
from sagemaker_runtime.bulk.arguments import check_arguments
from sagemaker_runtime.bulk.asynchronous import AsynchronousCalls
from sagemaker_runtime.bulk.execution import whole
from sagemaker_runtime.bulk.folder import RunFolder
from sagemaker_runtime.bulk.job import Job
from sagemaker_runtime.bulk.many import Manner
from sagemaker_runtime.bulk.opening import Place, open_destination, open_source
from sagemaker_runtime.bulk.outputs.convert import converter
from sagemaker_runtime.bulk.plan import digest
from sagemaker_runtime.bulk.progress import Callback, display
from sagemaker_runtime.bulk.requests import Inputs
from sagemaker_runtime.bulk.rows import Rows
from sagemaker_runtime.bulk.status import Status, Watch
from sagemaker_runtime.bulk.suffixes import body_for, format_for
from sagemaker_runtime.plugins.concurrency import KneeLimit

if TYPE_CHECKING:
    from sagemaker_runtime import Client, OptFn
    from sagemaker_runtime.bulk.bodies.base import Body
    from sagemaker_runtime.bulk.formats.base import Format
    from sagemaker_runtime.bulk.progress import Display
    from sagemaker_runtime.bulk.report import BulkReport
    from sagemaker_runtime.predictor import InvokeMembers

ASYNCHRONOUS_LIMIT = 256  # a KneeLimit would see no more than that requests are taken into the endpoint's queue
DRAIN = 10.0  # seconds for what is under way, after Ctrl-C


async def run_bulk(
    client: Client,
    endpoint: str,
    input: Place | Sequence[Place],
    output: Place,
    /,
    *opt_fns: OptFn,
    format: Format | None = None,
    body: Body | None = None,
    output_format: Literal["jsonl", "csv", "parquet"] = "jsonl",
    join: bool = False,
    select: str | None = None,
    members: InvokeMembers | None = None,
    session_id: str | None = None,
    custom_attributes: str | None = None,
    inference_ids: bool = False,
    limit: int | KneeLimit | None = None,
    max_errors: int | None = None,
    retry_dead: bool = False,
    asynchronous: bool = False,
    upload_to: str | None = None,
    remove_uploads: bool = False,
    encryption: str | None = None,
    kms_key: str | None = None,
    state: Place | None = None,
    verify: bool = False,
    progress: bool | Callable[[Status], object] = True,
    drain: float = DRAIN,
) -> BulkReport:
    """
    Send the records of files to an endpoint, and write what it says of each.

    ::

        report = await run_bulk(
            client,
            "iris",
            "rows/*.jsonl",
            "scores/",
            body=JSONBody(key="instances", max_rows=32),
        )

    Every record is in the output or among the dead letters exactly once, whatever happens on the way: the same call goes on
    where the one before it stopped, or was killed. (What was under way then is invoked again.) Called once more after the
    end, it returns the report. Records are called as by `invoke_many`: as many at once as the endpoint takes, with an
    overloaded or unreachable endpoint waited for. A record that fails for good becomes a dead letter, alone, also if it was
    sent with others. What every record would meet, such as missing access, is raised; the same call goes on then, too.

    A stretch of the input becomes a part of the output: ``part-00000.jsonl``, and, if it has any, its dead letters
    ``dead-letters/part-00000.jsonl``. Each appears when it is whole. A result is a line of ``file``, ``record`` (its number
    in the file, from 0) and ``output``. ``report.json`` comes at the end.

    Cancelled, as by Ctrl-C, it waits a moment for what is under way.

    Args:
        client: Makes the calls. It stays open.

        endpoint: The name of the endpoint.

        input: Files, folders or globs; or objects, prefixes or globs in S3.

        output: A folder, which is made if it is missing; or ``s3://bucket/prefix/``.

        opt_fns: Change the client's options for these calls.

        format: How files are read. None for what their suffixes say.

        body: How records become requests. None for what fits the format, one record a request.

        output_format: Of the parts. ``"csv"`` has a column for each key of a result, but for ``output``: for each of its keys, if
            it is an object, or of its elements, if it is a list; what is nested is JSON. ``"parquet"`` has a column for each
            key, with lists and structs; values of a column that have no type in common are JSON, as text. Columns and types
            are those of the part alone. Dead letters are JSON Lines.

        join: Whether a result has its record beside it, as ``input``.

        select: JMESPath of a result with ``file``, ``record``, ``input`` and ``output``: what is written instead of it.

        members: Of the inputs of all calls, such as ``{"target_variant": "blue"}``.

        session_id: JMESPath of a record: the session that it belongs to.

        custom_attributes: JMESPath of a record: its custom attributes.

        inference_ids: Whether each call has an inference id that is made of its first record's place. Results then say it,
            so that captured data can be joined.

        limit: Calls at once; a `KneeLimit`, to share one, or to bound it. None for one of its own, and for
            256 at an asynchronous endpoint, whose queue takes any number.

        max_errors: Dead letters that it puts up with: it stops at one more. With *retry_dead*, those that failed again. None for
            any number.

        retry_dead: Whether to take up the dead letters of a run that is done. Their results are parts of their own,
            ``part-00000-retry-1.jsonl``; those that fail again are dead letters again.

        asynchronous: Whether the endpoint is an asynchronous one: a request is submitted, and its result waited for in S3. An
            input that is one object in S3 is used where it is.

        upload_to: ``s3://bucket/prefix/`` for the bodies of asynchronous requests that are larger than 128,000 bytes. None if
            there are none.

        remove_uploads: Whether those are removed when their result is there; otherwise, a lifecycle rule of the bucket may.

        encryption: Server-side encryption of what is put into S3: ``"AES256"``, ``"aws:kms"`` or ``"aws:kms:dsse"``. None for
            the bucket's default.

        kms_key: ARN or id of the KMS key; implies ``"aws:kms"``. None for the account's key for S3.

        state: A folder on a local disk for the plan, the journal, and parts that are not whole. None for
            ``.bulk`` in the output, which must be a folder then.

        verify: Whether going on compares all of the input with what it was, and not only sizes, times and both ends of files.

        progress: Whether to show how it is doing on standard error: a bar on a terminal or in a notebook, if tqdm is
            installed, elsewhere a line every 30 s. Or a function that is called with a `Status` every second.

        drain: Seconds to wait for what is under way, after a cancellation.

    Raises:
        ConfigError: An argument makes no sense; the input, or a setting, is not what the run was begun with; another run is at
            work in the folder.
        BulkError: It stopped: the disk is full, the input changed, too many records failed.
        SageMakerRuntimeError: What all records would meet.
    """
    check_arguments(
        client, endpoint, output, format=format, body=body, members=members, max_errors=max_errors, drain=drain
    )
    source = open_source(client, input, output, opt_fns, state, verify=verify)
    destination, folder = open_destination(client, output, opt_fns, state, encryption, kms_key, uploads=asynchronous)
    files = await whole(source.files)
    format = format_for(files) if format is None else format
    body = body_for(format) if body is None else body
    settings = {
        "endpoint": endpoint,
        "format": repr(format),
        "body": repr(body),
        "output_format": output_format,
        "join": str(join),
        "select": select,
        "members": None if members is None else digest(members),
        "session_id": session_id,
        "custom_attributes": custom_attributes,
        "inference_ids": str(inference_ids),
        "asynchronous": str(asynchronous),
        # A state elsewhere would say of any output that its parts are there; one in the output may move with it.
        "output": None if state is None else destination.where,
    }
    watch = Watch()
    job = Job(
        endpoint=endpoint,
        source=source,
        files=files,
        destination=destination,
        format=format,
        body=body,
        rows=Rows(format, join=join, select=select),
        suffix=f".{output_format}",
        convert=converter(output_format),
        settings=settings,
        max_errors=max_errors,
        drain=drain,
        watch=watch,
        display=_display(endpoint, progress),
        asynchronous=partial(
            AsynchronousCalls,
            upload_to=upload_to,
            encryption=encryption,
            kms_key=kms_key,
            remove_uploads=remove_uploads,
        )
        if asynchronous
        else None,
    )

    def inputs(run_id: str) -> Inputs:
        return Inputs(
            endpoint,
            format,
            body,
            {} if members is None else members,
            session_id=session_id,
            custom_attributes=custom_attributes,
            id_prefix=run_id if inference_ids else None,
            files=[file.name for file in files],
        )

    inputs("")  # what is wrong with them is said before anything is made
    if limit is None:
        limit = ASYNCHRONOUS_LIMIT if asynchronous else KneeLimit()
    manner = Manner((with_api_options(watch), *opt_fns), limit, ordered=True, on_error="return")
    with RunFolder(folder) as held:
        return await job.run(held, client, manner, inputs, retry_dead=retry_dead)


def _display(endpoint: str, progress: object) -> Display | None:
    if callable(progress):
        return Callback(progress)
    return display(endpoint) if progress else None
