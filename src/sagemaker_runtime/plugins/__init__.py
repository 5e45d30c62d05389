"""
Plugins for the stack. They use public names only, so you can write your own the same way.

- ``circuit_breaker``: stops calling an endpoint that keeps failing, for a while.
- ``concurrency``: a limit on concurrent calls, fixed or adaptive.
- ``custom_attributes``: adds text for the container to every call.
- ``hedging``: a second attempt when the first is slower than usual.
- ``metrics``: OpenTelemetry metrics with the Go SDK's names; needs ``sagemaker-runtime[opentelemetry]``.
- ``response_cache``: answers repeated requests from memory.
- ``tracing``: OpenTelemetry spans for calls, attempts and streams; needs ``sagemaker-runtime[opentelemetry]``.
- ``waterfall``: where the time of a call went, middleware by middleware.
"""
