"""What a drawing of a computation graph shows: boxes, arrows and frames, before anybody decides where they stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from chainrule.errors import ConfigError
from chainrule.graph.backward import nodes_of
from chainrule.graph.labels import LONGEST, arguments_of, described, own_name, shape_of, shortened
from chainrule.graph.node import Node
from chainrule.graph.tensor import Tensor, Variable

__all__ = ["Arrow", "Box", "Frame", "Picture", "picture_of"]

READABLE = 40
"""So many boxes a person can take in; beyond, layers are closed, and where that is not enough the oldest share one."""

LIMIT = 300
"""So many boxes are drawn at most, where a depth is asked for."""


@dataclass(eq=False)
class Box:
    """One operation, layer or leaf.

    Attributes:
        kind: `"operation"`, `"layer"` (its operations in one), `"earlier"` (what there is no room for), `"parameter"`
            (a Variable that gradients reach), `"buffer"` (another), `"input"` (a Tensor that they reach) or `"data"`.
        title: its name.
        details: attributes or contents, shape and dtype of what it makes.
        source: the user's line, or an empty string.
        scope: the path of its layer.
        note: everything else there is to say, as lines.
        result: whether the drawing was asked for this one.
        nodes: the operations it stands for.
    """

    kind: str
    title: str
    details: list[str]
    source: str = ""
    scope: tuple[str, ...] = ()
    note: list[str] = field(default_factory=list)
    result: bool = False
    nodes: list[Node] = field(default_factory=list)

    @property
    def is_leaf(self) -> bool:
        """Whether it stands for a Tensor that no operation made."""
        return self.kind in ("parameter", "buffer", "input", "data")


@dataclass(eq=False)
class Frame:
    """The boxes of an opened layer, and the frames of layers within it; its title is its name within the outer one."""

    scope: tuple[str, ...]
    title: str = ""
    items: list[Box | Frame] = field(default_factory=list)

    def boxes(self) -> list[Box]:
        """All boxes in it, however deep."""
        return [b for item in self.items for b in (item.boxes() if isinstance(item, Frame) else [item])]


@dataclass(frozen=True, eq=False)
class Arrow:
    """A Tensor on its way from the box that made it to one that uses it."""

    source: Box
    target: Box


@dataclass(frozen=True)
class Picture:
    """Everything a drawing shows.

    Attributes:
        root: the outermost frame, which is not drawn.
        arrows: from box to box.
        operations: how many operations the graph has.
        parameters: how many numbers the Variables that gradients reach hold.
    """

    root: Frame
    arrows: list[Arrow]
    operations: int
    parameters: int

    @property
    def boxes(self) -> list[Box]:
        return self.root.boxes()


def picture_of(
    tensors: Sequence[Tensor],
    *,
    depth: int | None = None,
    layers: bool = False,
    names: Mapping[str, Tensor] | None = None,
    kinds: Mapping[str, str] | None = None,
) -> Picture:
    """The boxes, arrows and frames of the graph that the Tensors were computed by.

    Arguments:
        tensors: the results.
        depth: how many levels of layers are opened; None opens as many as stay readable.
        layers: every layer one box, containers frames around them.
        names: what to call leaves.
        kinds: what the layers are, by their paths.
    """
    if depth is not None and depth < 0:
        raise ConfigError(f"depth counts the levels of layers to open, so it is 0 or more, not {depth}.")
    nodes = nodes_of(tensors)[::-1]
    deepest = max((len(node._scope) for node in nodes), default=0)
    if layers:
        runs = _runs(nodes, lambda node: node._scope)
    elif depth is not None:
        runs = _runs(nodes, _closed_at(depth))
    else:
        level = deepest
        while len(runs := _runs(nodes, _closed_at(level))) > READABLE and level:
            level -= 1
    most = LIMIT if layers or depth is not None else READABLE
    if len(runs) > most:
        early = len(runs) - most + 1
        runs[:early] = [[node for run in runs[:early] for node in run]]
    return _Builder(tensors, nodes, runs, layers, names or {}, kinds or {}).build()


def _closed_at(depth: int) -> Callable[[Node], tuple[str, ...]]:
    """The layer that a node disappears into when `depth` levels are open; empty when it is shown by itself."""
    return lambda node: node._scope[: depth + 1] if len(node._scope) > depth else ()


def _runs(nodes: list[Node], closed: Callable[[Node], tuple[str, ...]]) -> list[list[Node]]:
    """The nodes by the box that shows them.

    Only nodes that follow one another in time share a box: a layer that is called twice is drawn twice, and arrows
    never run in a circle.
    """
    runs: list[list[Node]] = []
    last: tuple[str, ...] = ()
    for node in nodes:
        scope = closed(node)
        if runs and scope and scope == last:
            runs[-1].append(node)
        else:
            runs.append([node])
        last = scope
    return runs


class _Builder:
    def __init__(
        self,
        tensors: Sequence[Tensor],
        nodes: list[Node],
        runs: list[list[Node]],
        layers: bool,
        names: Mapping[str, Tensor],
        kinds: Mapping[str, str],
    ) -> None:
        self.tensors = tensors
        self.nodes = nodes
        self.runs = runs
        self.layers = layers
        self.names = {id(t): name for name, t in names.items()}
        self.kinds = kinds
        self.containers = {node._scope[:length] for node in nodes for length in range(len(node._scope))}
        self.box_of: dict[int, Box] = {}
        # What each node made, by its number, and which nodes use it (-1: whoever asked for the drawing).
        self.made: dict[int, dict[int, Tensor]] = {}
        self.used: dict[tuple[int, int], list[int]] = {}
        self.variable_users: dict[int, set[int]] = {}
        for order, x in [(-1, t) for t in tensors] + [(n.order, x) for n in nodes for x in n.inputs]:
            if isinstance(x, Variable):
                self.variable_users.setdefault(id(x), set()).add(order)
            elif isinstance(x, Tensor) and x._node is not None:
                self.made.setdefault(x._node.order, {})[x._index] = x
                self.used.setdefault((x._node.order, x._index), []).append(order)

    def build(self) -> Picture:
        boxes = [self.operation_box(run) for run in self.runs]
        leaves, arrows = self.leaves_and_arrows(boxes)
        root = _framed(boxes, self.kinds)
        for box, users in leaves:
            _place(box, _innermost(root, users) if box.kind in ("parameter", "buffer") else root, users)
        _drop_frames_of_one(root)
        _shorten_titles(root)
        for tensor in self.tensors:
            if tensor._node is not None:
                self.box_of[tensor._node.order].result = True
        variables = {id(x): x for node in self.nodes for x in node.inputs if isinstance(x, Variable)}
        trained = sum(v.size for v in variables.values() if v.requires_grad)
        return Picture(root, arrows, len(self.nodes), trained)

    # -- operations and layers ---------------------------------------------------------------------------------------

    def operation_box(self, run: list[Node]) -> Box:
        common = _common([node._scope for node in run])
        if len(run) == 1 and not (self.layers and common and common not in self.containers):
            box = self.single(run[0])
        elif not common:
            box = self.earlier(run)
        else:
            box = self.several(run, common)
        box.nodes = run
        for node in run:
            self.box_of[node.order] = box
        return box

    def single(self, node: Node) -> Box:
        given = arguments_of(node)
        details = [shortened(given)] if given else []
        details += self.outputs([node])
        return Box("operation", node.op.name, details, node.source, node._scope, self.note(node))

    def several(self, run: list[Node], scope: tuple[str, ...]) -> Box:
        names = list(dict.fromkeys(node.op.name for node in run))
        path = ".".join(scope)
        what = self.kinds.get(path) or (", ".join(names) if len(run) <= 3 else f"{len(run)} operations")
        inside = self.layers and scope in self.containers  # what a container computes between its layers
        details = []
        own = self.variables_of(run)
        if own:
            shapes = [f"{own_name(v, path)} {shape_of(v)}".strip() for v in own]
            if len(own) <= 2 and len(" ".join(shapes)) < LONGEST:
                details.append("  ".join(shapes))
            trained, fixed = (sum(v.size for v in own if v.requires_grad is t) for t in (True, False))
            counts = [f"{trained:,} parameter{'s' if trained != 1 else ''}"] if trained else []
            details.append(", ".join([*counts, *([f"{fixed:,} fixed"] if fixed else [])]))
        details += self.outputs(run)
        if inside:
            what = ", ".join(names) if len(run) <= 3 else f"{len(run)} operations"
        note = [f"layer {path}", *(f"{node.op.name} at {node.source}" for node in run[:12])]
        if len(run) > 12:
            note.append(f"and {len(run) - 12} more operations")
        return Box("layer", what if inside else f"{path} · {what}", details, "", scope if inside else scope[:-1], note)

    def earlier(self, run: list[Node]) -> Box:
        counts: dict[str, int] = {}
        for node in run:
            counts[node.op.name] = counts.get(node.op.name, 0) + 1
        usual = sorted(counts, key=lambda name: -counts[name])[:3]
        details = [", ".join(f"{counts[name]:,} {name}" for name in usual), *self.outputs(run)]
        return Box("earlier", f"{len(run):,} earlier operations", details)

    def variables_of(self, run: list[Node]) -> list[Variable]:
        """The Variables that only these operations use."""
        inside = {node.order for node in run}
        found = {id(x): x for node in run for x in node.inputs if isinstance(x, Variable)}
        return [v for v in found.values() if self.variable_users[id(v)] <= inside]

    def outputs(self, run: list[Node]) -> list[str]:
        """Shape and dtype of what leaves a group of operations."""
        inside = dict.fromkeys(node.order for node in run)
        leaving = [
            tensor
            for order in inside
            for index, tensor in sorted(self.made.get(order, {}).items())
            if any(user not in inside for user in self.used[order, index])
        ]
        shown = list(dict.fromkeys(map(described, leaving)))
        return shown if len(shown) <= 3 else [*shown[:2], f"and {len(shown) - 2} more"]

    def note(self, node: Node) -> list[str]:
        inputs = ", ".join(described(x) if isinstance(x, Tensor) else repr(x) for x in node.inputs)
        lines = [f"{node.op.name}({inputs})"]
        meaning = (node.op.__doc__ or "").strip().split("\n")[0]
        if meaning:
            lines.append(meaning)
        if node.scope:
            lines.append(f"in layer {node.scope}")
        lines.append(f"at {node.source}")
        return lines

    # -- leaves ------------------------------------------------------------------------------------------------------

    def leaves_and_arrows(self, boxes: list[Box]) -> tuple[list[tuple[Box, list[Box]]], list[Arrow]]:
        """Boxes of leaves with those that use them, and all arrows, in the order of the operations' inputs."""
        arrows: dict[tuple[int, int], Arrow] = {}
        leaves: dict[int, tuple[Box, list[Box]]] = {}
        for box in boxes:
            for x in self.taken_in(box):
                if x._node is not None:
                    source = self.box_of[x._node.order]
                else:
                    source, using = leaves.setdefault(id(x), (self.leaf(x), []))
                    using.append(box)
                arrows.setdefault((id(source), id(box)), Arrow(source, box))
        for tensor in self.tensors:
            if tensor._node is None:
                leaves.setdefault(id(tensor), (self.leaf(tensor), []))[0].result = True
        return list(leaves.values()), list(arrows.values())

    def taken_in(self, box: Box) -> list[Tensor]:
        """The Tensors that a box takes in, each once; a closed layer keeps what belongs to it to itself."""
        found = {id(x): x for node in box.nodes for x in node.inputs if isinstance(x, Tensor)}
        given = [x for x in found.values() if x._node is None or self.box_of[x._node.order] is not box]
        if box.kind != "layer":
            return given
        own = {id(v) for v in self.variables_of(box.nodes)}
        given = [x for x in given if id(x) not in own]
        shown = [
            x for x in given if x._node is not None or isinstance(x, Variable) or x.requires_grad or id(x) in self.names
        ]
        return (
            shown or given[:1]
        )  # data without a name is its input where there is no other, else a constant of its own

    def leaf(self, tensor: Tensor) -> Box:
        name = self.names.get(id(tensor), "")
        if isinstance(tensor, Variable):
            kind, title = "parameter" if tensor.requires_grad else "buffer", name or tensor.name or "Variable"
        elif tensor.requires_grad:
            kind, title = "input", name or "input"
        else:
            kind, title = "data", name or "data"
        return Box(kind, title, [described(tensor)], note=[f"{kind} {title}: {described(tensor)}"])


