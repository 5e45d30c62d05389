"""
A model behind LitServe, at the paths of a SageMaker container. It stops when its standard input closes.

Usage: ``python lit.py PORT whole``, ``python lit.py PORT stream`` or ``python lit.py PORT sums``.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from fastapi import HTTPException, Response
from litserve import LitAPI, LitServer


class Shout(LitAPI):
    """Answers with the text in capitals, all at once."""

    def setup(self, device: str) -> None:
        """Nothing to load."""

    def decode_request(self, request: dict[str, str]) -> str:
        return request["text"]

    def predict(self, text: str) -> str:
        if text == "too long":
            raise HTTPException(413, "the text is too long")
        return text.upper()

    def encode_response(self, output: str) -> Response:
        return Response(output, media_type="text/plain")


class Sums(LitAPI):
    """Answers in JSON with the sum of each row."""

    def setup(self, device: str) -> None:
        """Nothing to load."""

    def decode_request(self, request: dict[str, list[list[float]]]) -> list[list[float]]:
        return request["instances"]

    def predict(self, rows: list[list[float]]) -> list[float]:
        return [sum(row) for row in rows]

    def encode_response(self, output: list[float]) -> dict[str, list[float]]:
        return {"predictions": output}


class Tell(LitAPI):
    """Answers word by word. After the first it waits until there is a file at the path in ``go_on``."""

    def setup(self, device: str) -> None:
        """Nothing to load."""

    def decode_request(self, request: dict[str, str]) -> tuple[str, Path]:
        return request["text"], Path(request["go_on"])

    def predict(self, request: tuple[str, Path]) -> Iterator[str]:
        text, go_on = request
        first, *rest = text.split()
        yield first
        while not go_on.exists():
            time.sleep(0.01)
        yield from rest

    def encode_response(self, output: Iterator[str]) -> Iterator[str]:
        for word in output:
            yield f"{word}\n"


def stop_with_standard_input() -> None:
    """LitServe has processes of its own, which outlive their parent; so all of the group are ended."""
    os.read(0, 1)  # sys.stdin's lock, held here, would be held for ever in a process that is forked
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    port, way = sys.argv[1:]
    threading.Thread(target=stop_with_standard_input, daemon=True).start()
    kind = {"whole": Shout, "stream": Tell, "sums": Sums}[way]
    api = kind(api_path="/invocations", stream=way == "stream")
    server = LitServer(api, accelerator="cpu", healthcheck_path="/ping")
    server.run(host="127.0.0.1", port=int(port), generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
