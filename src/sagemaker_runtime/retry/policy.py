"""The interface between the Retry middleware and a retryer, and the retryer that never retries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sagemaker_runtime.context import Key

if TYPE_CHECKING:
    from collections.abc import Sequence


class Retryer(Protocol):
    """
    Decides what is retried, and when. The Retry middleware calls it, and does the waiting.

    A retryer keeps no state of a call: everything about the call is in the arguments.
    """

    @property
    def max_attempts(self) -> int:
        """The maximum number of attempts, including the first. Sent to the service in ``Amz-Sdk-Request``."""
        ...

    def delay(self, failures: Sequence[Exception], *, elapsed: float, remaining: float | None = None) -> float | None:
        """
        Seconds to wait before the next attempt, or None to give up.

        Called once after each failed attempt.

        Args:
            failures: The errors of all attempts so far, oldest first; never empty. Do not keep the list: it is emptied when
                the call ends.

            elapsed: Seconds since the call's first attempt began.

            remaining: Seconds until ``Timeout.total`` ends the call; None without that limit.
        """
        ...

    def succeeded(self, failures: Sequence[Exception]) -> None:
        """
        Called when a call has succeeded.

        Args:
            failures: The errors of its earlier attempts; empty if the first one succeeded. Do not keep the list.
        """
        ...


RETRYER: Key[Retryer] = Key("retryer")
"""The retryer of the call. Set by the client, from the options; a middleware above Retry may set another one."""


class PacedRetryer(Retryer, Protocol):
    """A retryer that also says when an attempt may be made; Retry looks for `pace` at the start of each call."""

    def pace(self) -> float:
        """
        Return 0.0 if an attempt may be made now; otherwise the seconds to wait before asking again.

        Called before each attempt, including the first; 0.0 counts as an attempt made. A wait reserves nothing: a call
        that is cancelled while it waits leaves no trace, and a new rate also applies to calls that are waiting.
        """
        ...


class NopRetryer:
    """Makes one attempt, and never retries."""

    max_attempts = 1

    # All instances are equal, so a client recognizes an override even if each call makes a new one.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, NopRetryer)

    def __hash__(self) -> int:
        return hash(NopRetryer)

    def __repr__(self) -> str:
        return "NopRetryer()"

    def delay(self, failures: Sequence[Exception], *, elapsed: float, remaining: float | None = None) -> float | None:
        """Return None: there is never another attempt."""
        return None

    def succeeded(self, failures: Sequence[Exception]) -> None:
        """Do nothing."""
