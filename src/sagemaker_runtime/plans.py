"""`Plans`: what a client compiles for each operation and each set of options, and keeps."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from sagemaker_runtime.context import CLOCK, OPENED, OPERATION, SERVICE_ID, STARTED, TIMEOUT, CallLedger, Context
from sagemaker_runtime.middleware.deserialize import transport_handler
from sagemaker_runtime.middleware.total_timeout import IN_FORCE, LIMITS
from sagemaker_runtime.operations import operation
from sagemaker_runtime.operations.base import TRAITS
from sagemaker_runtime.options import same_stack, set_facts
from sagemaker_runtime.overrides import Override, changed_by, context_with
from sagemaker_runtime.pipeline import stack_of
from sagemaker_runtime.protocol import Marshaller

if TYPE_CHECKING:
    from sagemaker_runtime.clock import Clock
    from sagemaker_runtime.clock_skew import ClockSkew
    from sagemaker_runtime.middleware.stack import Stack
    from sagemaker_runtime.middleware.steps import DeserializeHandler, InitializeHandler
    from sagemaker_runtime.operations.base import Operation, OperationInput, OperationOutput
    from sagemaker_runtime.options import OptFn, Options
    from sagemaker_runtime.transport import DuplexHTTPClient, HTTPClient
    from sagemaker_runtime.wire import Timeout

PLANS_KEPT = 64  # for overrides seen before


class Plan(NamedTuple):
    """One operation under one set of options: everything that a call needs and that does not change from call to call."""

    stack: Stack
    handler: InitializeHandler
    context: Context
    """The facts that each call starts with."""

    clock: Clock
    timeout: Timeout

    def with_facts(self, context: Context) -> Plan:
        """The same stack, and calls that start with the facts in *context*."""
        context[IN_FORCE] = timeout = context[TIMEOUT]
        return Plan(self.stack, self.handler, context, context[CLOCK], timeout)


class Plans:
    """
    The plans of one client.

    Options that are facts of a call (its timeout, retryer, credentials, …) are in the plan's context and not in its
    stack. An override of these alone takes the stack of the client, and nothing is compiled for it.

    Args:
        options: The client's, settled.

        http_client: Sends the requests where the options have no transport.

        skew: The client's, by which its requests are dated.

        ca_bundle: What the transport of duplex calls trusts, which is made at the first of them; None for the system's.
    """

    def __init__(
        self,
        options: Options,
        http_client: HTTPClient,
        skew: ClockSkew,
        ca_bundle: str | None = None,
    ) -> None:
        self._options = options
        self._http_client = http_client
        self._ca_bundle = ca_bundle
        self._duplex_http_client: DuplexHTTPClient | None = None
        self._skew = skew
        self._marshallers: dict[str, Marshaller] = {}
        self._plans: dict[str, Plan] = {}
        self._override_plans: OrderedDict[tuple[str, tuple[OptFn, ...]], Plan] = OrderedDict()

    def plan(self, name: str) -> Plan:
        """The plan for a call of the operation *name* without options of its own."""
        plan = self._plans.get(name)
        if plan is None:
            plan = self._plans[name] = self._compile(name, self._options)
        return plan

    def plan_with(self, name: str, opt_fns: tuple[OptFn, ...]) -> Plan:
        """The plan for a call with options of its own: made now, or kept from an equal call before."""
        for opt_fn in opt_fns:
            if type(opt_fn) is not Override:
                return self._make(name, opt_fns)
        key = (name, opt_fns)
        plans = self._override_plans
        try:
            plan = plans.get(key)
        except TypeError:  # a value that cannot be hashed, such as a list
            return self._make(name, opt_fns)
        if plan is None:
            plan = plans[key] = self._make(name, opt_fns)
            if len(plans) > PLANS_KEPT:
                plans.popitem(last=False)
        elif len(plans) == PLANS_KEPT:  # one must go next time: the first, so this one goes to the end
            plans.move_to_end(key)
        return plan

    def _make(self, name: str, opt_fns: tuple[OptFn, ...]) -> Plan:
        plan = self.plan(name)
        context = context_with(opt_fns, plan.context)
        if context is None:
            options = changed_by(opt_fns, self._options)
            if not same_stack(options, self._options):
                return self._compile(name, options)
            context = Context(plan.context)
            set_facts(options, context)
        return plan.with_facts(context)

    def _compile(self, name: str, options: Options) -> Plan:
        marshaller = self._marshallers.get(name)
        if marshaller is None:
            marshaller = self._marshallers[name] = Marshaller(operation(name))
        stack = self._stack(marshaller, options)
        for api_option in options.api_options:
            from sagemaker_runtime.mistakes import apply_api_option  # not every client has functions of its own

            apply_api_option(api_option, stack)
        context = Context()
        context[SERVICE_ID] = marshaller.operation.service.id
        context[OPERATION] = name
        context[TRAITS] = marshaller.operation
        set_facts(options, context)
        # What each call sets anew. A copy of a dict has its size, so no context of a call has to grow.
        context[IN_FORCE], context[STARTED], context[OPENED], context[LIMITS] = options.timeout, 0.0, CallLedger(), []
        handler = stack.compile(self._transport(marshaller.operation, options))
        return Plan(stack, handler, context, options.clock, options.timeout)

    def _stack(self, marshaller: Marshaller, options: Options) -> Stack:
        if marshaller.operation.duplex:
            from sagemaker_runtime.duplex_pipeline import duplex_stack_of  # few clients have such a call

            return duplex_stack_of(marshaller, options, self._skew)
        return stack_of(marshaller, options, self._skew)

    def _transport(self, operation: Operation[OperationInput, OperationOutput], options: Options) -> DeserializeHandler:
        """The end of the operation's stack."""
        if operation.duplex:
            from sagemaker_runtime.middleware.duplex import duplex_transport_handler  # few clients have such a call

            duplex = options.duplex_http_client
            return duplex_transport_handler(self._own_duplex_http_client if duplex is None else lambda: duplex)
        given: HTTPClient | None = getattr(options, operation.service.http_client_option)
        return transport_handler(self._http_client if given is None else given)

    def _own_duplex_http_client(self) -> DuplexHTTPClient:
        """The client's own transport of duplex calls, made at the first of them."""
        if self._duplex_http_client is None:
            from sagemaker_runtime.transport.h2.client import HTTP2Client

            self._duplex_http_client = HTTP2Client(ca_bundle=self._ca_bundle)
        return self._duplex_http_client

    async def close(self) -> None:
        """Close the transport that was made here, if one was."""
        if self._duplex_http_client is not None:
            await self._duplex_http_client.close()
