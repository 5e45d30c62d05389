"""A new option is two places: its field, with all that is known of it, and the argument of ``load_config``."""

from __future__ import annotations

from pathlib import Path

from package_copy import copy_of_the_package, insert, run_with

FIELD = '''
    colour: str | None = field(
        default=None,
        metadata=option(
            of_type(str | None, "a colour, or None"),
            fact=Key[str]("colour"),
            setting=Setting(one_of({"red": "red", "blue": "blue"}), ("AWS_COLOUR",), "colour", "colour"),
        ),
    )
    """What colour the call is."""
'''
IMPORT = "from sagemaker_runtime.context import Key\n"
ARGUMENT = "    colour: str | None = None,\n"
PROGRAM = """
import asyncio, os
from sagemaker_runtime import Client, ConfigError, InvokeEndpointInput, Options, load_config, override
from sagemaker_runtime.testing import StubHTTPClient, respond

async def main():
    os.environ["AWS_COLOUR"] = "BLUE"
    config = await load_config()
    assert "blue" == config.colour == Client.from_config(config).options.colour
    assert "red" == (await load_config(colour="red")).colour
    os.environ["AWS_COLOUR"] = "green"
    try:
        await load_config()
    except ConfigError as error:
        assert "AWS_COLOUR: 'green' is not one of red, blue" == str(error), error
    else:
        raise AssertionError("read without a look")

    seen = []
    def tell(stack):
        runs.append(stack)
        stack.build.swap("UserAgent", Tells())
    class Tells:
        id = "UserAgent"
        def handle_build(self, ctx, step, next):
            seen.append([value for key, value in ctx.items() if key.name == "colour"])
            return next(ctx, step)
    runs = []
    stub = StubHTTPClient([respond()], repeat=True)
    client = Client(stub.options(), override(api_options=[tell], colour="red"))
    compiled = len(runs)
    params = InvokeEndpointInput(endpoint_name="iris", body=b"")
    await client.invoke_endpoint(params)
    await client.invoke_endpoint(params, override(colour="blue"))
    assert [["red"], ["blue"]] == seen
    assert compiled == len(runs)
    for attempt in (lambda: Client(Options(colour=5)), lambda: client.invoke_endpoint(params, override(colour=5))):
        try:
            made = attempt()
            await made
        except ConfigError as error:
            assert "Options.colour is of type int; it takes a colour, or None" in str(error)
        else:
            raise AssertionError("taken without a look")

asyncio.run(main())
"""


def test_a_new_option_is_its_field_and_an_argument_of_load_config(tmp_path: Path) -> None:
    """It is checked, read from the environment, overridden and found in the context, and nothing else knows of it."""
    package = copy_of_the_package(tmp_path)

    insert(package / "options.py", IMPORT, before="from sagemaker_runtime.credentials import")
    insert(package / "options.py", FIELD, before="\n    app_id: str | None = field(")
    insert(package / "config.py", ARGUMENT, before="    app_id: str | None = None,\n")

    run_with(package, "-c", PROGRAM)
