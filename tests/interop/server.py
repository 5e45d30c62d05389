"""
A SageMaker Runtime on loopback that reads with LocalStack's parser and writes with LocalStack's serializer.

It runs in an environment of its own, without this package. It prints its port once it listens, and stops when its
standard input closes. The endpoint's name says what is answered; the cases of `answer` are the list of names.

Usage: ``python server.py [SERVICE_MODEL]``, a ``service-2.json`` or ``service-2.json.gz``.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import socket
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.model import OperationModel, ServiceModel
from localstack.aws.api import CommonServiceException
from localstack.aws.protocol.parser import create_parser
from localstack.aws.protocol.serializer import create_serializer, gen_amzn_requestid
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request

if TYPE_CHECKING:
    from localstack.http import Response

# The newest botocore's, put there by `make interop`: the botocore that LocalStack pins is older than the model.
MODEL = Path(sys.prefix, "model", "botocore", "data", "sagemaker-runtime", "2017-05-13", "service-2.json.gz")
PART = 65_536  # bytes of each part of huge-M
MEMBERS_OF_ERRORS = {
    "ModelError": {
        "OriginalStatusCode": 507,
        "OriginalMessage": "out of memory",
        "LogStreamArn": "arn:aws:logs:us-east-1:123456789012:log-group:interop",
    },
    "ModelStreamError": {"ErrorCode": "ModelInvocationTimeExceeded"},
}

Members = dict[str, Any]


def load(path: Path) -> ServiceModel:
    """The service model in a file."""
    data = path.read_bytes()
    return ServiceModel(json.loads(gzip.decompress(data) if path.suffix == ".gz" else data), "sagemaker-runtime")


SERVICE = load(Path(sys.argv[1]) if len(sys.argv) > 1 else MODEL)
PARSER = create_parser(SERVICE)
SERIALIZER = create_serializer(SERVICE)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The WSGI application: parse, answer, serialize."""
    request = Request(environ)
    operation, members = PARSER.parse(request)
    if members.get("Body") is not None:  # None is LocalStack's word for an empty body where the model requires one
        members["Body"] = members["Body"].read()
    try:
        response = answer(operation, members, request)
    except CommonServiceException as error:
        response = SERIALIZER.serialize_error_to_response(error, operation, request.headers, gen_amzn_requestid())
    return response(environ, start_response)


