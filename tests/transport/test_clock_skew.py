"""A machine whose clock is wrong: what the service's refusal teaches, for how long, and when it teaches nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from attrs import define, field
from support import ManualClock
from transport.servers import Exchange, client_for, params, serving

from sagemaker_runtime import Client, InvokeEndpointOutput, ServiceError, StandardRetryer, Timeout, override
from sagemaker_runtime.dates import amz_seconds

HOUR = 3_600.0  # seconds
ALLOWED = 300.0  # seconds that a signature may be off, at every AWS service
SKEWED = ["InvalidSignatureException", "RequestTimeTooSkewed"]


@define
class Service:
    """Refuses a signature whose time is not its own, as AWS does; its clock is *ahead* of the client's by so many seconds."""

    clock: ManualClock = field(factory=ManualClock)
    ahead: float = HOUR
    code: str = "InvalidSignatureException"
    headers: tuple[str, ...] = ()
    tells_date: bool = True
    believes_nobody: bool = False
    loses: list[int] = field(factory=list)  # numbers of the requests whose connection it resets
    takes: dict[int, float] = field(factory=dict)  # seconds that the request of that number lasts
    signed: list[float] = field(factory=list)  # how far each signature was from the client's clock

    @property
    def now(self) -> float:
        return self.clock.now() + self.ahead

    async def respond(self, exchange: Exchange) -> None:
        await exchange.read_body()
        date = amz_seconds(exchange.request.headers["x-amz-date"])
        assert date is not None
        self.signed.append(date - self.clock.now())
        if len(self.signed) in self.loses:
            exchange.reset()
            return
        received = self.now
        self.clock.advance(self.takes.get(len(self.signed), 0.0))
        refused = self.believes_nobody or abs(received - date) > ALLOWED
        lines = ["HTTP/1.1 403 Forbidden", f"X-Amzn-ErrorType: {self.code}"] if refused else ["HTTP/1.1 200 OK"]
        if self.tells_date:
            lines.append(f"Date: {format_datetime(datetime.fromtimestamp(self.now, UTC), usegmt=True)}")
        await exchange.send("\r\n".join([*lines, *self.headers, "Content-Length: 2", "", "{}"]).encode())

    def serving(self):
        return serving(self.respond)

    def client(self, server, **changes: object) -> Client:
        return client_for(server, clock=self.clock, retryer=StandardRetryer(draw=lambda: 0.0), **changes)


async def call(caller: Client, *opt_fns) -> InvokeEndpointOutput:
    return await caller.invoke_endpoint(params(), *opt_fns)


@pytest.mark.parametrize("code", SKEWED)
@pytest.mark.parametrize("ahead", [HOUR, -HOUR, 10 * 365 * 24 * HOUR])
async def test_a_call_succeeds_on_the_second_attempt_signed_by_the_services_clock(code: str, ahead: float) -> None:
    """A laptop that has slept is not to be set by hand first; the next call needs no lesson, and nobody waits."""
    service = Service(ahead=ahead, code=code)
    async with service.serving() as server, service.client(server) as caller:
        await call(caller)
        assert [0.0, ahead] == service.signed

        await call(caller)
        assert [0.0, ahead, ahead] == service.signed
        assert [0.0] == service.clock.slept


async def test_a_skew_that_the_service_allows_is_learnt_from_any_response() -> None:
    """A clock that drifts is corrected before it is refused."""
    service = Service(ahead=200.0)
    async with service.serving() as server, service.client(server) as caller:
        await call(caller)
        service.ahead = 400.0
        await call(caller)

    assert [0.0, 200.0] == service.signed


async def test_what_was_learnt_outlives_a_lost_connection() -> None:
    """A failure that has no time is no reason to trust our own again."""
    service = Service(loses=[3])
    async with service.serving() as server, service.client(server) as caller:
        await call(caller)
        await call(caller)

    assert [0.0, HOUR, HOUR, HOUR] == service.signed


async def test_a_clock_that_is_set_right_again_is_believed_again() -> None:
    """The machine's clock is set while the client lives: the old correction is then the mistake."""
    service = Service()
    async with service.serving() as server, service.client(server) as caller:
        await call(caller)
        service.ahead = 0.0
        await call(caller)
        await call(caller)

    assert [0.0, HOUR, HOUR, 0.0, 0.0] == service.signed


async def test_what_a_call_with_options_of_its_own_learns_serves_the_others() -> None:
    """The skew is the machine's and not the call's."""
    service = Service()
    async with service.serving() as server, service.client(server) as caller:
        await call(caller, override(app_id="other"))
        await call(caller)

    assert [0.0, HOUR, HOUR] == service.signed


