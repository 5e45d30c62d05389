"""What the Retry middleware asks of a retryer, and the retryer that never retries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sagemaker_runtime.context import Key

if TYPE_CHECKING:
    from collections.abc import Sequence


class Retryer(Protocol):
    """
    Decides on retries. The Retry middleware asks it, and does the waiting.

    Nothing of one call is kept in it: what the call went through is in the arguments.
    """

    @property
    def max_attempts(self) -> int:
        """Attempts a call makes at most, the first one included. Sent to the service in ``Amz-Sdk-Request``."""
        ...

    def delay(self, failures: Sequence[Exception], *, elapsed: float, remaining: float | None = None) -> float | None:
        """
        Seconds to wait before the next attempt, or None to give up.

        Asked after each failed attempt, once.

        Args:
            failures: What each attempt so far raised, oldest first; never empty. Not to be kept: the list is emptied
                when the call ends.

            elapsed: Seconds since the call's first attempt began.

            remaining: Seconds until ``Timeout.total`` ends the call; None where there is no such limit.
        """
        ...

    def succeeded(self, failures: Sequence[Exception]) -> None:
        """
        Take note that a call succeeded.

        Args:
            failures: What its earlier attempts raised; empty if the first one succeeded. Not to be kept either.
        """
        ...


RETRYER: Key[Retryer] = Key("retryer")
"""What decides on the call's retries. Set by the client, from the options; a middleware above Retry may set another one."""


class PacedRetryer(Retryer, Protocol):
    """A retryer that also says when an attempt may go out; Retry looks for `pace` at the start of each call."""

    def pace(self) -> float:
        """
        0.0 if an attempt may go out now, and then its place is taken; otherwise the seconds after which to ask again.

        Asked before each attempt, the first one too. A wait promises nothing and takes nothing: a call that is
        cancelled while it waits leaves no trace, and a rate that changes meanwhile holds for those who wait.
        """
        ...


class NopRetryer:
    """One attempt, whatever happens."""

    max_attempts = 1

    # As all are the same, a client knows an override again though each call makes its own.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, NopRetryer)

    def __hash__(self) -> int:
        return hash(NopRetryer)

    def __repr__(self) -> str:
        return "NopRetryer()"

    def delay(self, failures: Sequence[Exception], *, elapsed: float, remaining: float | None = None) -> float | None:
        """None: never another attempt."""
        return None

    def succeeded(self, failures: Sequence[Exception]) -> None:
        """Nothing to note."""
