"""
The pytest plugin: the fixture ``sagemaker_runtime_local`` starts local endpoints, and stops them when the test ends.

::

    def test_a_flower_is_recognised(sagemaker_runtime_local: type[LocalEndpoint]) -> None:
        local = sagemaker_runtime_local({"iris": lambda invocation: b"setosa"})

        assert b"setosa" == asyncio.run(classify(local.options()))

For code that reads its settings from the environment, call ``monkeypatch.setenv(name, value)`` for each of
``local.environ().items()``.

pytest loads this module in every environment where it is installed. It is not part of the package, and imports that only
when a test uses the fixture, so that other tests start as fast as before, and coverage of the package begins before the
package is imported.
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

    The fixture is `LocalEndpoint`, with the same arguments, but its objects are already running, in a thread, and stop when
    the test ends. So a test may be asynchronous or not. The test waits until they have started, so a `Container` must not
    be served by the test's own event loop.
    """
    from sagemaker_runtime.local import LocalEndpoint  # only if a test uses the fixture

    with ExitStack() as running:

        class Running(LocalEndpoint):
            def __init__(self, *arguments: Any, **options: Any) -> None:
                super().__init__(*arguments, **options)
                running.enter_context(self)

        yield Running
