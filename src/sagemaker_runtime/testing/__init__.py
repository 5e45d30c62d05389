"""
Tools for your own tests: no network, no waiting, and any test framework.

- `StubHTTPClient`: a transport that follows a script; `respond`, `respond_stream` and `respond_error` write it.
- `StubOperations`: results for whole operations, for code that takes a `Client`; `stream_output` for a stream.
- `ManualClock`: time that passes when the test says so.
- `Recorder` and `Replayer`: real exchanges, recorded once and replayed.
- `assert_conforms`: checks that your middleware keeps the rules of the stack.

For a service that is called over real HTTP, see ``sagemaker_runtime.local``.
"""

from __future__ import annotations

from sagemaker_runtime.testing.cassette import Scrub
from sagemaker_runtime.testing.clock import ManualClock
from sagemaker_runtime.testing.conformance import assert_conforms
from sagemaker_runtime.testing.failures import ConformanceError, UnexpectedCallError
from sagemaker_runtime.testing.operations import OperationAnswer, StubOperations, stream_output
from sagemaker_runtime.testing.recording import Recorder, Replayer
from sagemaker_runtime.testing.requests import SentRequest
from sagemaker_runtime.testing.responses import StubResponse, respond, respond_error, respond_stream
from sagemaker_runtime.testing.transport import ScriptEntry, StubHTTPClient

__all__ = [
    "ConformanceError",
    "ManualClock",
    "OperationAnswer",
    "Recorder",
    "Replayer",
    "ScriptEntry",
    "Scrub",
    "SentRequest",
    "StubHTTPClient",
    "StubOperations",
    "StubResponse",
    "UnexpectedCallError",
    "assert_conforms",
    "respond",
    "respond_error",
    "respond_stream",
    "stream_output",
]
