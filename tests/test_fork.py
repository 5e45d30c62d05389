"""A process that is forked off: clients, credentials and threads that its parent has used, or is using, serve it too."""

from __future__ import annotations

import ast
import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from transport.servers import serving

from sagemaker_runtime.forking import WHEN_NEEDED

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

PRELUDE = """
import asyncio, os, signal, sys, threading
from sagemaker_runtime import (
    BotocoreCredentialsProvider, Client, Credentials, CredentialsCache, InvokeEndpointInput, Options, load_config, override
)

signal.alarm(80)  # ends this process, should it hang; a child has an alarm of its own

def fork():
    child = os.fork()
    if not child:
        signal.alarm(60)
    return child

def leave():
    sys.stdout.flush()
    os._exit(0)

def code_of(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


async def run(program: str, *arguments: str, **environment: str) -> list[str]:
    """The lines that a program of its own and its children print, if they end well and complain of nothing."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore::DeprecationWarning", "-c", PRELUDE + textwrap.dedent(program), *arguments),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert ("", 0) == (err.decode(), process.returncode)
    return out.decode().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The variables of a machine with keys in a shared file, so that botocore is asked, in a thread."""
    keys = "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n"
    (tmp_path / "credentials").write_text(keys)
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n")
    return {
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
    }


@pytest.mark.parametrize("used", ["used", "not used"])
async def test_a_client_serves_parent_and_child(machine: dict[str, str], used: str) -> None:
    """A web server loads the application, perhaps with a call to try it, and then forks its workers."""
    program = """
        config = asyncio.run(load_config())
        client = Client.from_config(config, override(base_endpoint=sys.argv[1]))

        async def call():
            params = InvokeEndpointInput(endpoint_name="iris", body=b"1")
            outputs = await asyncio.gather(*(client.invoke_endpoint(params) for _ in range(3)))
            return b"".join(output.body for output in outputs)

        if sys.argv[2] == "used":
            asyncio.run(call())
        children = []
        for _ in range(2):
            child = fork()
            if not child:
                for _ in range(2):
                    assert b"okokok" == asyncio.run(call())
                config.credentials.invalidate()  # so that botocore is asked once more, in a thread of the child
                assert b"okokok" == asyncio.run(call())
                assert "eu-west-1" == asyncio.run(load_config()).region
                leave()
            children.append(child)
        assert b"okokok" == asyncio.run(call())
        print(*map(code_of, children))
    """
    async with serving() as server:
        lines = await run(program, server.url, used, **machine)

        assert ["0 0"] == lines
        calls = (2 * 3 + 1 + (used == "used")) * 3
        assert calls == len(server.requests)


async def test_a_child_that_was_forked_during_load_config_loads_its_own(machine: dict[str, str]) -> None:
    """The thread that reads is the parent's; the child has neither it nor its result."""
    program = """
        from sagemaker_runtime import config as module

        reading, go_on = threading.Event(), threading.Event()
        read = module._read_machine

        def slowly(profile):
            reading.set()
            go_on.wait()
            return read(profile)

        async def parent():
            module._read_machine = slowly
            loading = asyncio.create_task(load_config())
            while not reading.is_set():
                await asyncio.sleep(0)
            module._read_machine = read
            child = fork()
            if not child:
                print("child", asyncio.run(load_config()).region)
                leave()
            go_on.set()
            print("parent", (await loading).region, code_of(child))

        asyncio.run(parent())
    """

    assert {"child eu-west-1", "parent eu-west-1 0"} == set(await run(program, **machine))


@pytest.mark.parametrize("loop", ["the same loop", "another loop"])
async def test_a_child_that_was_forked_during_a_refresh_does_not_wait_for_it(loop: str) -> None:
    """What the parent asked for comes to the parent; in the child, its task would be waited for in vain."""
    program = """
        class Provider:
            asked = 0
            slow = True

            async def retrieve(self):
                self.asked += 1
                if self.slow:
                    await asyncio.Event().wait()
                return Credentials(f"AKID{self.asked}", "secret")

        provider = Provider()
        cache = CredentialsCache(provider)
        waiting = []

        async def begin():
            waiting.append(asyncio.create_task(cache.retrieve()))
            while not provider.asked:
                await asyncio.sleep(0)

        loop = asyncio.new_event_loop()
        loop.run_until_complete(begin())
        child = fork()
        if not child:
            provider.slow = False
            ours = loop if sys.argv[1] == "the same loop" else asyncio.new_event_loop()
            print(ours.run_until_complete(cache.retrieve()).access_key_id)
            leave()
        print(code_of(child))
        waiting[0].cancel()
        loop.run_until_complete(asyncio.wait(asyncio.all_tasks(loop), timeout=0))
        os._exit(0 if sys.stdout.flush() is None else 1)
    """

    assert ["AKID2", "0"] == await run(program, loop)


