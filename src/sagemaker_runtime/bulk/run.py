"""`run_bulk`: files in, files out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from sagemaker_runtime import with_api_options
from sagemaker_runtime.bulk.arguments import check_arguments, check_engine
from sagemaker_runtime.bulk.folder import RunFolder
from sagemaker_runtime.bulk.job import Job
from sagemaker_runtime.bulk.many import Manner
from sagemaker_runtime.bulk.observers import observers_of
from sagemaker_runtime.bulk.opening import Place, open_destination, open_source
from sagemaker_runtime.bulk.outputs.convert import converter
from sagemaker_runtime.bulk.progress import Callback, display
from sagemaker_runtime.bulk.recipe import opened
from sagemaker_runtime.bulk.settings import RunSettings
from sagemaker_runtime.bulk.shared_members import check_shared_members
from sagemaker_runtime.bulk.status import Status, Watch
from sagemaker_runtime.bulk.suffixes import body_for, format_for
from sagemaker_runtime.bulk.uninterrupted import whole
from sagemaker_runtime.plugins.concurrency import KneeLimit

if TYPE_CHECKING:
    from sagemaker_runtime import Client, OptFn
    from sagemaker_runtime.bulk.bodies.base import Body
    from sagemaker_runtime.bulk.formats.base import Format
    from sagemaker_runtime.bulk.progress import Display
    from sagemaker_runtime.bulk.recipe import ClientRecipe
    from sagemaker_runtime.bulk.report import BulkReport
    from sagemaker_runtime.bulk.requests import Inputs
    from sagemaker_runtime.predictor import InvokeMembers

ASYNCHRONOUS_LIMIT = 256  # a KneeLimit would only see how fast the queue accepts requests
DRAIN = 10.0  # seconds that calls in flight get after Ctrl-C


async def run_bulk(
    client: Client | ClientRecipe,
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
    engine: Literal["ray", "dask"] | None = None,
    workers: int | None = None,
) -> BulkReport:
    """
    Send the records of files to an endpoint, and write the results to files.

    ::

        report = await run_bulk(
            client,
            "iris",
            "rows/*.jsonl",
            "scores/",
            body=JSONBody(key="instances", max_rows=32),
        )

    Each record ends up exactly once in the output or in the dead letters, even if the process is killed: the same call then
    continues where it stopped, and repeats only the calls of the last half second and those that were in flight. Once the run
    is finished, the same call returns the report.

    Calls are made as by `invoke_many`: with as much concurrency as the endpoint can take, and with patience while it is
    overloaded or unreachable. A record that fails for good becomes a dead letter; the others of its request are sent again
    without it. An error that every record would meet, such as missing access, is raised and stops the run.

    Each stretch of the input becomes one part of the output, ``part-00000.jsonl``, with any dead letters in
    ``dead-letters/part-00000.jsonl``. A part appears only when it is complete. Each line has ``file``, ``record`` (its number
    in the file, from 0) and ``output``. ``report.json`` and ``report.html`` are written at the end.

    When cancelled, as by Ctrl-C, it waits up to *drain* seconds for the calls in flight.

    Args:
        client: Makes the calls. It stays open. A `ClientRecipe` makes a client that is closed at the end; an *engine*
            requires one, because each worker makes its own client.

        endpoint: The name of the endpoint.

        input: Files, folders or globs; or objects, prefixes or globs in S3.

        output: A folder, which is created if it is missing; or ``s3://bucket/prefix/``.

        opt_fns: Change the client's options for these calls.

        format: How files are read. None chooses by their suffixes.

        body: How records become requests. None chooses by the format, with one record per request.

        output_format: The format of the parts; dead letters are always JSON Lines. ``"csv"`` has a column for each key of a result.
            ``output`` is spread over several: one for each key if it is an object, one for each element if it is a list.
            Nested values are JSON. ``"parquet"`` has a column for each key, with lists and structs; a column whose values
            have no common type holds JSON, as text. Each part has its own columns and types.

        join: Whether each result includes its record, as ``input``.

        select: A JMESPath expression for what to write for each result, evaluated on an object with ``file``, ``record``,
            ``input``, ``output`` and any ``inference_id``. None writes the result as it is.

        members: Members of every call's input, such as ``{"target_variant": "blue"}``.

        session_id: A JMESPath expression that finds the session id in a record. None sends none.

        custom_attributes: A JMESPath expression that finds the custom attributes in a record. None sends none.

        inference_ids: Whether to give each call an inference id, made from the position of its first record. The results
            include it, so that captured data can be joined.

        limit: The number of concurrent calls, or a `KneeLimit`, which may have bounds or be shared between runs. None for a
            new `KneeLimit`; for an asynchronous endpoint, whose queue accepts any number, 256.

        max_errors: How many dead letters to accept; one more stops the run. With *retry_dead*, only records that fail again
            count. None for no limit.

        retry_dead: Whether to send the dead letters of a finished run again. Their results go to separate parts,
            ``part-00000-retry-1.jsonl``. Those that fail again remain dead letters.

        asynchronous: Whether the endpoint is asynchronous: requests are submitted, and their results read from S3. With
            `FileBody`, an input object that is already in S3 is not uploaded again.

        upload_to: ``s3://bucket/prefix/`` for those bodies of asynchronous requests that exceed 128,000 bytes. None if no
            body is that large.

        remove_uploads: Whether to remove each upload once its result has been read. If not, leave that to a lifecycle rule
            of the bucket.

        encryption: Server-side encryption of objects written to S3: ``"AES256"``, ``"aws:kms"`` or ``"aws:kms:dsse"``. None
            for the bucket's default.

        kms_key: ARN or id of the KMS key; implies ``"aws:kms"``. None for the account's key for S3.

        state: A folder on a local disk for the plan, the journal and unfinished parts. None for ``.bulk`` in the output,
            which must then be a local folder.

        verify: Whether to compare all bytes of local input files when a run continues, rather than only the size, the times
            and both ends of each file. Set it from the first call on.

        progress: Whether to show progress on stderr: a bar on a terminal or in a notebook if tqdm is installed, otherwise a
            line every 30 s. Or a function that is called with a `Status` every second.

        drain: Seconds to wait for calls in flight when cancelled.

        engine: The engine that spreads the work over processes or machines: ``"ray"`` (the extra ``sagemaker-runtime[ray]``) or
            ``"dask"`` (``sagemaker-runtime[dask]``). It uses the cluster that the program is connected to, or else the one
            that the environment names, or else starts one on this machine. Input and output must be in S3, or in folders
            that all workers can access. None for this process alone. See ``docs/engines.md``.

        workers: With an engine, how many parts are made concurrently; *limit* is divided among them. None for the number of
            CPUs (Ray) or threads (Dask) of the cluster.

    Returns:
        What the run has done since its beginning.

    Raises:
        ConfigError: An argument is invalid, the input or a setting differs from what the run started with, the input changed
            during the run, or another run is using the folder.
        InvalidParamsError: A member that all calls share, such as the name of the endpoint, is invalid. No file was created.
        BulkError: The run stopped before its end: for example, the disk is full, or too many records failed.
        SageMakerRuntimeError: Every record would fail this way.
    """
    check_arguments(
        client, endpoint, output, format=format, body=body, members=members, max_errors=max_errors, drain=drain
    )
    check_engine(client, opt_fns, engine, workers)
    async with opened(client) as made:
        source = open_source(made, input, output, opt_fns, state, verify=verify)
        destination, folder = open_destination(made, output, opt_fns, state, encryption, kms_key, uploads=asynchronous)
        files = await whole(source.files)
        format = format_for(files) if format is None else format
        settings = RunSettings(
            endpoint=endpoint,
            format=format,
            body=body_for(format) if body is None else body,
            output_format=output_format,
            join=join,
            select=select,
            members=members,
            session_id=session_id,
            custom_attributes=custom_attributes,
            inference_ids=inference_ids,
            asynchronous=asynchronous,
            upload_to=upload_to,
            remove_uploads=remove_uploads,
            encryption=encryption,
            kms_key=kms_key,
        )
        if limit is None:
            limit = ASYNCHRONOUS_LIMIT if asynchronous else KneeLimit()
        watch = Watch()
        shows = _display(endpoint, progress)
        spread = None
        if engine is not None:
            from sagemaker_runtime.bulk.engines.choosing import spreading

            spread = spreading(engine, workers, client, settings, source, destination, shows, limit=limit, drain=drain)
        job = Job(
            endpoint=endpoint,
            source=source,
            files=files,
            destination=destination,
            format=format,
            body=settings.body,
            rows=settings.rows(),
            suffix=f".{output_format}",
            convert=converter(output_format),
            # A separate state belongs to one output, so that is recorded; a state inside the output may move with it.
            settings=settings.recorded(None if state is None else destination.where),
            max_errors=max_errors,
            drain=drain,
            watch=watch,
            observers=observers_of(made, opt_fns),
            display=shows,
            asynchronous=settings.calls(),
            spread=spread,
        )

        def inputs(run_id: str) -> Inputs:
            return settings.inputs(run_id, [file.name for file in files])

        # Invalid expressions and members are refused before anything is created.
        await check_shared_members(made, opt_fns, inputs(""), asynchronous=asynchronous)
        manner = Manner((with_api_options(watch), *opt_fns), limit, ordered=True, on_error="return")
        with RunFolder(folder) as held:
            return await job.run(held, made, manner, inputs, retry_dead=retry_dead)


def _display(endpoint: str, progress: object) -> Display | None:
    if callable(progress):
        return Callback(progress)
    return display(endpoint) if progress else None
