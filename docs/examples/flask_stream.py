"""
Flask: a response that streams, and one that does not, with a client at module level.

All threads of a process share the client. It starts its thread at the first call, so a
server may load this module before it forks its workers (``gunicorn --preload``). Run it
with ``flask --app flask_stream run``.
"""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask, Response, jsonify, request

from sagemaker_runtime import (
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    SageMakerRuntimeError,
    SyncClient,
    SyncResponseStream,
)

client = SyncClient.load()
app = Flask(__name__)


@app.post("/classify")
def classify() -> Response:
    output = client.invoke_endpoint(
        InvokeEndpointInput(
            endpoint_name="iris", body=request.get_data(), content_type="text/csv"
        )
    )
    return jsonify(species=output.body.decode())


@app.post("/story")
def story() -> Response:
    output = client.invoke_endpoint_with_response_stream(
        InvokeEndpointWithResponseStreamInput(
            endpoint_name="story", body=request.get_data()
        )
    )
    response = Response(text(output.body), content_type="text/plain; charset=utf-8")
    response.call_on_close(output.body.close)  # a reader that leaves ends the stream
    return response


def text(stream: SyncResponseStream) -> Iterator[str]:
    try:
        yield from stream.iter_text()
    except SageMakerRuntimeError as error:  # the status has already been sent
        yield f"\n[broken off: {type(error).__name__}]"


@app.errorhandler(SageMakerRuntimeError)
def failed(error: SageMakerRuntimeError) -> tuple[Response, int]:
    return jsonify(error=type(error).__name__), 502