def answer(operation: OperationModel, members: Members, request: Request) -> Response:
    """What the endpoint of that name answers."""
    streams = operation.has_event_stream_output
    name, _, argument = members["EndpointName"].partition("-")
    tail: Iterable[bytes] = ()  # what LocalStack cannot write, after what it can
    parts: Iterable[bytes] = (b"one", b"two")
    body = members.get("Body") or b""
    match name:
        case "echo":
            parts = filter(None, [body])  # LocalStack writes an empty part as the JSON of its members
        case "parsed":
            body = what_was_parsed(operation, members)
            parts = [body]
        case "parts":
            parts = (f"part {number}".encode() for number in range(int(argument)))
        case "slow":
            parts = slow_parts(members["CustomAttributes"])
        case "huge":
            parts = (number.to_bytes(8, "big") + bytes(PART - 8) for number in range(int(argument) * 2**20 // PART))
        case "error" if streams and argument in SERVICE.shape_for("ResponseStream").members:
            tail = [exception_frame(argument)]
        case "error":
            raise modelled_error(argument)
        case "unmodelled":
            tail = [
                SERIALIZER._encode_event_payload("error", error_code="InternalError", error_message="not in the model")
            ]
        case "cut":
            tail = cut(argument, request.environ["werkzeug.socket"])
        case _:
            raise CommonServiceException("ValidationError", f"no endpoint {members['EndpointName']}", 400)

    result = output(operation, members, body, parts)
    response = SERIALIZER.serialize_to_response(result, operation, request.headers, request_id := gen_amzn_requestid())
    if streams:
        # LocalStack writes the events of a stream and leaves its head empty.
        response.headers["Content-Type"] = "application/vnd.amazon.eventstream"
        response.headers["x-amzn-RequestId"] = request_id
        SERIALIZER._process_header_members(result, response, operation.output_shape)
        response.response = itertools.chain(response.response, tail)
    elif name == "cut":
        response.headers["Content-Length"] = str(len(body) + 1)
    return response


def output(operation: OperationModel, members: Members, body: bytes, parts: Iterable[bytes]) -> Members:
    """The members of the operation's output."""
    result: Members = {"InvokedProductionVariant": members.get("TargetVariant", "AllTraffic")}
    result |= {key: members[key] for key in ("ContentType", "CustomAttributes") if key in members}
    if operation.name == "InvokeEndpointAsync":
        locations = {"OutputLocation": "s3://answers/1.out", "FailureLocation": "s3://failures/1.out"}
        if members["EndpointName"] == "parsed":
            locations["OutputLocation"] = body.decode()
        return {"InferenceId": members.get("InferenceId", "made-by-the-server"), **locations}
    if operation.has_event_stream_output:
        result["Body"] = ({"PayloadPart": {"Bytes": part}} for part in parts)
    else:
        result["Body"] = body
        if members.get("SessionId") == "NEW_SESSION":
            result["NewSessionId"] = "session-1; Expires=2030-01-02T03:04:05Z"
        elif "SessionId" in members:
            result["ClosedSessionId"] = members["SessionId"]
    return result


def what_was_parsed(operation: OperationModel, members: Members) -> bytes:
    """As JSON: the operation, the members that came, and the names of those that the model has."""
    shown = {
        key: base64.b64encode(value).decode() if isinstance(value, bytes) else value for key, value in members.items()
    }
    modelled = sorted(operation.input_shape.members)
    return json.dumps({"operation": operation.name, "members": shown, "modelled": modelled}).encode()


def slow_parts(attributes: str) -> Iterator[bytes]:
    """As many parts as "count=… seconds=…" says, spread evenly; each is its number and the time, in nanoseconds."""
    told = dict(pair.split("=") for pair in attributes.split())
    count, seconds, start = int(told["count"]), float(told["seconds"]), time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, start + (number + 1) * seconds / count - time.monotonic()))
        yield b"%d %d" % (number, time.monotonic_ns())


def modelled_error(code: str) -> CommonServiceException:
    """The error of that name, with the model's status."""
    status = SERVICE.shape_for_error_code(code).metadata["error"]["httpStatusCode"]
    error = CommonServiceException(code, f"{code} of the server", status)
    for member, value in MEMBERS_OF_ERRORS.get(code, {}).items():
        setattr(error, member, value)
    return error


def exception_frame(code: str) -> bytes:
    """The modelled exception as an event-stream message. LocalStack encodes events and errors, but no exceptions."""
    payload = json.dumps({"Message": f"{code} of the server", **MEMBERS_OF_ERRORS.get(code, {})}).encode()
    headers = b""
    for name, value in (
        (b":exception-type", code.encode()),
        (b":content-type", b"application/json"),
        (b":message-type", b"exception"),
    ):
        headers += struct.pack("!B", len(name)) + name + struct.pack("!BH", 7, len(value)) + value  # 7: a string
    prelude = struct.pack("!II", len(headers) + len(payload) + 16, len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack("!I", zlib.crc32(message))


def cut(where: str, connection: socket.socket) -> Iterator[bytes]:
    """Break off: "frame", the body ends as HTTP wants; "body", between two chunks; "chunk", inside both."""
    frame = SERIALIZER._encode_event_payload("PayloadPart", b"three")
    half = frame[: len(frame) // 2]
    if where == "frame":
        yield half
        return
    if where == "chunk":
        connection.sendall(b"%x\r\n%b" % (len(frame), half))
    connection.shutdown(socket.SHUT_RDWR)


class Handler(WSGIRequestHandler):
    """Speaks HTTP/1.1, for chunked bodies, and says nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or a part waits until the client has acknowledged the one before

    def log_request(self, *_: object) -> None:
        pass


def main() -> None:
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    print(server.port, flush=True)  # noqa: T201 - the test run reads it
    sys.stdin.read()  # ends with the test run, however that ends
    server.shutdown()
    thread.join()


if __name__ == "__main__":
    main()
