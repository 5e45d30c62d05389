"""A new operation of a known kind is one file, one line of the registry and one method, and no more."""

from __future__ import annotations

import shutil
from pathlib import Path

from package_copy import copy_of_the_package, insert, run_with

HERE = Path(__file__).parent / "new_operation"
LINES = """\
    "InvokeEndpointLoudly": "invoke_endpoint_loudly",
    "TellAStory": "tell_a_story",
"""
METHODS = '''
    @by_input_alone
    async def invoke_endpoint_loudly(
        self, params: InvokeEndpointLoudlyInput, *opt_fns: OptFn, **members: Never
    ) -> InvokeEndpointLoudlyOutput:
        """Send a body to an endpoint's model, at a volume."""
        from sagemaker_runtime.operations.invoke_endpoint_loudly import INVOKE_ENDPOINT_LOUDLY

        return await self._call(INVOKE_ENDPOINT_LOUDLY, params, opt_fns, members)

    @by_input_alone
    async def tell_a_story(
        self, params: TellAStoryInput, *opt_fns: OptFn, **members: Never
    ) -> TellAStoryOutput:
        """Get a story in parts, as the model writes it."""
        from sagemaker_runtime.operations.tell_a_story import TELL_A_STORY

        return await self._call(TELL_A_STORY, params, opt_fns, members)
'''


def test_a_new_operation_is_one_file_one_line_and_one_method(tmp_path: Path) -> None:
    """The stack, the local endpoint, the plugins and the testing kit find it in the registry; nothing else changes."""
    package = copy_of_the_package(tmp_path)

    for name in ("invoke_endpoint_loudly.py", "tell_a_story.py"):
        shutil.copy(HERE / name, package / "operations")
    insert(package / "operations" / "__init__.py", LINES, before="}\n\nOPERATIONS = ")
    insert(package / "client.py", METHODS, before="\n    def stack(self, operation: str)")

    run_with(package, HERE / "call.py")