def _framed(boxes: list[Box], kinds: Mapping[str, str]) -> Frame:
    """The boxes in frames by their layers; boxes that follow one another share a frame."""
    root = Frame(())
    path = [root]
    for box in boxes:
        keep = 0
        while keep < len(box.scope) and keep + 1 < len(path) and path[keep + 1].scope[-1] == box.scope[keep]:
            keep += 1
        del path[keep + 1 :]
        for level in range(keep, len(box.scope)):
            scope = box.scope[: level + 1]
            kind = kinds.get(".".join(scope), "")
            frame = Frame(scope, f"{scope[-1]} · {kind}" if kind else scope[-1])
            path[-1].items.append(frame)
            path.append(frame)
        path[-1].items.append(box)
    return root


def _drop_frames_of_one(frame: Frame) -> None:
    """A frame around a single box says no more than the box, which then names the layer itself."""
    for index, item in enumerate(frame.items):
        if isinstance(item, Frame):
            _drop_frames_of_one(item)
            if len(item.items) == 1:
                (only,) = item.items
                if isinstance(only, Box) and only.kind == "operation":
                    only.details.insert(0, f"layer {'.'.join(only.scope)}")
                frame.items[index] = only


def _shorten_titles(frame: Frame) -> None:
    """Layers and parameters are called by their names within the frame they stand in."""
    for item in frame.items:
        if isinstance(item, Frame):
            _shorten_titles(item)
        elif frame.scope and item.kind in ("layer", "parameter", "buffer"):
            item.title = item.title.removeprefix(".".join(frame.scope) + ".")


def _innermost(root: Frame, users: list[Box]) -> Frame:
    """The smallest frame that holds all of these boxes."""
    frame = root
    while True:
        for item in frame.items:
            if isinstance(item, Frame) and set(users) <= set(item.boxes()):
                frame = item
                break
        else:
            return frame


def _place(box: Box, frame: Frame, users: list[Box]) -> None:
    """Puts a leaf before the first item of the frame that uses it."""
    for index, item in enumerate(frame.items):
        inside = item.boxes() if isinstance(item, Frame) else [item]
        if any(user in inside for user in users):
            frame.items.insert(index, box)
            return
    frame.items.append(box)


def _common(scopes: list[tuple[str, ...]]) -> tuple[str, ...]:
    first, last = min(scopes), max(scopes)
    length = 0
    while length < min(len(first), len(last)) and first[length] == last[length]:
        length += 1
    return first[:length]
