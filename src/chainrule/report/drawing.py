"""The network's drawing, made safe to stand in the page.

`graph.svg` is data from a file, so nothing in it may run or reach out: only the shapes, texts and gradients listed
below pass, names are prefixed so that they cannot meet the page's own, and styles keep only plain pairs of a property
and its value.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

_SVG = "http://www.w3.org/2000/svg"
# fmt: off
_ELEMENTS = frozenset(
    {
        "svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "title",
        "desc", "defs", "marker", "linearGradient", "radialGradient", "stop",
    }
)
_ATTRIBUTES = frozenset(
    {
        "viewBox", "width", "height", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "d", "points",
        "transform", "dx", "dy", "fill", "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-opacity",
        "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "opacity", "font-size", "font-family",
        "font-weight", "font-style", "text-anchor", "dominant-baseline", "letter-spacing", "textLength",
        "lengthAdjust", "marker-start", "marker-end", "marker-mid", "markerWidth", "markerHeight", "refX", "refY",
        "orient", "markerUnits", "offset", "stop-color", "stop-opacity", "gradientUnits", "gradientTransform",
        "preserveAspectRatio", "role", "aria-label",
    }
)
# fmt: on
_REFERENCE = re.compile(r"url\(\s*[\"']?#([\w.-]+)[\"']?\s*\)")
# Declarations a drawing may carry: no url(), no at-rules, no escapes, nothing that could close the style element.
_RULE = re.compile(r"([^{}@<>\\]+)\{([^{}@<>\\]*)\}")
_SELECTOR = re.compile(r"[\w\s.,>:#*-]+")
_DECLARATION = re.compile(r"\s*([a-z-]+)\s*:\s*([\w\s#%.,+\"'()-]+?)\s*")
_BLOCK = re.compile(r"@([^{};]*)\{((?:[^{}]*\{[^{}]*\})*)[^{}]*\}")
_DARK = re.compile(r"media\s*\(\s*prefers-color-scheme\s*:\s*dark\s*\)")
_NAME = "drawing-"
DEEPEST = 60


def sanitise(text: str, scope: str = ".network") -> str:
    """An SVG reduced to shapes and text.

    Arguments:
        text: an SVG document.
        scope: a CSS selector that the drawing's own style rules are confined to.

    Returns:
        The drawing as markup that may stand in a page; an empty string when it is no SVG or tries document-type tricks.

    Example:
        >>> sanitise('<svg xmlns="http://www.w3.org/2000/svg" onload="x()"><script>x()</script><rect width="2"/></svg>')
        '<svg xmlns="http://www.w3.org/2000/svg"><rect width="2" /></svg>'
    """
    head = text.lower()
    if "<!entity" in head or re.search(r"<!doctype[^>]*\[", head):
        return ""  # entities are how small files become huge ones
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        return ""
    if _local(root.tag) != "svg":
        return ""
    clean = _clean(root, scope)
    if clean is None:
        return ""
    clean.set("xmlns", _SVG)
    clean.tail = None
    return ElementTree.tostring(clean, encoding="unicode")


def width(drawing: str) -> int:
    """The natural width of a drawing in pixels, from its `viewBox`; 0 when it does not say.

    Example:
        >>> width('<svg viewBox="0 0 640.5 90">')
        640
    """
    found = re.match(r'<svg\b[^>]*\bviewBox="\s*[-\d.]+[\s,]+[-\d.]+[\s,]+(\d{1,6})\b', drawing)
    return int(found[1]) if found else 0


def _clean(root: ElementTree.Element, scope: str) -> ElementTree.Element | None:
    """A copy with allowed parts only; what is nested deeper than any real drawing is left out."""
    result: ElementTree.Element | None = None
    stack: list[tuple[ElementTree.Element, ElementTree.Element | None, int]] = [(root, None, 0)]
    while stack:
        element, parent, depth = stack.pop()
        name = _local(element.tag)
        if name == "style":
            copy = ElementTree.Element("style")
            copy.text = _stylesheet(element.text or "", scope)
        elif name in _ELEMENTS and depth < DEEPEST:
            copy = ElementTree.Element(name, _attributes(element))
            copy.text = element.text
            stack.extend((child, copy, depth + 1) for child in reversed(list(element)))
        else:
            continue
        copy.tail = element.tail
        if parent is None:
            result = copy
        else:
            parent.append(copy)
    return result


def _local(tag: object) -> str:
    """The element's own name when it is an SVG element (or carries no namespace), else an empty string."""
    if not isinstance(tag, str):
        return ""  # comments and processing instructions
    if tag.startswith("{"):
        namespace, _, name = tag[1:].partition("}")
        return name if namespace == _SVG else ""
    return tag


def _attributes(element: ElementTree.Element) -> dict[str, str]:
    kept: dict[str, str] = {}
    for name, value in element.attrib.items():
        if name == "style":
            declarations = _declarations(value)
            if declarations:
                kept["style"] = declarations
        elif name == "id":
            kept["id"] = _NAME + re.sub(r"[^\w.-]", "-", value)
        elif name == "class":
            kept["class"] = " ".join(_NAME + re.sub(r"[^\w-]", "-", part) for part in value.split())
        elif name in _ATTRIBUTES:
            value = _REFERENCE.sub(rf"url(#{_NAME}\1)", value)
            if "url(" not in value or re.fullmatch(rf"url\(#{_NAME}[\w.-]+\)", value):
                kept[name] = value
    return kept


def _stylesheet(text: str, scope: str) -> str:
    """The plain rules of a style element, and those for dark screens; other at-rules are dropped with all they hold."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    dark = [_rules(body, scope) for head, body in _BLOCK.findall(text) if _DARK.fullmatch(head.strip())]
    plain = _rules(_BLOCK.sub("", text), scope)
    return "\n".join([plain, *(f"@media (prefers-color-scheme: dark) {{ {rules} }}" for rules in dark if rules)])


def _rules(text: str, scope: str) -> str:
    rules: list[str] = []
    for selectors, body in _RULE.findall(text):
        declarations = _declarations(body)
        if declarations and _SELECTOR.fullmatch(selectors):
            renamed = re.sub(r"([.#])(?=[A-Za-z_])", rf"\1{_NAME}", selectors)
            rules.append(", ".join(f"{scope} {part.strip()}" for part in renamed.split(",")) + f" {{ {declarations} }}")
    return "\n".join(rules)


def _declarations(text: str) -> str:
    kept: list[str] = []
    for part in text.split(";"):
        found = _DECLARATION.fullmatch(part)
        # position and the like could lay the drawing over the page
        if found and "url" not in found[2].lower() and found[1] not in {"position", "z-index", "behavior"}:
            kept.append(f"{found[1]}: {found[2]}")
    return "; ".join(kept)
