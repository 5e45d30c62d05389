"""`Plans`: the compiled stacks of a client, one for each operation and each set of options."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from sagemaker_runtime.context import OPENED, OPERATION, SERVICE_ID, STARTED, CallLedger, Context
from sagemaker_runtime.middleware.deserialize import transport_handler
from sagemaker_runtime.middleware.total_timeout import IN_FORCE, LIMITS
from sagemaker_runtime.operations import operation
from sagemaker_runtime.operations.base import TRAITS
from sagemaker_runtime.options import same_stack, set_facts
from sagemaker_runtime.overrides import Override, changed_by, facts_of
from sagemaker_runtime.pipeline import stack_of
from sagemaker_runtime.protocol import Marshaller
from sagemaker_runtime.wire import Timeout

if TYPE_CHECKING:
    from sagemaker_runtime.clock_skew import ClockSkew
    from sagemaker_runtime.middleware.stack import Stack
    from sagemaker_runtime.middleware.steps import DeserializeHandler, InitializeHandler
    from sagemaker_runtime.operations.base import Operation, OperationInput, OperationOutput
    from sagemaker_runtime.options import OptFn, Options
    from sagemaker_runtime.transport import DuplexHTTPClient, HTTPClient

PLANS_KEPT = 64  # cached plans for overrides


class Plan(NamedTuple):
    """Everything that calls of one operation with one set of options share."""

    stack: Stack
    handler: InitializeHandler
    context: Context
    """The facts that each call starts with."""


class Plans:
    """
    The plans of one client.

    Options that are facts of a call (its timeout, retryer, credentials, …) are in the call's context, not in its stack. If
    an override changes only these, the client's stack is used, and nothing is compiled or cached.

    Args:
        options: The options of the client, settled.

        http_client: Sends the requests if the options have no transport.

        skew: That of the client, which corrects the times of its requests.

        ca_bundle: A file or a directory of certificates that the transport of duplex calls trusts; None for the system's.
            The transport is created at the first such call.
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
        """The plan for calls of the operation *name* with the client's options."""
        plan = self._plans.get(name)
        if plan is None:
            plan = self._plans[name] = self._compile(name, self._options)
        return plan

    def begin(self, name: str, opt_fns: tuple[OptFn, ...]) -> tuple[InitializeHandler, Context]:
        """
        The handler for a call of the operation *name*, and the context that the call starts with.

        Raises:
            ConfigError: *opt_fns* lead to invalid options.
        """
        plan = self._plans.get(name) or self.plan(name)
        facts = facts_of(opt_fns) if opt_fns else None
        if opt_fns and facts is None:
            plan = self.plan_with(name, opt_fns)
        context = Context(plan.context)
        if facts is not None:
            context.update(facts)
        return plan.handler, context

    def plan_with(self, name: str, opt_fns: tuple[OptFn, ...]) -> Plan:
        """The plan for calls with other options: from the cache, or created now."""
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
        elif len(plans) == PLANS_KEPT:  # the cache is full, and evicts the first plan: so this one goes to the end
            plans.move_to_end(key)
        return plan

    def _make(self, name: str, opt_fns: tuple[OptFn, ...]) -> Plan:
        plan = self.plan(name)
        options = changed_by(opt_fns, self._options)
        if not same_stack(options, self._options):
            return self._compile(name, options)
        context = Context(plan.context)
        set_facts(options, context)
        return plan._replace(context=context)

    def _compile(self, name: str, options: Options) -> Plan:
        marshaller = self._marshallers.get(name)
        if marshaller is None:
            marshaller = self._marshallers[name] = Marshaller(operation(name))
        stack = self._stack(marshaller, options)
        for api_option in options.api_options:
            from sagemaker_runtime.mistakes import apply_api_option  # not every client has api_options

            apply_api_option(api_option, stack)
        context = Context()
        context[SERVICE_ID] = marshaller.operation.service.id
        context[OPERATION] = name
        context[TRAITS] = marshaller.operation
        set_facts(options, context)
        # Placeholders for what each call sets. A copied dict has the same size, so the context of a call need not grow.
        context[IN_FORCE], context[STARTED], context[OPENED], context[LIMITS] = Timeout(), 0.0, CallLedger(), []
        handler = stack.compile(self._transport(marshaller.operation, options))
        return Plan(stack, handler, context)

    def _stack(self, marshaller: Marshaller, options: Options) -> Stack:
        if marshaller.operation.duplex:
            from sagemaker_runtime.duplex_pipeline import duplex_stack_of  # few clients have such a call

            return duplex_stack_of(marshaller, options, self._skew)
        return stack_of(marshaller, options, self._skew)

    def _transport(self, operation: Operation[OperationInput, OperationOutput], options: Options) -> DeserializeHandler:
        """The handler at the end of the stack, which sends the request."""
        if operation.duplex:
            from sagemaker_runtime.middleware.duplex import duplex_transport_handler  # few clients have such a call

            duplex = options.duplex_http_client
            return duplex_transport_handler(self._own_duplex_http_client if duplex is None else lambda: duplex)
        given: HTTPClient | None = getattr(options, operation.service.http_client_option)
        return transport_handler(self._http_client if given is None else given)

    def _own_duplex_http_client(self) -> DuplexHTTPClient:
        """The client's own transport of duplex calls, created at the first such call."""
        if self._duplex_http_client is None:
            from sagemaker_runtime.transport.h2.client import HTTP2Client

            self._duplex_http_client = HTTP2Client(ca_bundle=self._ca_bundle)
        return self._duplex_http_client

    async def close(self) -> None:
        """Close the transport of duplex calls, if it was created here."""
        if self._duplex_http_client is not None:
            await self._duplex_http_client.close()
