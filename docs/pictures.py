"""
Draw the pictures of the README: ``python docs/pictures.py`` writes docs/pictures/stack.svg and waterfall.svg.

Both are drawn from what the package really does, and do not change from run to run: a test draws them again and compares.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from attrs import define

from sagemaker_runtime import (
    APIOption,
    BuildHandler,
    BuildInput,
    Client,
    Context,
    InvokeEndpointInput,
    Output,
    Stack,
    StandardRetryer,
    append_custom_attributes,
    build_middleware,
    override,
)
from sagemaker_runtime.plugins.waterfall import WATERFALL, Waterfall
from sagemaker_runtime.testing import (
    ManualClock,
    StubHTTPClient,
    respond,
    respond_error,
)

PICTURES = Path(__file__).parent / "pictures"

WIDTH, LEFT, RIGHT = 960, 150, 810  # pixels; the middleware are between the last two
ROW, GAP, PAD, LETTER = 30, 8, 12, 8
STYLE = """
text { font: 13px ui-sans-serif, system-ui, sans-serif; fill: #1f2328 }
.ground { fill: #ffffff } .head { font-weight: 600 } .note { fill: #59636e } .end { text-anchor: end }
.place { fill: #f6f8fa; stroke: #d1d9e0 } .retry { fill: #fff8c5; stroke: #bf8700 } .line { stroke: #59636e; fill: none }
.yours { fill: #ffffff; stroke: #0969da; stroke-dasharray: 4 }
.call { fill: #ddf4ff } .attempt { fill: #fff8c5; opacity: 0.45 } .tip { fill: #59636e }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .ground { fill: #0d1117 } .note, .tip { fill: #9198a1 } .line { stroke: #9198a1 }
  .place { fill: #151b23; stroke: #3d444d } .yours { fill: #0d1117; stroke: #4493f8 } .retry { fill: #3b2e08; stroke: #d29922 }
  .call { fill: #0c2d6b; opacity: 0.45 } .attempt { fill: #3b2e08; opacity: 0.6 }
}
"""


@define
class TickingClock(ManualClock):
    """A clock that advances by 0.02 ms each time it is read, and by the waits of the script and the retryer."""

    def monotonic(self) -> float:
        self.advance(0.000_02)
        return super().monotonic()


@build_middleware("TagTenant")
async def tag_tenant(ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
    """An example of the reader's own middleware."""
    append_custom_attributes(step.request.headers, "tenant=acme")
    return await next(ctx, step)


def client(
    waterfall: Waterfall | None = None, clock: ManualClock | None = None
) -> Client:
    """A client whose first attempt fails, and whose second one succeeds after 4 ms."""
    responses = [
        respond_error("ServiceUnavailable").after(0.003),
        respond(b"setosa").after(0.004),
    ]
    stub = StubHTTPClient(responses, clock=clock or ManualClock())
    options: list[APIOption] = [tagged] if waterfall is None else [tagged, waterfall]
    return Client(
        stub.options(),
        override(api_options=options, retryer=StandardRetryer(draw=lambda: 0.1)),
    )


def tagged(stack: Stack) -> None:
    """Add it to the stack."""
    stack.build.add(tag_tenant)


async def waterfall_svg() -> str:
    """A call that needed two attempts, as the plugin draws it."""
    clock = TickingClock()
    output = await client(Waterfall(), clock).invoke_endpoint(
        InvokeEndpointInput(endpoint_name="iris", body=b"5.1,3.5,1.4,0.2")
    )
    return output.result_metadata[WATERFALL].svg()


def stack_svg(stack: Stack) -> str:
    """The five steps from top to bottom, with the places in each, and how often each runs."""
    shapes: list[str] = []
    y, divide = 64, 0
    steps = (
        stack.initialize,
        stack.serialize,
        stack.build,
        stack.finalize,
        stack.deserialize,
    )
    for step in steps:
        shapes.append(text(LEFT - 16, y + 20, step.name.capitalize(), "head end"))
        x = LEFT
        for id in step.ids():
            width = round(len(id) * LETTER + 2 * PAD)
            if x + width > RIGHT:
                x, y = LEFT, y + ROW + GAP
            kind = {"Retry": "retry", tag_tenant.id: "yours"}.get(id, "place")
            shapes.append(
                f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{ROW}" rx="6"/>'
            )
            shapes.append(text(x + PAD, y + 20, id))
            x += width + GAP
            if id == "Retry":  # the places below it begin on a new line
                x, y = LEFT, y + ROW + 2 * GAP
                divide = y - GAP
        y += ROW + 2 * GAP
    end = y - GAP
    shapes.append(text(LEFT, y + 20, "transport", "head"))
    shapes.append(
        text(LEFT + 84, y + 20, "sends the request, brings the response", "note")
    )
    bands = [
        f'<rect class="ground" width="{WIDTH}" height="{y + 48}"/>',
        f'<rect class="call" x="16" y="56" width="{WIDTH - 32}" height="{divide - 56}"/>',
        f'<rect class="attempt" x="16" y="{divide}" width="{WIDTH - 32}" height="{end - divide}"/>',
        text(WIDTH - 52, 84, "once per call", "head end"),
        text(WIDTH - 52, divide + 28, "once per attempt", "head end"),
        text(
            LEFT,
            36,
            f"{stack.id}: the request goes down, the response comes back up through the same middleware",
            "note",
        ),
        arrow(40, 64, end + 32),
        arrow(WIDTH - 36, end + 32, 64),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 48}" width="{WIDTH}" height="{y + 48}" role="img">'
    title = f"<title>The stack of {stack.id}, outermost first</title>"
    return "\n".join(
        [head, title, f"<style>{STYLE}</style>", *bands, *shapes, "</svg>\n"]
    )


def text(x: int, y: int, words: str, kind: str = "") -> str:
    """Words that begin at *x*; of kind ``end``, words that end there."""
    return f'<text class="{kind}" x="{x}" y="{y}">{words}</text>'


def arrow(x: int, start: int, end: int) -> str:
    """A line from *start* to its tip at *end*."""
    back = end - 8 if end > start else end + 8
    return f'<path class="line" d="M{x} {start}V{back}"/><path class="tip" d="M{x - 5} {back}h10L{x} {end}z"/>'


def pictures() -> dict[Path, str]:
    """The content of each file."""
    return {
        PICTURES / "stack.svg": stack_svg(client().stack("InvokeEndpoint")),
        PICTURES / "waterfall.svg": asyncio.run(waterfall_svg()),
    }


if __name__ == "__main__":
    for path, content in pictures().items():
        path.write_text(content)
