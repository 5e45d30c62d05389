# ruff: noqa: ARG001 - Sphinx says what its handlers take; a script
"""How Sphinx makes pages of this folder: ``make docs``. Nothing is fetched while it does."""

from __future__ import annotations

import builtins
import re
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.util.nodes import find_pending_xref_condition, make_refnode

from sagemaker_runtime import __version__

if TYPE_CHECKING:
    from docutils.nodes import Element, TextElement, document
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "sagemaker-runtime"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["examples"]
default_role = "py:obj"  # `Client` in a docstring is a link, where there is such a name
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_title = f"sagemaker-runtime {release}"
html_static_path = ["static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "monokai"

copybutton_selector = (
    "div:not(.highlight-text) > div.highlight > pre"  # output is for reading
)
copybutton_prompt_text = "$ "
copybutton_line_continuation_character = "\\"

MAPS = ("index", "api/index")
"""The pages whose links are the table of contents."""


def contents_of(page: str) -> str:
    """
    The table of contents of a map: one for each heading, of the pages that are linked below it.

    So a map is written once, and a code host shows no directives on it.
    """
    seen: set[str] = set()
    tables: list[str] = []
    for section in re.split(r"^#+ ", page, flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        links = [
            link
            for link in re.findall(r"\]\(([\w/-]+)\.(?:md|rst)\)", text)
            if link not in seen
        ]
        seen.update(links)
        if links:
            entries = "\n".join(dict.fromkeys(links))
            tables.append(
                f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{entries}\n```\n"
            )
    return "".join(tables)


def add_contents(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give the maps their tables of contents."""
    if docname in MAPS:
        source[0] += contents_of(source[0])


def name_columns(app: Sphinx, doctree: document) -> None:
    """Put its column's heading into each cell but those of the first column, for narrow screens; pages.css hides it."""
    for table in doctree.findall(nodes.tgroup):
        names = [
            entry.astext()
            for head in table.findall(nodes.thead)
            for entry in head.findall(nodes.entry)
        ]
        for row in next(table.findall(nodes.tbody)).children:
            for name, entry in list(zip(names, row.children, strict=False))[1:]:
                if name and entry.astext():
                    entry[0].insert(
                        0, nodes.inline("", f"{name}: ", classes=["column-name"])
                    )


def let_code_break(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, object],
    doctree: object,
) -> None:
    """Let code in text and tables wrap after a separator, and in a very long name before a capital."""

    def in_name(found: re.Match[str]) -> str:
        return re.sub(r"(?<=[a-z]{3})(?=[A-Z][a-z]{2})", "<wbr>", found[0])

    def breakable(found: re.Match[str]) -> str:
        code = re.sub(r"[A-Za-z]{27,}", in_name, found[2])
        code = re.sub(r"(?<=\w[_./(,=:-])(?=[A-Za-z&])", "<wbr>", code)
        return found[1] + code + found[3]

    body = context.get("body")
    if isinstance(body, str):
        context["body"] = re.sub(
            r'(<span class="pre">)([^<]*)(</span>)', breakable, body
        )


def leave_builtins(app: Sphinx, doctree: document) -> None:
    """Make no link of a builtin's name: Sphinx would find the member `bytes` of some class for it, or of several."""
    for node in list(doctree.findall(pending_xref)):
        if node.get("refdomain") == "py" and hasattr(
            builtins, node.get("reftarget", "")
        ):
            short = find_pending_xref_condition(node, "resolved")
            node.replace_self(node.children if short is None else short.children)


def link_by_last_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: TextElement
) -> Element | None:
    """Find what a docstring names without its module: `StackError`, `ResponseStream.watch`."""
    target = node.get("reftarget", "")
    objects = env.domains.python_domain.objects
    found = [
        (name, entry)
        for name, entry in objects.items()
        if name.endswith(f".{target}") and not entry.aliased
    ]
    if node.get("refdomain") != "py" or hasattr(builtins, target) or len(found) != 1:
        return None
    name, entry = found[0]
    return make_refnode(
        app.builder, node["refdoc"], entry.docname, entry.node_id, content, name
    )


def tidy_signature(
    app: Sphinx,
    what: str,
    name: str,
    obj: object,
    options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """Show defaults that are no Python as dots, such as attrs' factories; hide what is private."""
    if signature is not None:
        signature = re.sub(r"= (NOTHING|<[^<>]*>)", "= ...", signature)
        signature = re.sub(r", _\w+: [^,)]*", "", signature)
    return signature, returns


def keep_colons(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Keep Napoleon from taking the words before a member's first colon for its type."""
    if what in {"attribute", "data", "property"} and lines and ":" in lines[0]:
        lines.insert(0, "\\ ")


def setup(app: Sphinx) -> None:
    """Sphinx calls it."""
    app.connect("source-read", add_contents)
    app.connect("doctree-read", name_columns)
    app.connect("html-page-context", let_code_break)
    # before Napoleon
    app.connect("autodoc-process-docstring", keep_colons, priority=400)
    app.connect("autodoc-process-signature", tidy_signature)
    app.connect("doctree-read", leave_builtins)
    app.connect("missing-reference", link_by_last_name)
