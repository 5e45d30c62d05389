"""The command ``python -m sagemaker_runtime.local serve``: a local endpoint for programs in any language."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
import threading
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from sagemaker_runtime import ConfigError, Credentials
from sagemaker_runtime.local.backends.backends import Backend
from sagemaker_runtime.local.backends.exceptions import text_of
from sagemaker_runtime.local.backends.workers import THREADS, model_executor
from sagemaker_runtime.local.endpoint import HOST, LocalEndpoint
from sagemaker_runtime.local.front.listener import ListenError

__all__ = ["leave", "main"]

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Generator, Mapping, Sequence
    from typing import TypeGuard

    from sagemaker_runtime.local.backends.invocation import Model

PROG = "python -m sagemaker_runtime.local"
GRACE = 1.0  # seconds to wait for threads that are about to end
_EPILOG = """\
examples:
  %(prog)s iris=package.module:function
  %(prog)s iris=package.module:function story=http://127.0.0.1:8080 --port 4570
  %(prog)s voice=package.module:duplex --tls
  %(prog)s iris=package.module:function --page
"""


def main(arguments: Sequence[str] | None = None, prog: str = PROG) -> int:
    """
    Run the command until SIGINT or SIGTERM. Call it in the main thread.

    Args:
        arguments: The command line. None for the process's own.

        prog: The command's name in its help.

    Returns:
        The exit code: 0 after a signal to stop, 2 if it could not start.
    """
    given = _parser(prog).parse_args(arguments)
    try:
        _import_also_from(given.import_from)
        local = LocalEndpoint(
            _endpoints(given.endpoint),
            region=given.region,
            credentials=_credentials(given),
            host=given.host,
            port=given.port,
            folder=given.folder,
            tls=given.tls,
            page=given.page,
        )
        asyncio.run(_serve(local, given))
    except (ConfigError, ListenError) as error:
        return _complain(f"{error}")
    return 0


def leave(code: int) -> NoReturn:
    """Exit, even if a model is still running in a thread: the interpreter itself would wait for it."""
    deadline = time.monotonic() + GRACE
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(deadline - time.monotonic(), 0.0))
            if thread.is_alive():
                _say("", end="")
                os._exit(code)
    sys.exit(code)


class _Threads(ThreadPoolExecutor):
    """Threads that nobody waits for at the end: a model may run in one for as long as it likes."""

    def shutdown(self, *_: object, **__: object) -> None:
        super().shutdown(wait=False, cancel_futures=True)


def _say(text: str, end: str = "\n") -> None:
    try:
        print(text, end=end, flush=True)  # noqa: T201 - it is what a command does
    except BrokenPipeError:
        # The reader has left. The interpreter flushes at exit, and must not report an error then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201 - it is what a command does
    return 2


def _parser(prog: str) -> ArgumentParser:
    parser = ArgumentParser(prog=prog, description="A SageMaker Runtime on this machine.")
    commands = parser.add_subparsers(required=True, metavar="serve")
    serve = commands.add_parser(
        "serve",
        help="respond to requests until SIGINT or SIGTERM",
        description="Respond to requests with Python functions, or with containers, until SIGINT or SIGTERM.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    serve.add_argument(
        "endpoint",
        nargs="+",
        metavar="NAME=MODEL",
        help="an endpoint's name and its model: MODULE:FUNCTION, or the URL of a container",
    )
    serve.add_argument("--host", default=HOST, help="where to listen (default: %(default)s, loopback only)")
    serve.add_argument("--port", default=0, type=int, help="the port (default: a free one)")
    serve.add_argument("--folder", help="the folder of asynchronous inputs and results (default: a temporary one)")
    serve.add_argument("--tls", action="store_true", help="use TLS, with a certificate that is made at the start")
    serve.add_argument(
        "--page", action="store_true", help="also serve a page for a browser, which shows calls and injects faults"
    )
    serve.add_argument(
        "--region", default="us-east-1", help="the region that requests must be signed for (default: %(default)s)"
    )
    serve.add_argument(
        "--keys-from-environment",
        action="store_true",
        help="require AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in signatures (default: random keys, which are printed)",
    )
    serve.add_argument(
        "--import-from", metavar="FOLDER", help="also import modules from this folder; . for the current one"
    )
    return parser


def _credentials(given: Namespace) -> Credentials | None:
    # From the environment, not from the command line, which everyone on the machine can read.
    if not given.keys_from_environment:
        return None
    names = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
    access_key_id, secret_access_key = (os.environ.get(name, "") for name in names)
    if not (access_key_id and secret_access_key):
        raise ConfigError(f"--keys-from-environment needs {' and '.join(names)} in the environment")
    return Credentials(access_key_id, secret_access_key)


def _import_also_from(folder: str | None) -> None:
    if folder is not None:
        path = Path(folder).absolute()
        if not path.is_dir():
            raise ConfigError(f"--import-from: {folder!r} is not a folder")
        if str(path) not in sys.path:
            sys.path.append(str(path))  # last, so that nothing there replaces a module of the standard library


def _endpoints(specifications: Sequence[str]) -> Mapping[str, Model | Backend]:
    endpoints: dict[str, Model | Backend] = {}
    for specification in specifications:
        name, _, target = specification.partition("=")
        if not target:
            raise ConfigError(f"{specification!r} is not an endpoint: write NAME=MODULE:FUNCTION, or NAME=http://...")
        if name in endpoints:
            raise ConfigError(f"the endpoint {name!r} is given twice")
        endpoints[name] = _model(target)
    return endpoints


def _model(target: str) -> Model | Backend:
    if target.startswith(("http://", "https://")):
        from sagemaker_runtime.local.backends.container import Container  # it needs aiohttp's client

        return Container(target)
    module, _, path = target.partition(":")
    if not (module and path):
        raise ConfigError(f"{target!r} is not a model: write MODULE:FUNCTION, or the URL of a container")
    try:
        found: object = import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
    except Exception as error:  # a module may raise anything when it is imported
        not_found = isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]
        hint = "; if it is in the current folder, add --import-from ." if not_found and not _looks_here() else ""
        raise ConfigError(f"{target!r} cannot be imported: {type(error).__name__}: {error}{hint}") from error
    if inspect.isclass(found):
        raise ConfigError(f"{target!r} is a class: name an instance of it, or a method of one")
    if not _is_model(found):
        raise ConfigError(f"{target!r} is of type {type(found).__name__}, which cannot be called")
    return found


def _looks_here() -> bool:
    """Whether modules in the current folder are found anyway: with ``python -m``, or with ``--import-from .``."""
    return "" in sys.path or str(Path.cwd()) in sys.path


def _is_model(found: object) -> TypeGuard[Model | Backend]:
    return callable(found) or isinstance(found, Backend)


async def _serve(local: LocalEndpoint, given: Namespace) -> None:
    asyncio.get_running_loop().set_default_executor(_Threads(THREADS, "local"))
    await model_executor(_Threads(THREADS, "local-model"))
    running = asyncio.create_task(_run(local, given))
    with _signals_cancel(running):
        try:
            await running
        except asyncio.CancelledError:  # while a container was still starting, perhaps
            _say("Stopped.")


async def _run(local: LocalEndpoint, given: Namespace) -> None:
    await _start(local)
    async with local:
        _say(_welcome(local, given))
        await asyncio.get_running_loop().create_future()


@contextmanager
def _signals_cancel(task: asyncio.Task[None]) -> Generator[None]:
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(*_: object) -> None:
        loop.call_soon_threadsafe(task.cancel)

    for number in before:
        signal.signal(number, stop)
        with suppress(NotImplementedError):  # on Windows, where any signal wakes the loop
            # Elsewhere, a signal just before the loop starts to wait would go unnoticed until that wait ends.
            loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number, handler in before.items():
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, handler)


async def _start(local: LocalEndpoint) -> None:
    try:
        await local.start()
    except (ConfigError, ListenError):
        raise
    except Exception as error:  # a backend may raise anything when it is started
        raise ConfigError(f"an endpoint could not be started: {type(error).__name__}: {text_of(error)}") from error


def _welcome(local: LocalEndpoint, given: Namespace) -> str:
    keys = local.credentials
    secret = "..." if given.keys_from_environment else keys.secret_access_key  # never print a given one
    first = given.endpoint[0].partition("=")[0]
    bundle = local.ca_bundle
    trust = [] if bundle is None else [f"    export AWS_CA_BUNDLE={bundle} SSL_CERT_FILE={bundle}"]
    storage = [f"    export AWS_ENDPOINT_URL_S3={local.url}"] if given.folder else []
    storage_hint = "For asynchronous inference, start it with --folder FOLDER, which is then served as S3."
    lines = [
        f"SageMaker Runtime is listening at {local.url}, with {len(given.endpoint)} "
        + ("endpoint:" if len(given.endpoint) == 1 else "endpoints:"),
        *("    " + " = ".join(specification.split("=", 1)) for specification in given.endpoint),
        *(["", "To watch the calls, open this page in a browser:", f"    {local.page_url}"] if given.page else []),
        "",
        "To call it with any AWS client, in another terminal:",
        *trust,
        f"    export AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME={local.url}",
        f"    export AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME_HTTP2={local.url}",
        *storage,
        f"    export AWS_REGION={local.region} AWS_DEFAULT_REGION={local.region}",
        f"    export AWS_ACCESS_KEY_ID={keys.access_key_id}",
        f"    export AWS_SECRET_ACCESS_KEY={secret}",
        "    unset AWS_SESSION_TOKEN",
        f"    sagemaker-runtime invoke --endpoint-name {first} --body 'your input'",
        "or, with the AWS CLI:",
        f"    aws sagemaker-runtime invoke-endpoint --endpoint-name {first} \\",
        "        --cli-binary-format raw-in-base64-out --body 'your input' /dev/stdout",
        *([] if given.folder else ["", storage_hint]),
        "",
        "Ctrl-C stops it.",
    ]
    return "\n".join(lines)