@pytest.mark.parametrize("per_call", [False, True])
async def test_without_the_correction_the_error_comes_at_once_and_as_it_is(*, per_call: bool) -> None:
    """Who keeps the clock right by other means wants to hear that it is wrong, each time."""
    service = Service()
    off = {"disable_clock_skew_correction": True}
    async with service.serving() as server, service.client(server, **({} if per_call else off)) as caller:
        for _ in range(2):
            with pytest.raises(ServiceError) as caught:
                await call(caller, *([override(**off)] if per_call else []))

    assert [0.0, 0.0] == service.signed
    assert ("InvalidSignatureException", 403, None) == (
        caught.value.code,
        caught.value.status,
        caught.value.clock_skew,
    )
    assert 1 == len(caught.value.attempts)


@pytest.mark.parametrize("ahead", [0.0, 60.0, -239.0])
@pytest.mark.parametrize("code", ["AccessDeniedException", *SKEWED])
async def test_a_refusal_by_a_service_whose_clock_is_ours_is_not_repeated(code: str, ahead: float) -> None:
    """It has another reason, a wrong key or a missing permission, and would be given again."""
    service = Service(ahead=ahead, code=code, believes_nobody=True)
    async with service.serving() as server, service.client(server) as caller:
        with pytest.raises(ServiceError) as caught:
            await call(caller)

    assert [0.0] == service.signed
    assert (code, None) == (caught.value.code, caught.value.clock_skew)


async def test_access_denied_by_a_service_with_another_clock_is_repeated_once() -> None:
    """Some services call a wrong time so; one more attempt shows which it was."""
    service = Service(code="AccessDeniedException")
    async with service.serving() as server, service.client(server) as caller:
        await call(caller)

    assert [0.0, HOUR] == service.signed


@pytest.mark.parametrize("code", SKEWED)
async def test_a_second_refusal_is_final_though_the_clock_had_jumped_again(code: str) -> None:
    """Time that moves faster than we can follow is a fault to be reported, not to be chased."""

    class Runaway(Service):
        """Each response is an hour later than the one before."""

        async def respond(self, exchange: Exchange) -> None:
            self.ahead += HOUR
            await super().respond(exchange)

    service = Runaway(code=code, ahead=0.0)
    async with service.serving() as server, service.client(server) as caller:
        with pytest.raises(ServiceError) as caught:
            await call(caller)

    assert [0.0, HOUR] == service.signed
    assert (code, HOUR) == (caught.value.code, caught.value.clock_skew)
    assert [0.0, None] == [each.delay for each in caught.value.attempts]


async def test_a_response_without_a_date_teaches_nothing() -> None:
    """There is nothing to correct by, so that another attempt would be refused as well."""
    service = Service(tells_date=False)
    async with service.serving() as server, service.client(server) as caller:
        for _ in range(2):
            with pytest.raises(ServiceError):
                await call(caller)

    assert [0.0, 0.0] == service.signed


async def test_a_response_out_of_a_cache_teaches_nothing() -> None:
    """With Age the Date is that of the first response, and no longer the time: so another attempt is signed as this one."""
    service = Service(headers=("Age: 3600",))
    async with service.serving() as server, service.client(server) as caller:
        for _ in range(2):
            with pytest.raises(ServiceError) as caught:
                await call(caller)

    assert [0.0, 0.0] == service.signed
    assert caught.value.clock_skew is None


@pytest.mark.parametrize("ahead", [0.0, HOUR, -HOUR])
async def test_a_call_that_takes_minutes_does_not_make_the_clock_wrong(ahead: float) -> None:
    """A model's response is dated when the model is done, and not half-way: calls are signed as before it."""
    service = Service(ahead=ahead, takes={2: 700.0, 4: 1_000.0})
    async with service.serving() as server, service.client(server, timeout=Timeout(read=2_000)) as caller:
        for _ in range(5):
            await call(caller)

    assert [0.0, *[ahead] * (5 if ahead else 4)] == service.signed


async def test_a_date_that_was_measured_already_is_measured_again_when_it_refuses() -> None:
    """The correction is from the same second: if it were kept, the one attempt that is left would be refused as well."""
    service = Service(ahead=0.0)
    async with service.serving() as server, service.client(server) as caller:
        await call(caller)
        service.clock.time -= HOUR  # within the second in which the service's clock has stood still
        service.ahead = HOUR
        await call(caller)

    assert [0.0, 0.0, HOUR] == service.signed


async def test_a_refusal_after_a_slow_exchange_is_measured_too() -> None:
    """A large body on a slow link: the time of its signature is over, and the clock may be wrong as well."""

    class Slow(Service):
        """Looks at the time when it has read the request, which takes long the first time."""

        async def respond(self, exchange: Exchange) -> None:
            if not self.signed:
                self.clock.advance(1_000.0)
            await super().respond(exchange)

    service = Slow(ahead=HOUR)
    async with service.serving() as server, service.client(server, timeout=Timeout(read=2_000)) as caller:
        await call(caller)

    assert [-1_000.0, HOUR] == service.signed
