# ruff: noqa: ARG001 - Sphinx says what its handlers take; a script
"""How Sphinx makes pages of this folder: ``make docs``. Nothing is fetched while it does."""

from __future__ import annotations

import builtins
import re
from typing import TYPE_CHECKING

from sphinx.addnodes import pending_xref
from sphinx.util.nodes import find_pending_xref_condition, make_refnode

from sagemaker_runtime import __version__

if TYPE_CHECKING:
    from docutils.nodes import Element, TextElement, document
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "sagemaker-runtime"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
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
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "monokai"


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
    # before Napoleon
    app.connect("autodoc-process-docstring", keep_colons, priority=400)
    app.connect("autodoc-process-signature", tidy_signature)
    app.connect("doctree-read", leave_builtins)
    app.connect("missing-reference", link_by_last_name)
