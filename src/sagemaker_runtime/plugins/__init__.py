"""
Guests of the stack, written with public names only, so that you can write such a one too.

- ``circuit_breaker``: leaves an endpoint that keeps failing alone for a while.
- ``codecs``, ``numpy_codec``: objects in place of bytes.
- ``concurrency``: a limit on the calls at once, fixed or found by trial.
- ``custom_attributes``: text for the container with every call.
- ``hedging``: a second attempt where the first is slower than usual.
- ``metrics``: OpenTelemetry metrics with the Go SDK's names; needs ``sagemaker-runtime[opentelemetry]``.
- ``response_cache``: the same question, asked again, is answered from memory.
- ``tracing``: OpenTelemetry spans for calls, attempts and streams; needs ``sagemaker-runtime[opentelemetry]``.
- ``waterfall``: where the time of a call went, middleware by middleware.
"""
