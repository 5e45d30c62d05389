"""
Let a model on this machine transcribe Morse code while it is being keyed, in noise: ``make duplex-demo``.

Only the cloud is mocked: HTTP/2, the signature of each part and the model are real. The words that the model has heard are
printed while the next ones are still being sent.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from typing import NamedTuple

from story_model import load
from telegraph_model import CODES, GAP, RATE, sound_of, transcribe

from sagemaker_runtime import REQUEST_ID, Client, DuplexStream, InvokeEndpointWithBidirectionalStreamInput
from sagemaker_runtime.local import Duplex, LocalEndpoint

TONE = 700  # Hz
WORDS = 24
PIECE = 1_600  # bytes: 100 ms of sound in a part
PACE = 25.0  # times as fast as a real telegraph


class Report(NamedTuple):
    """What was sent and heard, and when, in seconds since the call."""

    sent: list[tuple[float, str]]
    """Each word, and when its last sound was sent."""

    heard: list[tuple[float, str]]
    """Each word, and when it was complete."""

    letters: list[float]
    """When each letter was heard."""

    parts: int
    sound: float
    """Seconds of sound."""

    request_id: str | None


def keyed(word: str) -> str:
    """A word as it can be keyed: in capitals, without characters that Morse code lacks."""
    return "".join(letter for letter in word.upper() if letter in CODES)


async def key(
    stream: DuplexStream, words: list[str], sent: list[tuple[float, str]], started: float, pace: float
) -> list[int]:
    """Send the sound of each word in pieces, as from a microphone, and return their sizes in bytes."""
    parts: list[int] = []
    for number, word in enumerate(words):
        print(f"{time.perf_counter() - started:6.2f} s  keys  {keyed(word)}", flush=True)
        sound, at = sound_of(word, tone=TONE, seed=number), 0.0
        for start in range(0, len(sound), PIECE):
            piece = sound[start : start + PIECE]
            await stream.send(piece)
            parts.append(len(piece))
            if start < len(sound) - GAP:
                at = time.perf_counter() - started
            if pace:
                await asyncio.sleep(len(piece) / 2 / RATE / pace)
        sent.append((at, keyed(word)))
    await stream.end()
    return parts


async def listen(stream: DuplexStream, heard: list[tuple[float, str]], letters: list[float], started: float) -> None:
    """Print each word when the model has heard it."""
    word = ""
    async for part in stream:
        now = time.perf_counter() - started
        word += part.text
        if part.text.strip():
            letters.append(now)
        if not part.partial and word.strip():
            heard.append((now, word.strip()))
            print(f"{now:6.2f} s                     heard  {word}", flush=True)
            word = ""


async def talk(client: Client, words: list[str], pace: float) -> Report:
    """Key the words, and print what is heard at the same time."""
    params = InvokeEndpointWithBidirectionalStreamInput(endpoint_name="telegraph", model_query_string=f"tone={TONE}")
    sent: list[tuple[float, str]] = []
    heard: list[tuple[float, str]] = []
    letters: list[float] = []
    started = time.perf_counter()
    async with await client.invoke_endpoint_with_bidirectional_stream(params) as stream:
        async with asyncio.TaskGroup() as both:
            keying = both.create_task(key(stream, words, sent, started, pace))
            both.create_task(listen(stream, heard, letters, started))
        head = await stream.initial_response()
    parts = keying.result()
    return Report(sent, heard, letters, len(parts), sum(parts) / 2 / RATE, head.result_metadata[REQUEST_ID])


def show(report: Report) -> None:
    """Print a summary."""
    said, understood = [word for _, word in report.sent], [word for _, word in report.heard]
    right = sum(one == other for one, other in zip(said, understood, strict=False))
    early = sum(when < report.sent[-1][0] for when in report.letters)
    late = [after - before for (before, _), (after, _) in zip(report.sent, report.heard, strict=False)]
    print()
    print(f"sent         {report.sound:.0f} s of sound with noise, in {report.parts} signed parts")
    print(f"understood   {right} of {len(said)} words")
    print(f"overlap      {early} of {len(report.letters)} letters came back before the last sound was sent")
    print(f"delay        {statistics.median(late) * 1000:.0f} ms from the last sound of a word to its text (median)")
    print(f"request id   {report.request_id}")


async def main(words: list[str] | None = None, pace: float = PACE) -> Report:
    """Serve the model, and talk to it: about Alice, unless *words* are given."""
    text = load()[5 : 5 + WORDS] if words is None else words
    async with LocalEndpoint({"telegraph": Duplex(transcribe)}) as local, Client(local.options()) as client:
        return await talk(client, [word for word in text if keyed(word)], pace)


if __name__ == "__main__":
    show(asyncio.run(main(sys.argv[1:] or None)))
