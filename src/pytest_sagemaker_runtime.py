"""
The pytest plugin: the fixture ``sagemaker_runtime_local`` starts local endpoints, and stops them when the test ends.

::

    def test_a_flower_is_recognised(sagemaker_runtime_local: type[LocalEndpoint]) -> None:
        local = sagemaker_runtime_local({"iris": lambda invocation: b"setosa"})

        assert b"setosa" == asyncio.run(classify(local.options()))

Code that looks for its set-up in the environment finds it there: ``monkeypatch.setenv(name, value)`` for each of
``local.environ().items()``.

pytest loads this module wherever it is installed. It is a module beside the package, which it imports when a test asks
for the fixture: other tests start no slower, and coverage of the package begins before the package is imported.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagemaker_runtime.local import LocalEndpoint

__all__ = ["sagemaker_runtime_local"]


@pytest.fixture
def sagemaker_runtime_local() -> Iterator[type[LocalEndpoint]]:
    """
    Start local SageMaker Runtimes, as many as the test needs::

        local = sagemaker_runtime_local({"iris": predict})

    It is `LocalEndpoint`, with the same arguments, but its objects are already running: until the test ends, and in a
    thread, so that a test may be asynchronous or not. The test waits for them to start, so a `Container` must not be
    served by the test's own event loop.
    """
    from sagemaker_runtime.local import LocalEndpoint  # not before it is used

    with ExitStack() as running:

        class Running(LocalEndpoint):
            def __init__(self, *arguments: Any, **options: Any) -> None:
                super().__init__(*arguments, **options)
                running.enter_context(self)

        yield Running