@pytest.mark.parametrize("opened", ["opened in the parent", "opened in the child"])
async def test_a_loop_thread_is_closed_where_it_was_opened(opened: str) -> None:
    """The other process has no such thread, and its context is not entered there."""
    program = """
        from contextlib import asynccontextmanager
        from sagemaker_runtime.sync import LoopThread

        @asynccontextmanager
        async def context():
            yield
            print("left in the", "child" if os.getpid() != parent else "parent", flush=True)

        parent = os.getpid()
        thread = LoopThread(context(), name="it")
        if sys.argv[1] == "opened in the parent":
            thread.open()
        child = fork()
        if not child:
            if sys.argv[1] == "opened in the child":
                thread.open()
            thread.close()
            leave()
        print(code_of(child), flush=True)
        if sys.argv[1] == "opened in the parent":
            thread.close()
    """
    expected = ["0", "left in the parent"] if opened == "opened in the parent" else ["left in the child", "0"]

    assert expected == await run(program, opened)


async def test_a_local_endpoint_serves_a_child_that_has_one_of_its_own(machine: dict[str, str]) -> None:
    """A test-suite that runs its tests in forked processes: the parent's goes on, and the child's has threads too."""
    program = """
        from sagemaker_runtime.local import LocalEndpoint

        def model(invocation):
            return b"%d" % os.getpid()

        async def call(local):
            async with Client(local.options()) as client:
                return int((await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b""))).body)

        with LocalEndpoint({"it": model}) as parents:
            assert os.getpid() == asyncio.run(call(parents))
            child = fork()
            if not child:
                with LocalEndpoint({"it": model}) as own:
                    assert os.getpid() == asyncio.run(call(own))
                assert os.getppid() == asyncio.run(call(parents))
                leave()
            print(code_of(child), os.getpid() == asyncio.run(call(parents)))
    """

    assert ["0 True"] == await run(program, **machine)


@pytest.mark.parametrize("how", ["within a coroutine", "in the same loop"])
async def test_a_loop_of_the_parents_is_refused_in_the_child_with_what_to_do(machine: dict[str, str], how: str) -> None:
    """It shares its selector with the parent's: what the child registers there, the parent would wait for."""
    program = """
        from sagemaker_runtime import ConfigError
        config = asyncio.run(load_config())
        client = Client.from_config(config, override(base_endpoint=sys.argv[1]))
        params = InvokeEndpointInput(endpoint_name="iris", body=b"1")

        async def refused():
            try:
                await client.invoke_endpoint(params)
            except ConfigError as error:
                print("refused" if "asyncio.run()" in str(error) else error, flush=True)

        async def call(*, forks):
            await client.invoke_endpoint(params)
            if forks and not (child := fork()):
                await refused()
                leave()
            if forks:
                print(code_of(child), flush=True)
                await client.invoke_endpoint(params)

        loop = asyncio.new_event_loop()
        loop.run_until_complete(call(forks=sys.argv[2] == "within a coroutine"))
        if sys.argv[2] == "in the same loop":
            if not (child := fork()):
                loop.run_until_complete(refused())
                asyncio.run(call(forks=False))
                leave()
            print(code_of(child), flush=True)
        loop.run_until_complete(call(forks=False))
        loop.run_until_complete(client.close())
        loop.close()
    """
    async with serving() as server:
        assert ["refused", "0"] == await run(program, server.url, how, **machine)


