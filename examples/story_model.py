"""A language model, small enough to read: it predicts a word from the two before it, as in two chapters of Alice."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from sagemaker_runtime.local import Answer, Invocation

ALICE = Path(__file__).with_name("alice.txt")
WORDS = 60  # in a continuation, unless the request has another number
PART = 11  # bytes; an event has about 25 and a dash three, so parts end in the middle of both


def load(path: Path = ALICE) -> list[str]:
    """The words of the text, in order, each with its punctuation."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return " ".join(line for line in lines if not line.startswith("#")).split()


class StoryModel:
    """
    Picks the next word from those that follow the same two words in the text, with the same frequencies.

    Args:
        words: The text.

        pause: Seconds to think before each word.
    """

    def __init__(self, words: list[str], *, pause: float = 0.0) -> None:
        self._words = words
        self._pause = pause
        self._next: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
        for first, second, third in zip(words, words[1:], words[2:], strict=False):
            self._next[first, second].append(third)
            self._next[(second,)].append(third)

    def continuation(self, prompt: str, *, words: int = WORDS, seed: int = 0) -> Iterator[str]:
        """The words, one by one; the same ones for the same arguments."""
        choose = random.Random(seed).choice  # noqa: S311 - it tells a story
        last = tuple(prompt.split()[-2:])
        for _ in range(words):
            # If the two words are not in the text in a row: one that follows the last word alone, or else any word.
            word = choose(self._next.get(last) or self._next.get(last[-1:]) or self._words)
            time.sleep(self._pause)  # a plain generator runs in a thread
            yield word
            last = (*last[-1:], word)

    def __call__(self, invocation: Invocation) -> Answer:
        """A prompt as JSON in, server-sent events out, as most LLMs do. An invalid prompt is a ModelError."""
        request = json.loads(invocation.body)
        words = self.continuation(request["prompt"], words=request.get("words", WORDS), seed=request.get("seed", 0))
        return Answer(body=cut(events(words)), content_type="text/event-stream")


def events(words: Iterator[str]) -> Iterator[bytes]:
    """Each word as a server-sent event, and a last event that marks the end."""
    for word in words:
        yield f"data: {json.dumps({'text': f' {word}'}, ensure_ascii=False)}\n\n".encode()
    yield b"data: [DONE]\n\n"


def cut(pieces: Iterator[bytes], size: int = PART) -> Iterator[bytes]:
    """The same bytes in parts with arbitrary boundaries: neither a container nor SageMaker guarantees any."""
    held = b""
    for piece in pieces:
        held += piece
        while len(held) > size:
            yield held[:size]
            held = held[size:]
    yield held
