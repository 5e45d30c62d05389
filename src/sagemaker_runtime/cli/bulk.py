"""``bulk``: send the records of files to an endpoint, and write the results."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sagemaker_runtime import ConfigError, SageMakerRuntimeError
from sagemaker_runtime.bulk import BulkError, preview_bulk, run_bulk
from sagemaker_runtime.cli.bodies import path_of, read_text
from sagemaker_runtime.cli.connection import add_connection, add_limits, open_async_client, read_recipe
from sagemaker_runtime.cli.failures import StoppedError, UsageError
from sagemaker_runtime.cli.preview import preview_text
from sagemaker_runtime.cli.records import add_body, add_format, count, read_body_of_records, read_format
from sagemaker_runtime.cli.terminal import end_line, note, say

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from sagemaker_runtime import Client
    from sagemaker_runtime.bulk import BulkPreview, BulkReport, ClientRecipe
    from sagemaker_runtime.cli.parser import Parser

DEAD_LETTERS = 4
_MEMBERS = (
    "accept",
    "content_type",
    "target_model",
    "target_variant",
    "target_container_hostname",
    "inference_component_name",
)


def build(parser: Parser) -> None:
    """Add the options."""
    parser.describe(
        "--endpoint-name NAME INPUT... -o FOLDER [options]",
        "Send each record of the input to an endpoint, and write the results into FOLDER, in parts.\n"
        "INPUT is a file, a folder, a glob or s3://bucket/prefix/; FOLDER may be in S3, too.\n"
        "It sends as many requests at once as the endpoint can take. A record that fails for good becomes a dead letter.\n"
        "If a run is stopped, even by kill -9, the same command with --resume continues it.",
        "% --endpoint-name iris rows.csv -o scores",
        "% --endpoint-name iris 'rows/*.jsonl' -o scores --body-key instances --max-rows 32 --dry-run",
        "% --endpoint-name iris 'rows/*.jsonl' -o scores --body-key instances --max-rows 32 --resume",
        "% --endpoint-name cats s3://bucket/photos/ -o s3://bucket/labels/ --state labels-run",
        '% --endpoint-name llm questions.jsonl -o answers --prompt-template \'{"inputs": "{question}"}\' --join',
        "% --endpoint-name iris rows.csv -o scores --retry-dead",
        "% --endpoint-name cats s3://bucket/photos/ -o s3://bucket/labels/ --state labels-run --engine ray",
    )
    parser.several("inputs")
    parser.option("--endpoint-name", "NAME", "the endpoint (required)", required=True)
    parser.section("input")
    add_format(parser)
    parser.section("requests")
    add_body(parser)
    _add_members(parser)
    parser.section("output")
    parser.option("-o", "FOLDER", "where results go; created if missing (required)", dest="folder")
    parser.choice("--output-format", ("jsonl", "csv", "parquet"), "the format of results; jsonl by default")
    parser.flag("--join", "write each record beside its result")
    parser.option("--select", "JMESPATH", "the part of each result to write: {id: input.id, score: output[0]}")
    parser.section("the run")
    parser.flag("--dry-run", "show what would be sent; send and write nothing")
    parser.flag("--resume", "continue a run that was stopped; begin one if there is none")
    parser.flag("--retry-dead", "send the dead letters of a finished run again")
    parser.option("--limit", "N", "concurrent requests; by default, as many as the endpoint can take", kind=count)
    parser.option("--max-errors", "N", "stop when more records than this have failed", kind=_number)
    parser.option(
        "--state", "FOLDER", "folder on a local disk for the state of the run; .bulk in the output by default"
    )
    parser.flag("--verify", "read all of the input first, so that --resume notices every change")
    parser.flag("--no-progress", "show no progress on stderr")
    parser.choice("--engine", ("ray", "dask"), "spread the parts over a cluster; each worker makes its own client")
    parser.option(
        "--workers", "N", "with --engine, concurrent parts; by default, one per CPU (ray) or thread (dask)", kind=count
    )
    parser.section("asynchronous endpoints and S3")
    parser.flag("--asynchronous", "queue each request, and wait for its result in S3")
    parser.option("--upload-to", "S3URI", "prefix for bodies of more than 128,000 bytes, which are queued from there")
    parser.flag("--remove-uploads", "remove each upload once its result is there")
    parser.option("--encryption", "KIND", "the encryption of objects written to S3: AES256, aws:kms or aws:kms:dsse")
    parser.option("--kms-key", "KEY", "ARN or id of the key for aws:kms")
    parser.section("connection")
    add_limits(parser, "limit for each request with its retries; none by default")
    add_connection(parser)
    parser.refuse("results go into the folder of -o, in the form of --output-format", "--output")
    parser.refuse("--select takes JMESPath of each result", "--query")
    parser.refuse("name the input's files, and see --body-format for how they are sent", "--body")
    parser.refuse("--session-id-from takes it from each record", "--session-id")
    parser.refuse("--inference-ids makes one for each request", "--inference-id")


def _add_members(parser: Parser) -> None:
    parser.option("--content-type", "TYPE", "MIME type of the bodies, instead of that of --body-format")
    parser.option("--accept", "TYPE", "desired MIME type of responses, instead of that of --body-format")
    parser.option("--target-model", "FILE", "the model, on a multi-model endpoint")
    parser.option("--target-variant", "NAME", "the production variant, regardless of weights")
    parser.option("--target-container-hostname", "NAME", "the container, on a multi-container endpoint")
    parser.option("--inference-component-name", "NAME", "the inference component")
    parser.option("--custom-attributes", "TEXT", "the same text for all requests, or @FILE")
    parser.option("--custom-attributes-from", "JMESPATH", "where the custom attributes are in each record")
    parser.option("--session-id-from", "JMESPATH", "where the session id is in each record")
    parser.flag("--inference-ids", "give each request an id, and write it into results")


def _number(text: str) -> int:
    return 0 if text == "0" else count(text)


_number.__name__ = "number"


def run(given: Namespace) -> int:
    """Begin the run, continue it, or show what it would send."""
    if not given.inputs:
        raise UsageError("no input is named; write bulk INPUT... -o FOLDER")
    if given.folder is None:
        hint = f"; the input is {', '.join(given.inputs)}" if len(given.inputs) > 1 else ""
        raise UsageError(f"-o is missing: name the folder for the results{hint}")
    if path_of(given.folder).is_file():
        raise UsageError(f"-o {given.folder} is a file; name a folder for the results")
    if given.upload_to is not None and not given.asynchronous:
        raise UsageError("--upload-to is for --asynchronous endpoints; others take bodies with the request")
    format = read_format(given)
    arguments: dict[str, Any] = {
        "format": format,
        "body": read_body_of_records(given, format),
        "members": _members(given),
        "session_id": given.session_id_from,
        "custom_attributes": given.custom_attributes_from,
    }
    state = _state(given)
    if state is not None:
        _check(given, state)
    if given.workers is not None and given.engine is None:
        raise UsageError("--workers is for --engine")
    client = open_async_client(given, sends=not given.dry_run)
    recipe = None if given.engine is None else read_recipe(given)
    if given.dry_run:
        say(preview_text(asyncio.run(_preview(client, given, arguments)), given, goes_on=_has_run(state)))
        return 0
    try:
        report = asyncio.run(_run(client, recipe, given, arguments))
    except (asyncio.CancelledError, KeyboardInterrupt):
        end_line()
        _say_how_to_go_on(given, state, "interrupted")
        raise KeyboardInterrupt from None
    except BulkError as error:
        raise StoppedError(str(error)) from error
    except SageMakerRuntimeError as error:
        if not isinstance(error, ConfigError):  # its text says what to do
            _say_how_to_go_on(given, state, "stopped")
        raise
    _say_end(report, given)
    return DEAD_LETTERS if report.failed else 0


def _members(given: Namespace) -> dict[str, object] | None:
    members = {name: vars(given)[name] for name in _MEMBERS}
    members["custom_attributes"] = read_text("--custom-attributes", given.custom_attributes)
    return {name: value for name, value in members.items() if value is not None} or None


def _state(given: Namespace) -> Path | None:
    """The folder with the state of the run; None if --state is missing, which `run_bulk` reports."""
    if given.state is not None:
        return path_of(given.state)
    return None if given.folder.startswith("s3://") else path_of(given.folder) / ".bulk"


def _has_run(state: Path | None) -> bool:
    return state is not None and (state / "plan.json").exists()


def _check(given: Namespace, state: Path) -> None:
    """Refuse to continue a run without being asked to, or to retry the dead letters of no run."""
    if not _has_run(state):
        if given.retry_dead:
            raise UsageError(
                f"--retry-dead: there is no run in {str(state)!r}; name the output and --state that it had"
            )
    elif not (given.resume or given.retry_dead):
        if (state / "report.json").exists():
            raise UsageError(
                f"the run in {str(state)!r} is done: --retry-dead sends its dead letters again, "
                "and a new run needs another -o"
            )
        raise UsageError(
            f"there is an unfinished run in {str(state)!r}: --resume continues it, and a new run needs another -o"
        )


async def _preview(client: Client, given: Namespace, arguments: dict[str, Any]) -> BulkPreview:
    async with client:
        return await preview_bulk(client, given.endpoint_name, given.inputs, given.folder, **arguments)


async def _run(client: Client, recipe: ClientRecipe | None, given: Namespace, arguments: dict[str, Any]) -> BulkReport:
    async with client:
        _drain_on_interrupt()
        return await run_bulk(
            client if recipe is None else recipe,
            given.endpoint_name,
            given.inputs,
            given.folder,
            **arguments,
            output_format=given.output_format or "jsonl",
            join=given.join,
            select=given.select,
            inference_ids=given.inference_ids,
            limit=given.limit,
            max_errors=given.max_errors,
            retry_dead=given.retry_dead,
            asynchronous=given.asynchronous,
            upload_to=given.upload_to,
            remove_uploads=given.remove_uploads,
            encryption=given.encryption,
            kms_key=given.kms_key,
            state=given.state,
            verify=given.verify,
            progress=not given.no_progress,
            engine=given.engine,
            workers=given.workers,
        )


def _drain_on_interrupt() -> None:
    """Make the first Ctrl-C cancel the run, which then waits for the requests in flight; the second one ends the wait."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop_now() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        raise KeyboardInterrupt  # between two steps of tasks, not within one: a coroutine that it had just made would be lost

    def stop() -> None:
        loop.add_signal_handler(signal.SIGINT, stop_now)
        end_line()
        note("stopping: requests in flight have 10 s to end; Ctrl-C again stops without waiting for them")
        if task is not None:
            task.cancel()

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as in the background of a script
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(signal.SIGINT, stop)


def _say_how_to_go_on(given: Namespace, state: Path | None, what: str) -> None:
    if _has_run(state):
        command = "the same command" if given.resume or given.retry_dead else "the same command with --resume"
        note(f"{what}; what is done is kept, and {command} continues it")


def _say_end(report: BulkReport, given: Namespace) -> None:
    """One line; the report itself is in the output."""
    codes = dead = ""
    if report.failed:
        codes = f" ({', '.join(sorted(report.failures))})"
        dead = f", the failed records in {given.folder.rstrip('/')}/dead-letters; --retry-dead sends them again"
    note(
        f"{report.records:,} record{'' if report.records == 1 else 's'}, {report.failed:,} failed{codes}, in {report.seconds:,.1f} s: "
        f"results and report.html are in {given.folder}{dead}"
    )
