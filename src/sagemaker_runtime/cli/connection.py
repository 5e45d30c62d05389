"""The options of every command that makes a client: endpoint, credentials, middleware and verbosity."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from attrs import evolve

from sagemaker_runtime import Client, SyncClient, Timeout, load_config, override, with_api_options
from sagemaker_runtime.cli.failures import UsageError
from sagemaker_runtime.sync import LoopThread

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from sagemaker_runtime import APIOption, Config, OptFn, Options
    from sagemaker_runtime.bulk import ClientRecipe
    from sagemaker_runtime.cli.parser import Parser

_Client = TypeVar("_Client", Client, SyncClient)
_NO_LIMIT = 10.0**9  # seconds; for the AWS CLI's 0


def add_connection(parser: Parser) -> None:
    """Add the options for endpoint, credentials, middleware and verbosity."""
    parser.option("--region", "NAME", "the AWS region, such as eu-west-1")
    parser.option("--profile", "NAME", "the profile in the shared files of the AWS tools")
    parser.option("--endpoint-url", "URL", "the URL to send to, instead of AWS's own")
    parser.option("--ca-bundle", "PATH", "certificates to trust, instead of the system's")
    parser.flag("--no-sign-request", "send without a signature or credentials")
    parser.repeated("--api-option", "MODULE:NAME", "change the stack with your function; may be repeated")
    parser.option("--import-from", "FOLDER", "also import modules from this folder; . for the current one")
    parser.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="print more to stderr: facts, headers, full errors; -vv for all",
    )
    parser.without_effect("--no-cli-pager", "--no-cli-auto-prompt", "--no-paginate")
    parser.without_effect("--color", takes_value=True)
    parser.refuse("use -vv to see what is sent and received", "--debug")
    parser.refuse(
        "certificates are always checked; name those of your own authority with --ca-bundle", "--no-verify-ssl"
    )


def add_limits(parser: Parser, total: str) -> None:
    """Add the options for time limits; *total* is the help of ``--timeout``."""
    parser.option("--timeout", "SECONDS", total, kind=_seconds)
    parser.option("--cli-connect-timeout", "SECONDS", "limit for connecting; 10 by default, 0 for none", kind=_limit)
    parser.option("--cli-read-timeout", "SECONDS", "limit for waiting for data; 70 by default, 0 for none", kind=_limit)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _NO_LIMIT:
        raise ValueError(text)
    return seconds


def _limit(text: str) -> float:
    return _NO_LIMIT if float(text) == 0 else _seconds(text)


_seconds.__name__ = _limit.__name__ = "number of seconds"  # argparse shows it: "invalid number of seconds value: 'x'"


def read_config(given: Namespace) -> Config:
    """
    The configuration of the machine, overridden by the options given.

    Raises:
        ConfigError: It is invalid.
    """
    thread = LoopThread(nullcontext(), name="sagemaker-runtime-load")
    thread.open()
    try:
        return thread.run(
            load_config,
            region=given.region,
            profile=given.profile,
            endpoint_url=given.endpoint_url,
            ca_bundle=given.ca_bundle,
        )
    finally:
        thread.close()


def open_client(given: Namespace, *last: APIOption, sends: bool = True) -> SyncClient:
    """
    Make the client that the options describe.

    Args:
        given: The command line, with the options of `add_connection`, and perhaps of `add_limits`.

        last: ``api_options`` that come after the user's.

        sends: Whether there will be a call, which needs a region or an endpoint.

    Raises:
        UsageError: An option cannot be used.
        ConfigError: The configuration is invalid.
    """
    return _opened(SyncClient.from_config, given, last, sends=sends)


def open_async_client(given: Namespace, *, sends: bool = True) -> Client:
    """Like `open_client`, but for an event loop, which need not be running yet."""
    return _opened(Client.from_config, given, (), sends=sends)


def _opened(
    from_config: Callable[..., _Client], given: Namespace, last: tuple[APIOption, ...], *, sends: bool
) -> _Client:
    api_options = [_imported(given, name) for name in given.api_option]
    config = read_config(given)
    if sends and config.region is None and config.base_endpoint is None:
        raise UsageError("no region is known: give --region, or set AWS_REGION ('sagemaker-runtime doctor' shows more)")
    opt_fns: list[OptFn] = [with_api_options(*api_options, *last), *_limits(given), *_signature(given), *_logs(given)]
    try:
        return from_config(config, *opt_fns)
    except Exception as error:
        if api_options and not _is_ours(error):
            names = ", ".join(given.api_option)
            raise UsageError(f"--api-option {names} raised {type(error).__name__}: {error}") from error
        raise


def read_recipe(given: Namespace) -> ClientRecipe:
    """
    How the workers of a cluster make the client that the options describe.

    Raises:
        UsageError: One of the options works in this process only.
    """
    for option, name in (("--api-option", "api_option"), ("--no-sign-request", "no_sign_request"), ("-v", "verbose")):
        if getattr(given, name):
            raise UsageError(f"{option} cannot be sent to the workers of --engine; leave it out")
    from sagemaker_runtime.bulk import ClientRecipe

    changed = _changed_limits(given)
    return ClientRecipe(
        region=given.region,
        profile=given.profile,
        endpoint_url=given.endpoint_url,
        ca_bundle=given.ca_bundle,
        timeout=evolve(Timeout(), **changed) if changed else None,
    )


def _is_ours(error: Exception) -> bool:
    from sagemaker_runtime import SageMakerRuntimeError

    return isinstance(error, SageMakerRuntimeError)


def _signature(given: Namespace) -> list[OptFn]:
    if not given.no_sign_request:
        return []
    from sagemaker_runtime import AnonymousCredentialsProvider

    return [override(credentials=AnonymousCredentialsProvider())]


def _changed_limits(given: Namespace) -> dict[str, float]:
    limits: dict[str, float | None] = {
        "total": getattr(given, "timeout", None),
        "connect": getattr(given, "cli_connect_timeout", None),
        "read": getattr(given, "cli_read_timeout", None),
    }
    return {name: seconds for name, seconds in limits.items() if seconds is not None}


def _limits(given: Namespace) -> list[OptFn]:
    changed = _changed_limits(given)
    if not changed:
        return []

    def change(options: Options) -> None:
        options.timeout = evolve(options.timeout, **changed)

    return [change]


def _logs(given: Namespace) -> list[OptFn]:
    if not given.verbose:
        return []
    from sagemaker_runtime import ClientLogMode
    from sagemaker_runtime.cli.verbose import logger

    mode = ClientLogMode.RETRIES | ClientLogMode.REQUEST | ClientLogMode.RESPONSE
    if given.verbose > 1:
        mode |= ClientLogMode.SIGNING | ClientLogMode.RESPONSE_EVENT_MESSAGE
    return [override(client_log_mode=mode, logger=logger())]


def _imported(given: Namespace, name: str) -> APIOption:
    module, _, path = name.partition(":")
    if not (module and path):
        raise UsageError(f"--api-option {name} names no function; write MODULE:FUNCTION")
    import_also_from(given.import_from)
    try:
        found: object = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # a module may raise anything when it is imported
        hint = "" if given.import_from else import_hint(error, module)
        raise UsageError(f"--api-option {name} cannot be imported: {type(error).__name__}: {error}{hint}") from error
    if not callable(found):
        raise UsageError(f"--api-option {name} is of type {type(found).__name__}; name a function of a Stack")
    return found


def import_also_from(folder: str | None) -> None:
    """
    Also import modules from *folder*, but after all other places, so that nothing there replaces the standard library.

    Args:
        folder: The folder. None changes nothing.

    Raises:
        UsageError: It is not a folder.
    """
    if folder is not None:
        path = Path(folder).expanduser().absolute()
        if not path.is_dir():
            raise UsageError(f"--import-from: {folder!r} is not a folder")
        if str(path) not in sys.path:
            sys.path.append(str(path))


def import_hint(error: BaseException, module: str) -> str:
    """What to do if a module of the user was not found; empty for other errors."""
    if isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]:
        return "; if it is in the current folder, add --import-from ."
    return ""
