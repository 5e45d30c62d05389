"""`SyncClient` in processes of their own: forks in the middle, Ctrl-C, and an end that nobody prepared."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sync.programs import MODELS, echo, environment, run, start

from sagemaker_runtime.local import LocalEndpoint, RandomFaults, Reset, Throttled

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@pytest.fixture
def local() -> Iterator[LocalEndpoint]:
    with LocalEndpoint(MODELS) as endpoint:
        yield endpoint


def test_children_call_while_the_threads_of_the_parent_do(local: LocalEndpoint) -> None:
    """A child has none of the parent's threads, and whatever lock one of them held stays locked there."""
    program = """
        client = SyncClient.load()
        calls(client, 1)
        threads = [threading.Thread(target=calls, args=(client, 200)) for _ in range(4)]
        for thread in threads:
            thread.start()
        children = []
        for _ in range(6):
            child = os.fork()
            if not child:
                signal.alarm(40)
                calls(client, 100)
                client.close()
                assert threading.active_count() == 1, threading.enumerate()
                os._exit(0)
            children.append(child)
        for thread in threads:
            thread.join()
        print(*(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
        calls(client, 1)
        client.close()
        print(threading.active_count())
    """

    assert run(local, program) == ["0 0 0 0 0 0", "1"]
    assert len(local.journal) + local.journal.dropped == 1 + 4 * 200 + 6 * 100 + 1


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_serves(local: LocalEndpoint, tmp_path: Path, method: str) -> None:
    """A pool of workers, each with a client at module level."""
    program = tmp_path / "workers.py"
    program.write_text(
        textwrap.dedent("""
        import multiprocessing, sys
        from sagemaker_runtime import InvokeEndpointInput
        from sagemaker_runtime.sync import SyncClient

        client = SyncClient.load()

        def work(number):
            body = b"%d" % number
            return client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=body)).body == body

        if __name__ == "__main__":
            assert work(0)
            with multiprocessing.get_context(sys.argv[1]).Pool(3) as pool:
                print(sum(pool.map(work, range(60))))
            client.close()
    """)
    )
    done = subprocess.run(  # noqa: S603 - a program of this test's
        [sys.executable, str(program), method],
        env=environment(local),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert ("", "60\n") == (done.stderr, done.stdout)


def test_a_stream_of_the_parent_is_the_parents(local: LocalEndpoint) -> None:
    """A child that reads on would take bytes from the parent, and one that closes would end the connection for both."""
    program = """
        from sagemaker_runtime import ClientClosedError
        client = SyncClient.load()
        params = InvokeEndpointWithResponseStreamInput(endpoint_name="story", body=b"")
        stream = client.invoke_endpoint_with_response_stream(params).body
        next(stream)
        child = os.fork()
        if not child:
            signal.alarm(40)
            for _ in range(200):
                try:
                    next(stream)
                except ClientClosedError as error:
                    assert "the parent process" in str(error), error
                    break
            else:
                os._exit(1)
            stream.close()
            del stream
            gc.collect()  # it may be part of a cycle, as whatever an exception has passed
            calls(client, 2)
            client.close()
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        print(sum(1 for _ in stream))
        client.close()
    """

    assert run(local, program) == ["0", "999"]


@pytest.mark.parametrize("what", ["client.invoke_endpoint(NEVER)", "[calls(client, 1) for _ in range(10**6)]"])
def test_ctrl_c_ends_the_call_and_leaves_nothing_open(local: LocalEndpoint, what: str) -> None:
    """The call is cancelled in its loop; the client serves the next one."""
    program = f"""
        client = SyncClient.load()
        calls(client, 1)
        print("ready", flush=True)
        try:
            {what}
        except KeyboardInterrupt:
            print("interrupted")
        calls(client, 1)
        [thread] = [each for each in threading.enumerate() if each.name == "sagemaker-runtime"]
        client.close()
        print(threading.active_count(), thread.is_alive())
    """
    with start(local, program) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        until_called(local)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()

    assert ("", "interrupted\n1 False\n", 0) == (err, out, process.returncode)


def until_called(local: LocalEndpoint) -> None:
    """Wait for the request after the first one, which may be there already; faulthandler ends a wait that has no end."""
    while len(local.journal) < 2:
        time.sleep(0.005)


def test_what_a_signal_handler_raises_ends_the_call_too(local: LocalEndpoint) -> None:
    """The soft time limit of a worker, such as Celery's, comes that way; the worker goes on to the next task."""
    program = """
        class SoftTimeLimit(Exception):
            pass

        def handler(*_):
            raise SoftTimeLimit

        client = SyncClient.load()
        calls(client, 1)
        signal.signal(signal.SIGUSR1, handler)
        print("ready", flush=True)
        try:
            client.invoke_endpoint(NEVER)
        except SoftTimeLimit:
            print("over")
        calls(client, 1)
        client.close()
        print(threading.active_count())
    """
    with start(local, program) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        until_called(local)
        process.send_signal(signal.SIGUSR1)
        out, err = process.communicate()

    assert ("", "over\n1\n", 0) == (err, out, process.returncode)


@pytest.mark.parametrize(
    "end",
    [
        "",
        "sys.exit(0)",
        "threading.Thread(target=client.invoke_endpoint, args=(NEVER,), daemon=True).start(); time.sleep(0.2)",
        "stream = client.invoke_endpoint_with_response_stream(STREAM).body; next(stream)",
    ],
)
def test_a_process_that_closes_nothing_ends_without_a_word(local: LocalEndpoint, end: str) -> None:
    """No hang and no traceback, with a call under way or a stream that is open."""
    program = f"""
        STREAM = InvokeEndpointWithResponseStreamInput(endpoint_name="story", body=b"")
        client = SyncClient.load()
        calls(client, 3)
        print("done", flush=True)
        {end}
    """
    with start(local, program, *(["-W", "ignore::ResourceWarning"] if "stream" in end else [])) as process:
        out, err = process.communicate(timeout=50)

    assert ("done\n", 0) == (out, process.returncode)
    assert err == ""


@pytest.mark.parametrize("calls", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_sixteen_threads_lose_nothing_among_faults_and_forks(calls: int) -> None:
    """Every call ends with its own answer or a typed error, and no thread is left after close."""
    program = f"""
        from sagemaker_runtime import SageMakerRuntimeError
        from concurrent.futures import ThreadPoolExecutor

        client = SyncClient.load(override(retryer=StandardRetryer(base_delay=0.01, throttling_base_delay=0.01)))

        def call(number):
            body = b"%d" % number
            try:
                return client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=body)).body == body
            except SageMakerRuntimeError:
                return None

        children = []
        with ThreadPoolExecutor(16) as pool:
            outcomes = pool.map(call, range({calls}))
            for _ in range(3):
                child = os.fork()
                if not child:
                    signal.alarm(50)
                    wrong = [call(number) for number in range(100)].count(False)
                    client.close()
                    os._exit(wrong)
                children.append(child)
                time.sleep(0.05)
            found = list(outcomes)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        client.close()
        print(len(found), found.count(False), found.count(True) > 0.99 * {calls}, codes, threading.active_count())
    """
    faults = RandomFaults({Reset(): 0.03, Throttled(): 0.02}, seed=7)

    with LocalEndpoint({"echo": echo}, faults=faults) as local:
        assert run(local, program) == [f"{calls} 0 True [0, 0, 0] 1"]
