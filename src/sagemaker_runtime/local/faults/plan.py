"""`RandomFaults` and `FaultPlan`: which call meets which fault."""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING

from attrs import Attribute, evolve, field, frozen
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


@frozen
class PendingFault:
    """A fault that was injected into requests which have not come yet."""

    fault: Fault
    call: int
    """The first of these requests, as `LocalEndpoint.calls` counts them."""

    times: int | None
    """How many they are, in a row; None for all that come."""


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
        self._lasting: dict[str, PendingFault] = {}

    def add(self, endpoint_name: str, call: int, fault: Fault) -> None:
        """Let a call meet *fault*, whatever chance says. The last fault given for a call counts."""
        self._by_number[endpoint_name, call] = fault

    def add_lasting(self, endpoint_name: str, call: int, fault: Fault) -> None:
        """Let a call and all after it meet *fault*, but for those that `add` was given one for."""
        self._lasting[endpoint_name] = PendingFault(fault, call, None)

    def withdraw(self, endpoint_name: str, kind: type[Fault] | None) -> None:
        """Forget the faults of an endpoint that were added; those of one kind, if it is given."""
        for (name, call), fault in list(self._by_number.items()):
            if name == endpoint_name and (kind is None or isinstance(fault, kind)):
                self._by_number.pop((name, call), None)
        lasting = self._lasting.get(endpoint_name)
        if lasting is not None and (kind is None or isinstance(lasting.fault, kind)):
            self._lasting.pop(endpoint_name, None)

    def pending(self, endpoint_name: str, calls: int) -> list[PendingFault]:
        """What was added, and will be met by requests after the first *calls*; the next one first."""
        found: list[PendingFault] = []
        numbers = sorted(call for name, call in list(self._by_number) if name == endpoint_name and call > calls)
        for call in numbers:
            fault = self._by_number.get((endpoint_name, call))
            last = found[-1] if found else None
            if last is not None and last.times is not None and last.fault == fault and last.call + last.times == call:
                found[-1] = evolve(last, times=last.times + 1)
            elif fault is not None:
                found.append(PendingFault(fault, call, 1))
        lasting = self._lasting.get(endpoint_name)
        return found if lasting is None else [*found, lasting]

    def due(self, endpoint_name: str, call: int, *, streamed: bool, duplex: bool = False) -> InjectedFault | None:
        """The fault that a request would meet as that call; None for no fault."""
        fault, seed = self._by_number.get((endpoint_name, call)), None
        if fault is None and self._lasting:
            lasting = self._lasting.get(endpoint_name)
            fault = None if lasting is None or call < lasting.call else lasting.fault
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
