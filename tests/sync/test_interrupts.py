"""Interrupts at any moment: a process is sent SIGINT again and again while it calls."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from sync.programs import MODELS, run

from sagemaker_runtime.local import LocalEndpoint

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system sends no SIGINT to itself")

STORM = """
    import gc, itertools, random, warnings
    warnings.simplefilter("error")
    STREAM = InvokeEndpointWithResponseStreamInput(endpoint_name="story", body=b"")
    client = SyncClient.load()
    calls(client, 1)
    trouble = []
    sys.unraisablehook = lambda it: trouble.append(it.exc_value)
    armed, over = threading.Event(), threading.Event()

    def storm():
        chance = random.Random(5)
        while not over.is_set():
            time.sleep(chance.random() * LONGEST)
            if armed.is_set():
                os.kill(os.getpid(), signal.SIGINT)

    def call():
        calls(client, 1)

    def read():
        with client.invoke_endpoint_with_response_stream(STREAM).body as stream:
            for _ in itertools.islice(stream, 30):
                pass

    def open_and_close():
        with SyncClient(client.options) as other:
            try:
                calls(other, 1)
            except KeyboardInterrupt:
                armed.clear()
                calls(other, 1)
                raise

    interrupted = 0

    def try_once():
        global interrupted
        try:
            armed.set()
            WHAT()
            armed.clear()
        except KeyboardInterrupt:
            interrupted += 1

    threading.Thread(target=storm, daemon=True).start()
    while interrupted < 300:
        try:
            try_once()
        except KeyboardInterrupt:  # in the handler of another one
            pass
    while True:
        try:
            armed.clear()
            over.set()
            time.sleep(0.05)
            break
        except KeyboardInterrupt:
            pass
    calls(client, 1)
    gc.collect()
    for _ in range(100):
        left = [each.name for each in threading.enumerate() if each.name != "MainThread"]
        if len(left) == 1:
            break
        time.sleep(0.05)
    client.close()
    trouble = [each for each in trouble if not isinstance(each, (KeyboardInterrupt, ResourceWarning))]
    print(left, trouble, len(os.listdir("/proc/self/fd")) < 12 if os.path.exists("/proc/self/fd") else True)
"""


@pytest.fixture
def local() -> Iterator[LocalEndpoint]:
    with LocalEndpoint(MODELS) as endpoint:
        yield endpoint


@pytest.mark.slow
@pytest.mark.parametrize(("what", "longest"), [("call", 0.002), ("read", 0.004), ("open_and_close", 0.01)])
def test_interrupts_at_any_moment_leave_nothing_behind(local: LocalEndpoint, what: str, longest: float) -> None:
    """
    The next call works, no thread is left but the client's own, no socket, and nothing was forgotten half way.

    A ResourceWarning is all that may come: of a stream that the program was given and could not keep.
    """
    assert run(local, STORM.replace("WHAT", what).replace("LONGEST", str(longest))) == ["['sagemaker-runtime'] [] True"]
