"""A new operation of a known kind is one file, one line of the registry and one method, and no more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import sagemaker_runtime

HERE = Path(__file__).parent / "new_operation"
LINES = """\
    "InvokeEndpointLoudly": "invoke_endpoint_loudly",
    "TellAStory": "tell_a_story",
"""
METHODS = '''
    async def invoke_endpoint_loudly(
        self, params: InvokeEndpointLoudlyInput, *opt_fns: OptFn
    ) -> InvokeEndpointLoudlyOutput:
        """Send a body to an endpoint's model as loud as it is to be heard."""
        from sagemaker_runtime.operations.invoke_endpoint_loudly import INVOKE_ENDPOINT_LOUDLY

        return await self._call(INVOKE_ENDPOINT_LOUDLY, params, opt_fns)

    async def tell_a_story(self, params: TellAStoryInput, *opt_fns: OptFn) -> TellAStoryOutput:
        """Get a story in parts, as it is told."""
        from sagemaker_runtime.operations.tell_a_story import TELL_A_STORY

        return await self._call(TELL_A_STORY, params, opt_fns)
'''


def insert(path: Path, text: str, *, before: str) -> None:
    """Put *text* in front of the only place where *before* stands."""
    source = path.read_text()
    assert 1 == source.count(before), f"{path.name}: {before!r}"
    path.write_text(source.replace(before, text + before))


def test_a_new_operation_is_one_file_one_line_and_one_method(tmp_path: Path) -> None:
    """The stack, the local endpoint, the plugins and the testing kit find it in the registry, and nobody else is told."""
    package = tmp_path / "sagemaker_runtime"
    shutil.copytree(Path(sagemaker_runtime.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))

    for name in ("invoke_endpoint_loudly.py", "tell_a_story.py"):
        shutil.copy(HERE / name, package / "operations")
    insert(package / "operations" / "__init__.py", LINES, before="}\n\nOPERATIONS = ")
    insert(package / "client.py", METHODS, before="\n    def stack(self, operation: str)")

    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    ran = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-W", "error", HERE / "call.py"], env=environment, capture_output=True, text=True, check=False
    )

    assert 0 == ran.returncode, ran.stderr
