# ruff: noqa: ARG001 - Sphinx defines the parameters of its handlers; a script
"""The configuration of Sphinx for this folder: ``make docs``. The build fetches nothing."""

from __future__ import annotations

import builtins
import inspect
import re
import sys
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx import addnodes
from sphinx.addnodes import pending_xref
from sphinx.pycode import ModuleAnalyzer
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
default_role = "py:obj"  # `Client` in a docstring is a link, if there is such a name
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
"""The pages whose links make the table of contents."""


def contents_of(page: str) -> str:
    """
    The table of contents that a map makes: a section for each heading, with the pages that are linked below it.

    So the table is written once, and the page shows no directives on a code host.
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


def document_constants(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Give a constant that another module defines the docstring there, not that of its type; and a field its own only."""
    if lines[:1] and lines[0].startswith("Alias for field number"):
        lines.clear()
    of_type = inspect.getdoc(type(obj)) or ""
    if what != "data" or lines[:1] != of_type.splitlines()[:1]:
        return
    constant = name.rpartition(".")[2]
    documented = (
        ModuleAnalyzer.for_module(module).find_attr_docs().get(("", constant))
        for module, there in sorted(sys.modules.items())
        if module.startswith("sagemaker_runtime.")
        and getattr(there, constant, None) is obj
    )
    lines[:] = next(filter(None, documented), [])


def add_contents(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give the maps their tables of contents."""
    if docname in MAPS:
        source[0] += contents_of(source[0])


def name_columns(app: Sphinx, doctree: document) -> None:
    """Put the column's heading into each cell outside the first column. pages.css shows it on narrow screens only."""
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
    """Let code in text and tables wrap after separators, and very long names wrap before capitals."""

    def in_name(found: re.Match[str]) -> str:
        return re.sub(r"(?<=[a-z]{3})(?=[A-Z][a-z]{2})", "<wbr>", found[0])

    def breakable(found: re.Match[str]) -> str:
        code = re.sub(r"[A-Za-z]{27,}", in_name, found[2])
        code = re.sub(r"(?<=\w[_./(,=:-])(?=[A-Za-z&])", "<wbr>", code)
        return found[1] + code + found[3]

    body = context.get("body")
    if isinstance(body, str):
        body = re.sub(r'(<span class="pre">)([^<]*)(</span>)', breakable, body)
        context["body"] = re.sub(r"<h[12]>[A-Za-z]{17,}", in_name, body)


def leave_builtins(app: Sphinx, doctree: document) -> None:
    """Do not link the names of builtins: for `bytes`, Sphinx would link a member of that name of some class."""
    for node in list(doctree.findall(pending_xref)):
        if node.get("refdomain") == "py" and hasattr(
            builtins, node.get("reftarget", "")
        ):
            short = find_pending_xref_condition(node, "resolved")
            node.replace_self(node.children if short is None else short.children)


def link_by_last_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: TextElement
) -> Element | None:
    """Link names that a docstring writes without the module, such as `StackError` and `ResponseStream.watch`."""
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


# With brackets in brackets in brackets, as in Callable[[Context, list[int]], Output].
_BRACKETS = r"\[(?:[^][]|\[(?:[^][]|\[[^][]*\])*\])*\]"
_ANNOTATION = rf"(?:[^][(),]|{_BRACKETS})*"


def tidy_signature(
    app: Sphinx,
    what: str,
    name: str,
    obj: object,
    options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """Show defaults that are not valid Python, such as attrs' factories, as dots; hide private parameters."""
    if signature is not None:
        signature = re.sub(r"= (NOTHING|<[^<>]*>)", "= ...", signature)
        signature = re.sub(rf", _\w+: {_ANNOTATION}", "", signature)
    return signature, returns


def shorten_values(app: Sphinx, doctree: document) -> None:
    """Show classes without their modules in the values of type aliases and in lists of variables, as in signatures."""
    for kind in (addnodes.desc_annotation, addnodes.literal_emphasis):
        for node in doctree.findall(kind):
            for text in list(node.findall(nodes.Text)):
                short = re.sub(r"\b(?:[a-z_]\w*\.)+(?=[A-Z])", "", text)
                text.parent.replace(text, nodes.Text(short))


def keep_colons(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Keep Napoleon from reading the words before a member's first colon as its type."""
    if what in {"attribute", "data", "property"} and lines and ":" in lines[0]:
        lines.insert(0, "\\ ")


def setup(app: Sphinx) -> None:
    """Connect the handlers; called by Sphinx."""
    app.connect("source-read", add_contents)
    app.connect("autodoc-process-docstring", document_constants, priority=300)
    app.connect("doctree-read", name_columns)
    app.connect("html-page-context", let_code_break)
    # before Napoleon
    app.connect("autodoc-process-docstring", keep_colons, priority=400)
    app.connect("autodoc-process-signature", tidy_signature)
    app.connect("doctree-read", leave_builtins)
    app.connect("doctree-read", shorten_values)
    app.connect("missing-reference", link_by_last_name)
