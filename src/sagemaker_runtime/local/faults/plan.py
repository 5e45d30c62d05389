"""`RandomFaults` and `FaultPlan`: which call meets which fault."""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING

from attrs import Attribute, field, frozen
from attrs.validators import min_len

from sagemaker_runtime import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

from sagemaker_runtime.local.faults.kinds import DuplexFault, Fault, FrameFault

FAULTS_KEPT = 10_000


def _shares(_: object, attribute: Attribute[Mapping[Fault, float]], shares: Mapping[Fault, float]) -> None:
    total = sum(shares.values())
    if not (all(share >= 0 for share in shares.values()) and total <= 1 + 1e-9):
        raise ConfigError(
            f"the {attribute.name} of the faults must be 0 or more, and together 1 or less, not {total:g}"
        )


@frozen
class RandomFaults:
    """
    Faults for a share of all calls, the same calls each time: chance depends only on seed, endpoint and call number.

    Raises:
        ConfigError: A share is negative, or together they are more than 1.
    """

    shares: Mapping[Fault, float] = field(validator=[min_len(1), _shares])
    """For each fault, the share of calls that meet it, from 0.0 to 1.0."""

    seed: int = field(kw_only=True)

    def fault(self, endpoint_name: str, call: int) -> Fault | None:
        """The fault that a call meets, as `LocalEndpoint.calls` counts them; None for no fault."""
        drawn = random.Random(f"{self.seed}/{endpoint_name}/{call}").random()  # noqa: S311 - a seed for tests, no secret
        for fault, share in self.shares.items():
            drawn -= share
            if drawn < 0:
                return fault
        return None


@frozen
class InjectedFault:
    """One fault that a request has met."""

    fault: Fault
    endpoint_name: str
    call: int
    """Which request to the endpoint, as `LocalEndpoint.calls` counts them."""

    seed: int | None = None
    """The seed of the `RandomFaults` that it came from; None for one that was injected by the number of the call."""

    @property
    def name(self) -> str:
        """The name of its class, such as ``"Reset"``."""
        return type(self.fault).__name__


class FaultPlan:
    """
    Which request meets which fault, and the log of those that were met.

    Attributes:
        met: The last `FAULTS_KEPT`, oldest first.
    """

    def __init__(self, by_chance: RandomFaults | None) -> None:
        self.met: deque[InjectedFault] = deque(maxlen=FAULTS_KEPT)
        self._by_chance = by_chance
        self._by_number: dict[tuple[str, int], Fault] = {}

    def add(self, endpoint_name: str, call: int, fault: Fault) -> None:
        """Let a call meet *fault*, whatever chance says. The last fault given for a call counts."""
        self._by_number[endpoint_name, call] = fault

    def due(self, endpoint_name: str, call: int, *, streamed: bool, duplex: bool = False) -> InjectedFault | None:
        """The fault that a request would meet as that call; None for no fault."""
        fault, seed = self._by_number.get((endpoint_name, call)), None
        if fault is None and self._by_chance is not None:
            fault, seed = self._by_chance.fault(endpoint_name, call), self._by_chance.seed
        if fault is None or (isinstance(fault, FrameFault) and not streamed):
            return None
        if isinstance(fault, DuplexFault) and not duplex:
            return None
        return InjectedFault(fault, endpoint_name, call, seed)

    def happened(self, injected: InjectedFault) -> None:
        """Write it into the log."""
        self._by_number.pop((injected.endpoint_name, injected.call), None)
        self.met.append(injected)