async def test_a_stream_that_a_child_closes_stays_open_in_the_parent() -> None:
    """As it does when the child's copy is collected: the connection is the parent's."""
    program = """
        from sagemaker_runtime import InvokeEndpointWithResponseStreamInput
        from sagemaker_runtime.local import LocalEndpoint

        async def story(invocation):
            for number in range(300):
                yield bytes(5_000)

        async def main(local):
            async with Client(local.options()) as client:
                params = InvokeEndpointWithResponseStreamInput(endpoint_name="it", body=b"")
                stream = (await client.invoke_endpoint_with_response_stream(params)).body
                await anext(stream)
                if not (child := fork()):
                    stream.close()
                    leave()
                print(code_of(child), 1 + len([part async for part in stream]), flush=True)

        with LocalEndpoint({"it": story}) as local:
            asyncio.run(main(local))
    """

    assert ["0 300"] == await run(program)


async def test_a_module_that_another_thread_is_importing_can_be_imported_in_a_child(tmp_path: Path) -> None:
    """
    A call imports some modules when it first needs them. The child has the lock of the import, and not its thread.

    The import ends only when the parent is seen to wait for it.
    """
    (tmp_path / "escapes.py").write_text("import __main__\n__main__.begun.set()\n__main__.go_on.wait()\nDONE = True\n")
    program = """
        import time, traceback
        import sagemaker_runtime
        sagemaker_runtime.__path__.insert(0, sys.argv[1])
        begun, go_on, parent = threading.Event(), threading.Event(), threading.get_ident()

        def let_go_on():
            while not any(frame.name == "finish_imports" for frame in traceback.extract_stack(sys._current_frames()[parent])):
                time.sleep(0)
            go_on.set()

        importing = threading.Thread(target=lambda: __import__("sagemaker_runtime.escapes"))
        importing.start()
        begun.wait()
        threading.Thread(target=let_go_on, daemon=True).start()
        if not (child := os.fork()):
            signal.alarm(10)
            from sagemaker_runtime.escapes import DONE
            print(DONE)
            leave()
        print(code_of(child), flush=True)
        importing.join()
    """

    assert ["True", "0"] == await run(program, str(tmp_path))


NOT_IN_A_CALL = {
    "difflib": "for an error in the program that calls",
    "sagemaker_runtime.known_keys": "the same",
    "sagemaker_runtime.middleware.advice": "the same",
    "sagemaker_runtime.mistakes": "the same",
    "sagemaker_runtime.config": "when a client is made",
    "sagemaker_runtime.credentials": "the same",
    "sagemaker_runtime.retry": "the same",
    "sagemaker_runtime.transport.aiohttp.client": "the same",
    "sagemaker_runtime.transport.aiohttp.proxied": "the same, unless proxies are set later",
    "urllib.request": "the same",
    "sagemaker_runtime.async_inference.clients": "for wait_for_output",
    "sagemaker_runtime.async_inference.waiting": "the same",
    "sagemaker_runtime.duplex_call": "for duplex calls",
    "sagemaker_runtime.duplex_pipeline": "the same",
    "sagemaker_runtime.event_signing": "the same",
    "sagemaker_runtime.middleware.duplex": "the same",
    "sagemaker_runtime.operations.invoke_endpoint_with_bidirectional_stream": "the same",
    "sagemaker_runtime.transport.h2.client": "the same",
}
"""What a module that calls need imports in a function, and why not in a call."""


def test_a_fork_knows_what_a_call_imports_when_it_needs_it() -> None:
    """The thread that forks imports it all, so that no other thread is just doing so: a module is found before it is listed."""
    modules = ("sys", "sagemaker_runtime.client", "sagemaker_runtime.transport.aiohttp.client", *WHEN_NEEDED)
    program = f"import {', '.join(modules)}; print(*sys.modules)"
    listed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout  # noqa: S603
    loaded = [name for name in listed.split() if name.startswith("sagemaker_runtime.")]
    found = {name for module in loaded for name in imported_in_functions(module)}

    assert found - NOT_IN_A_CALL.keys() == set(WHEN_NEEDED)
    assert NOT_IN_A_CALL.keys() <= found, "an exception that is none any more"


def imported_in_functions(module: str) -> Iterator[str]:
    """The modules that the functions of a module import."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    for function in ast.walk(ast.parse(Path(spec.origin).read_text())):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom):
                    yield str(node.module)
                elif isinstance(node, ast.Import):
                    yield from (alias.name for alias in node.names)
