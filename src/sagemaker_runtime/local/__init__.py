"""
A SageMaker Runtime on this machine: real HTTP, real signatures, and a Python function as the model.

::

    def predict(invocation: Invocation) -> bytes:
        return invocation.body.upper()


    async with (
        LocalEndpoint({"shout": predict}) as local,
        Client(local.options()) as client,
    ):
        output = await client.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="shout", body=b"hello")
        )

A model that is a generator, or returns one, responds to a streaming call part by part. It may be asynchronous::

    async def count(invocation: Invocation) -> AsyncIterator[bytes]:
        for number in range(int(invocation.body)):
            yield b"%d " % number

Other backends can replace a function, and they nest: a `Container` that speaks HTTP, `Variants` by weight, a
`MultiModel` that loads on demand, `InferenceComponents`, and `Sessions`::

    LocalEndpoint(
        {
            "iris": Sessions(
                Variants(
                    {
                        "blue": (predict, 9.0),
                        "green": (Container("http://127.0.0.1:8080"), 1.0),
                    }
                )
            )
        }
    )

A model of duplex calls reads a `Conversation`, and yields parts at any time::

    async def repeat(conversation: Conversation) -> AsyncIterator[str]:
        async for part in conversation:
            yield part.text.upper()


    LocalEndpoint({"parrot": Duplex(repeat)})

Asynchronous inferences are queued. Their results are objects in a folder that is served as S3 on the same port, for
`Client.wait_for_output` and for any other S3 client that puts the bucket into the path::

    output = await client.invoke_endpoint_async(
        InvokeEndpointAsyncInput(endpoint_name="shout", body=b"hello")
    )
    result = await client.wait_for_output(output)

Faults are injected on request, and the journal keeps every exchange for a test's assertions::

    local.inject("iris", Reset(after_head=True), call=2)
    LocalEndpoint(
        {"iris": predict},
        faults=RandomFaults({Throttled(): 0.05, Latency(0.2): 0.1}, seed=7),
    )
    assert [200, None] == [exchange.status for exchange in local.journal.of("iris")]

A program in another process finds it through ``local.environ()``, whatever AWS SDK it uses::

    subprocess.run([...], env={**os.environ, **local.environ()})

Code without an event loop writes ``with LocalEndpoint(...) as local``, or uses the fixture ``sagemaker_runtime_local``,
which pytest finds automatically. For programs in any language, there is the command
``python -m sagemaker_runtime.local serve iris=module:predict``.

It listens on loopback unless *host* is set. It checks signatures against its own credentials, so no real ones are
needed.
"""

from __future__ import annotations

from sagemaker_runtime.local.backends.backends import Backend, ModelFailure
from sagemaker_runtime.local.backends.components import InferenceComponents
from sagemaker_runtime.local.backends.container import Container
from sagemaker_runtime.local.backends.invocation import Answer, Body, Invocation, Model
from sagemaker_runtime.local.backends.multi_model import MultiModel
from sagemaker_runtime.local.backends.sessions import Sessions
from sagemaker_runtime.local.backends.variants import Variants
from sagemaker_runtime.local.duplex.conversation import Conversation, Duplex, DuplexBackend, DuplexModel, Part
from sagemaker_runtime.local.endpoint import LocalEndpoint
from sagemaker_runtime.local.faults.kinds import (
    ClockSkew,
    CorruptFrame,
    CutKeepAlive,
    ErrorAnswer,
    Fault,
    GoAway,
    Latency,
    Reset,
    Silence,
    SlowBody,
    StalledWindow,
    StreamError,
    StreamReset,
    Throttled,
    TruncatedBody,
    TruncatedFrame,
)
from sagemaker_runtime.local.faults.plan import InjectedFault, RandomFaults
from sagemaker_runtime.local.front.failures import FailureError, failure
from sagemaker_runtime.local.front.journal import ConversationEvent, Exchange, Journal, SentResponse

__all__ = [
    "Answer",
    "Backend",
    "Body",
    "ClockSkew",
    "Container",
    "Conversation",
    "ConversationEvent",
    "CorruptFrame",
    "CutKeepAlive",
    "Duplex",
    "DuplexBackend",
    "DuplexModel",
    "ErrorAnswer",
    "Exchange",
    "FailureError",
    "Fault",
    "GoAway",
    "InferenceComponents",
    "InjectedFault",
    "Invocation",
    "Journal",
    "Latency",
    "LocalEndpoint",
    "Model",
    "ModelFailure",
    "MultiModel",
    "Part",
    "RandomFaults",
    "Reset",
    "SentResponse",
    "Sessions",
    "Silence",
    "SlowBody",
    "StalledWindow",
    "StreamError",
    "StreamReset",
    "Throttled",
    "TruncatedBody",
    "TruncatedFrame",
    "Variants",
    "failure",
]
