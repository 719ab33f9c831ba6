"""draw: the computation graph of a Tensor as a picture, as DOT for other tools, or as text for the terminal."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

from chainrule.errors import ConfigError
from chainrule.graph.picture import Box, Frame, Picture, picture_of
from chainrule.graph.tensor import Tensor

__all__ = ["Drawing", "draw", "draw_layers"]

_FORMATS = {"svg": (".svg",), "dot": (".dot", ".gv"), "text": (".txt",)}


class Drawing:
    """A drawn graph; notebooks show it, `str` gives the format that was asked for.

    Attributes:
        picture: the boxes, arrows and frames, for drawings of one's own.
        format: `"svg"`, `"dot"` or `"text"`.
    """

    def __init__(self, picture: Picture, format: str = "svg", title: str = "") -> None:
        self.picture = picture
        self.format = format
        self.title = title or _summary(picture)

    @functools.cached_property
    def svg(self) -> str:
        """The picture as an SVG document that follows the reader's light or dark setting and needs nothing else."""
        from chainrule.graph.svg import to_svg

        return to_svg(self.picture, self.title, _description(self.picture))

    @property
    def dot(self) -> str:
        """The graph in Graphviz's DOT language."""
        names = {id(box): f"n{i}" for i, box in enumerate(self.picture.boxes)}
        lines = ["digraph graph_of_operations {", '  node [fontname="sans-serif", shape=box, style=rounded];']
        lines += _dot_frame(self.picture.root, names, 1)
        lines += [f"  {names[id(a.source)]} -> {names[id(a.target)]};" for a in self.picture.arrows]
        return "\n".join([*lines, "}"]) + "\n"

    @property
    def text(self) -> str:
        """One line for each box, in the order of computation, with the numbers of those it takes in."""
        return _as_text(self.picture, self.title)

    def save(self, path: str | Path) -> Path:
        """Writes the drawing; the name's ending (.svg, .dot, .gv, .txt) says in which format."""
        path = Path(path)
        chosen = [name for name, endings in _FORMATS.items() if path.suffix.lower() in endings]
        if not chosen and path.suffix:
            raise ConfigError(
                f"A drawing cannot be saved as {path.name!r}.",
                fix="choose a name that ends in .svg, .dot, .gv or .txt; browsers turn .svg into .png or .pdf",
            )
        path.write_text(self._as(chosen[0] if chosen else self.format), "utf-8")
        return path

    def _as(self, name: str) -> str:
        if name == "svg":
            return self.svg
        return self.dot if name == "dot" else self.text

    def _repr_svg_(self) -> str:
        return self.svg

    def __str__(self) -> str:
        return self._as(self.format)

    def __repr__(self) -> str:
        return f"Drawing({self.title})"


def draw(
    y: Tensor | Sequence[Tensor],
    format: str = "svg",
    path: str | Path | None = None,
    *,
    depth: int | None = None,
    names: Mapping[str, Tensor] | None = None,
    kinds: Mapping[str, str] | None = None,
    title: str = "",
) -> Drawing:
    """Draws the computation graph of a Tensor: each operation with its result's shape and dtype and its source line.

    Parameters, inputs that gradients reach, and data are told apart; layers stand in frames.

    Arguments:
        y: a Tensor, or several that share a graph.
        format: `"svg"`, `"dot"` or `"text"`: what `str` of the drawing gives.
        path: where to save it as well.
        depth: how many levels of layers to open; a closed layer is one box. None opens as many as stay readable.
        names: what to call leaves, such as `{"images": x}`; parameters have names of their own.
        kinds: what the layers are, such as `{"encoder.0": "Linear"}`.
        title: of the drawing.

    Raises:
        ConfigError: for an unknown format, file ending or depth.

    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([1.0, 2.0], requires_grad=True)
        >>> drawing = cr.draw((x * x).sum(), names={"x": x})
        >>> [box.title for box in drawing.picture.boxes]
        ['x', 'multiply', 'sum']
    """
    return _drawn(picture_of(_tensors(y), depth=depth, names=names, kinds=kinds), format, path, title)


