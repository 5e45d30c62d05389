"""`RandomFaults` and `FaultPlan`: which fault affects which call."""

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
            f"the {attribute.name} of the faults must each be 0 or more, with a sum of 1 or less, not {total:g}"
        )


@frozen
class RandomFaults:
    """
    Faults for a share of all calls. They depend only on the seed, the endpoint and the number of the call.

    Raises:
        ValueError: There is no fault.
        ConfigError: A share is negative, or their sum exceeds 1.
    """

    shares: Mapping[Fault, float] = field(validator=[min_len(1), _shares])
    """For each fault, the share of calls that it affects, from 0.0 to 1.0."""

    seed: int = field(kw_only=True)
    """The same seed injects the same faults into the same calls."""

    def fault(self, endpoint_name: str, call: int) -> Fault | None:
        """The fault of a call, numbered as `LocalEndpoint.calls` counts; None for no fault."""
        drawn = random.Random(f"{self.seed}/{endpoint_name}/{call}").random()  # noqa: S311 - a seed for tests, no secret
        for fault, share in self.shares.items():
            drawn -= share
            if drawn < 0:
                return fault
        return None


@frozen
class InjectedFault:
    """A fault that was injected into a request."""

    fault: Fault
    """The fault, such as ``Reset()``."""

    endpoint_name: str
    """The endpoint that was called."""

    call: int
    """Which request to the endpoint, as `LocalEndpoint.calls` counts them."""

    seed: int | None = None
    """The seed of the `RandomFaults` that it came from; None if it came from `LocalEndpoint.inject`."""

    @property
    def name(self) -> str:
        """The name of its class, such as ``"Reset"``."""
        return type(self.fault).__name__


@frozen
class PendingFault:
    """A fault for requests that have not arrived yet."""

    fault: Fault
    call: int
    """The first of these requests, as `LocalEndpoint.calls` counts them."""

    times: int | None
    """How many requests in a row; None for all from there on."""


class FaultPlan:
    """
    Which fault affects which request, and the log of those that occurred.

    Attributes:
        met: The last `FAULTS_KEPT` faults that occurred, oldest first.
    """

    def __init__(self, by_chance: RandomFaults | None) -> None:
        self.met: deque[InjectedFault] = deque(maxlen=FAULTS_KEPT)
        self._by_chance = by_chance
        self._by_number: dict[tuple[str, int], Fault] = {}
        self._lasting: dict[str, PendingFault] = {}

    def add(self, endpoint_name: str, call: int, fault: Fault) -> None:
        """Set the fault of one call, instead of a random one. The last one added for a call applies."""
        self._by_number[endpoint_name, call] = fault

    def add_lasting(self, endpoint_name: str, call: int, fault: Fault) -> None:
        """Set the fault of a call and of all calls after it, except for those with a fault of `add`."""
        self._lasting[endpoint_name] = PendingFault(fault, call, None)

    def withdraw(self, endpoint_name: str, kind: type[Fault] | None) -> None:
        """Remove the faults that were added for an endpoint: those of one kind, or all if *kind* is None."""
        for (name, call), fault in list(self._by_number.items()):
            if name == endpoint_name and (kind is None or isinstance(fault, kind)):
                self._by_number.pop((name, call), None)
        lasting = self._lasting.get(endpoint_name)
        if lasting is not None and (kind is None or isinstance(lasting.fault, kind)):
            self._lasting.pop(endpoint_name, None)

    def pending(self, endpoint_name: str, calls: int) -> list[PendingFault]:
        """The faults that were added for requests after the first *calls*, in the order of the requests; the one for all further requests comes last."""
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
        """The fault of that call; None for no fault."""
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
        """Add it to the log, and remove it from what is pending."""
        self._by_number.pop((injected.endpoint_name, injected.call), None)
        self.met.append(injected)
