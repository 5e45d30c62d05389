"""A model that transcribes Morse code, small enough to read: sound in, text out, letter by letter as it is heard."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs

from sagemaker_runtime.local import Conversation, Part

RATE = 8_000  # samples per second, 16 bits each, little-endian
FRAME = 80  # samples: 10 ms, in which a tone is on or off
DOT = 6  # frames; 20 words a minute
GAP = 7 * DOT * FRAME * 2  # bytes of silence after a word: seven dots
TONE = 600  # Hz, unless the caller names another

CODES = {
    **dict(
        zip(
            "ABCDEFGHIJKLM",
            [".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "....", "..", ".---", "-.-", ".-..", "--"],
            strict=True,
        )
    ),
    **dict(
        zip(
            "NOPQRSTUVWXYZ",
            ["-.", "---", ".--.", "--.-", ".-.", "...", "-", "..-", "...-", ".--", "-..-", "-.--", "--.."],
            strict=True,
        )
    ),
    **dict(
        zip(
            "0123456789",
            ["-----", ".----", "..---", "...--", "....-", ".....", "-....", "--...", "---..", "----."],
            strict=True,
        )
    ),
    **dict(zip(".,:?-", [".-.-.-", "--..--", "---...", "..--..", "-....-"], strict=True)),
}
_LETTERS = {code: letter for letter, code in CODES.items()}


class Telegraphist:
    """
    Hears Morse code in 16-bit sound, through noise, at any speed.

    It learns from the sender how long a dot is.

    Args:
        tone: The frequency of the tone, in Hz.
    """

    def __init__(self, tone: int = TONE) -> None:
        self._turn = 2 * math.cos(2 * math.pi * tone / RATE)
        self._held = b""
        self._dot = float(DOT)
        self._on = False
        self._frames = 0  # since the tone began or ended
        self._code = ""
        self._in_word = False

    def hear(self, sound: bytes) -> Iterator[str]:
        """The letters that *sound* completes, and a space after each word."""
        self._held += sound
        size = 2 * FRAME
        whole = len(self._held) // size * size
        heard, self._held = self._held[:whole], self._held[whole:]
        for start in range(0, whole, size):
            yield from self._frame(on=self._is_tone(array("h", heard[start : start + size])))

    def end(self) -> Iterator[str]:
        """The last letter, if it was not complete yet."""
        yield from self._letter()

    def _is_tone(self, samples: array[int]) -> bool:
        """Whether most of the energy in a frame is that of the tone, by Goertzel's algorithm."""
        turn, before, last, energy = self._turn, 0.0, 0.0, 0.0
        for sample in samples:
            before, last = last, sample + turn * last - before
            energy += sample * sample
        power = before * before + last * last - turn * before * last
        return power * 2 / len(samples) > energy / 2

    def _frame(self, *, on: bool) -> Iterator[str]:
        if on == self._on:
            self._frames += 1
            if not on and self._frames == round(2 * self._dot):  # a letter ends in three dots of silence,
                yield from self._letter()
            if not on and self._frames == round(5 * self._dot) and self._in_word:  # and a word in seven
                self._in_word = False
                yield " "
            return
        if self._on:
            dash = self._frames > 2 * self._dot
            self._code += "-" if dash else "."
            self._dot += 0.2 * (self._frames / (3 if dash else 1) - self._dot)
        self._on, self._frames = on, 1

    def _letter(self) -> Iterator[str]:
        code, self._code = self._code, ""
        if code:
            self._in_word = True
            yield _LETTERS.get(code, "\N{REPLACEMENT CHARACTER}")


async def transcribe(conversation: Conversation) -> AsyncIterator[Part]:
    """Yield a message for each word, with a part for each letter, while the caller goes on sending. The query may set the tone: ``tone=700``."""
    query = parse_qs(conversation.query or "")
    telegraphist = Telegraphist(int(query.get("tone", [TONE])[0]))
    async for part in conversation:
        for letter in telegraphist.hear(part.bytes):
            yield Part(letter.encode(), is_text=True, partial=letter != " ")
    for letter in telegraphist.end():
        yield Part(letter.encode(), is_text=True, partial=True)
    yield Part(b"", is_text=True)


def sound_of(word: str, *, tone: int = TONE, noise: int = 1_500, seed: int = 0) -> bytes:
    """The sound of a word and the silence after it, without characters that Morse code lacks."""
    units = ""
    for letter in word.upper():
        if letter in CODES:
            units += "0".join("111" if sign == "-" else "1" for sign in CODES[letter]) + "000"
    units += "0000"
    hiss = random.Random(seed)  # noqa: S311 - it is only noise
    size = DOT * FRAME
    wave = [10_000 * math.sin(2 * math.pi * tone * at / RATE) for at in range(size)]
    sound = array("h")
    for unit in units:
        level = int(unit)
        sound.extend(int(level * sample + noise * (2 * hiss.random() - 1)) for sample in wave)
    return sound.tobytes()
