"""`Writer`: writes results to disk, and publishes each part when it is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from sagemaker_runtime.bulk.parts import OpenPart
from sagemaker_runtime.bulk.sending import Gathered
from sagemaker_runtime.bulk.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagemaker_runtime.bulk.feeding import Work
    from sagemaker_runtime.bulk.parts import Part, Publisher
    from sagemaker_runtime.bulk.sending import Sent


@define
class Piece:
    """Results of one part that are written together."""

    part: Part
    at: int
    number: int
    lines: list[bytes] = field(factory=list[bytes], repr=False)
    dead: list[bytes] = field(factory=list[bytes], repr=False)
    gathered: Gathered = field(factory=Gathered)
    """The counts of these results alone."""

    seconds: float = 0.0
    """How long they took, from write to write."""

    ends: bool = False
    """Whether the part ends with them."""


class Writer:
    """
    Writes results, in the order of the input.

    `add` is called in the event loop, `write` in a thread, one at a time.

    Args:
        publisher: Publishes parts.

        open: The first part.

        check: Called before a part is published; raises if the part's input has changed.
    """

    def __init__(self, publisher: Publisher, open: OpenPart, check: Callable[[Part], None]) -> None:
        self._publisher = publisher
        self._open: OpenPart | None = open
        self._check = check
        self._failure: BaseException | None = None
        self._pieces: list[Piece] = []
        self.size = 0
        """Bytes that wait to be written."""

    @property
    def has_ended_part(self) -> bool:
        """Whether the end of a part waits to be written."""
        return any(piece.ends for piece in self._pieces)

    def add(self, work: Work, sent: Sent | None) -> None:
        """Add the outcome of a piece of work; None for the end of a part."""
        if not self._pieces or self._pieces[-1].part is not work.part:
            self._pieces.append(Piece(work.part, work.at, work.number))
        piece = self._pieces[-1]
        piece.at, piece.number = work.at, work.number
        if sent is None:
            piece.ends = True
            return
        piece.lines.append(sent.lines)
        piece.dead += sent.dead
        piece.gathered.add(sent)
        self.size += sent.size

    def take(self) -> Sequence[Piece]:
        """Remove and return all that waits to be written."""
        pieces, self._pieces, self.size = self._pieces, [], 0
        return pieces

    def write(self, pieces: Sequence[Piece]) -> None:
        """
        Write results, and publish each part that is complete.

        Raises:
            BaseException: This write failed, or an earlier one did: after that, anything written would follow a gap.
        """
        if self._failure is not None:
            raise self._failure
        try:
            self._write(pieces)
        except BaseException as error:
            self._failure = error
            raise

    def close(self) -> None:
        """Close the files."""
        if self._open is not None:
            self._open.close()

    def _write(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            if self._open is None:
                self._open = OpenPart(piece.part, piece.number, self._publisher)
            if self._open.entry.state != "sealed":
                tally = piece.gathered.tally()
                tally.seconds = piece.seconds
                counts = Tally.of([self._open.entry.counts, tally.to_json()]).to_json()
                self._open.write(
                    b"".join(piece.lines), b"".join(piece.dead), at=piece.at, number=piece.number, counts=counts
                )
            if piece.ends:
                self._check(piece.part)
                self._open.publish()
                self._open = None