def draw_layers(
    y: Tensor | Sequence[Tensor],
    format: str = "svg",
    path: str | Path | None = None,
    *,
    names: Mapping[str, Tensor] | None = None,
    kinds: Mapping[str, str] | None = None,
    title: str = "",
) -> Drawing:
    """Draws the network that computed a Tensor, one box for each layer that ran, with its parameters and its result.

    Arguments are those of `draw`. Layers that hold others are frames; a layer that ran twice is drawn twice.
    """
    return _drawn(picture_of(_tensors(y), layers=True, names=names, kinds=kinds), format, path, title)


def _tensors(y: Tensor | Sequence[Tensor]) -> list[Tensor]:
    tensors = [y] if isinstance(y, Tensor) else list(y)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise ConfigError(f"draw needs Tensors, got {type(tensor).__name__}.", fix="cr.draw(model(x))")
    return tensors


def _drawn(picture: Picture, chosen: str, path: str | Path | None, title: str) -> Drawing:
    if chosen not in _FORMATS:
        raise ConfigError(f"There is no drawing format {chosen!r}.", fix=f"one of {', '.join(map(repr, _FORMATS))}")
    drawing = Drawing(picture, chosen, title)
    if path is not None:
        drawing.save(path)
    return drawing


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _summary(picture: Picture) -> str:
    parts = [_count(picture.operations, "operation")]
    if picture.parameters:
        parts.append(_count(picture.parameters, "parameter"))
    return f"Computation graph: {', '.join(parts)}"


def _description(picture: Picture) -> str:
    """The drawing in words, for those who cannot see it."""
    sources = _sources(picture)
    sentences = []
    for box in picture.boxes[:40]:
        given = [source.title for source in sources[id(box)]]
        details = ", ".join(box.details)
        sentences.append(f"{box.title}{f' from {_and(given)}' if given else ''}{f': {details}' if details else ''}.")
    if len(picture.boxes) > 40:
        sentences.append(f"And {len(picture.boxes) - 40} more.")
    return " ".join(sentences)


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _sources(picture: Picture) -> dict[int, list[Box]]:
    sources: dict[int, list[Box]] = {id(box): [] for box in picture.boxes}
    for arrow in picture.arrows:
        sources[id(arrow.target)].append(arrow.source)
    return sources


def _as_text(picture: Picture, title: str) -> str:
    numbers = {id(box): i + 1 for i, box in enumerate(picture.boxes)}
    sources = _sources(picture)
    rows = [("", "what", "makes", "from", "layer", "line")]
    for box in picture.boxes:
        *extra, makes = box.details or [""]
        what = box.title if box.kind in ("operation", "layer", "earlier") else f"{box.kind} {box.title}"
        if box.kind in ("input", "data") and box.title == box.kind:
            what = box.title
        if extra:
            what += f" ({'; '.join(extra)})"
        given = " ".join(f"[{numbers[id(s)]}]" for s in sources[id(box)])
        mark = f"[{numbers[id(box)]}]{'*' if box.result else ''}"
        rows.append((mark, what, makes, given, ".".join(box.scope), box.source))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    shown = [column for column in range(len(rows[0])) if any(row[column] for row in rows[1:])]
    lines = ["  ".join(row[c].ljust(widths[c]) for c in shown).rstrip() for row in rows]
    return "\n".join([title, "", *lines]) + "\n"


def _dot_frame(frame: Frame, names: dict[int, str], level: int) -> list[str]:
    indent = "  " * level
    lines: list[str] = []
    for item in frame.items:
        if isinstance(item, Frame):
            first = names[id(item.boxes()[0])]
            lines.append(f"{indent}subgraph cluster_{first}_{level} {{")
            lines.append(f"{indent}  label={_quoted(item.title)};")
            lines += _dot_frame(item, names, level + 1)
            lines.append(f"{indent}}}")
        else:
            label = _quoted("\n".join([item.title, *item.details, *([item.source] if item.source else [])]))
            style = {
                "parameter": "rounded,filled",
                "buffer": "rounded,dashed",
                "input": "rounded,filled",
                "data": "rounded,dashed",
            }.get(item.kind, "rounded")
            colour = {"parameter": ', fillcolor="#fdf0e4"', "input": ', fillcolor="#e6f1f8"'}.get(item.kind, "")
            width = ", penwidth=2" if item.result else ""
            lines.append(f'{indent}{names[id(item)]} [label={label}, style="{style}"{colour}{width}];')
    return lines


def _quoted(text: str) -> str:
    """A DOT string: quotes and backslashes escaped, lines kept."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
