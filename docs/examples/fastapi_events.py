"""
FastAPI: the words of an LLM, passed on to the browser as server-sent events.

The process has one client, opened and closed with it. A failure before the first word
is a status; a later one can only be an event. If the browser leaves, the model's stream
ends. Run it with ``uvicorn fastapi_events:app``.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

from sagemaker_runtime import (
    Client,
    InvokeEndpointWithResponseStreamInput,
    ResponseStream,
    SageMakerRuntimeError,
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with await Client.load() as app.state.client:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/chat")  # GET is all that the browser's EventSource supports
async def chat(request: Request, prompt: str) -> StreamingResponse:
    client: Client = request.app.state.client
    output = await client.invoke_endpoint_with_response_stream(
        InvokeEndpointWithResponseStreamInput(
            endpoint_name="story",
            body=json.dumps({"prompt": prompt}).encode(),
            content_type="application/json",
        )
    )
    return StreamingResponse(
        words(output.body),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def words(stream: ResponseStream) -> AsyncGenerator[str]:
    async with stream:
        try:
            async for event in stream.iter_server_sent_events():
                # as JSON, because a word may contain a line break
                yield f"data: {json.dumps(event.data)}\n\n"
        except SageMakerRuntimeError as error:
            yield f"event: failed\ndata: {type(error).__name__}\n\n"


@app.exception_handler(SageMakerRuntimeError)
async def failed(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": type(error).__name__}, status_code=502)
