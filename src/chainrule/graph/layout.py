"""A small layered layout: boxes in rows, arrows pointing down, few crossings.

After Sugiyama, Tagawa, Toda, "Methods for Visual Understanding of Hierarchical System Structures" (1981): rows by
longest path, places in a row by the mean of the neighbours' places, then positions by least squares under the order
found. Frames are laid out from the inside out: for what surrounds it, a frame is one large box with ports at its top
and bottom.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from chainrule.graph.picture import Arrow, Box, Frame, Picture

__all__ = ["Layout", "Place", "arrange"]

_GAP = 22.0
_LANE = 12.0
_ROW = 30.0
_PORT_ROW = 12.0
_SIDE, _TOP, _BOTTOM = 14.0, 26.0, 10.0
_SWEEPS = 12


@dataclass
class Place:
    """Where something stands: its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass
class Layout:
    """Where everything in a picture stands.

    Attributes:
        boxes, frames: by `id`.
        routes: for each arrow the points it passes, from the bottom of its source to the top of its target.
    """

    width: float
    height: float
    boxes: dict[int, Place]
    frames: dict[int, Place]
    routes: list[tuple[Arrow, list[tuple[float, float]]]]


def arrange(picture: Picture, sizes: dict[int, tuple[float, float]], *, margin: float = 16.0) -> Layout:
    """Places the boxes of a picture, given the size of each by `id`."""
    frame = _arrange_frame(picture.root, picture.arrows, sizes)
    layout = Layout(frame.width + 2 * margin, frame.height + 2 * margin, {}, {}, [])
    paths: dict[int, list[_Piece]] = {}
    _settle(frame, margin, margin, layout, paths)
    for arrow in picture.arrows:
        pieces = sorted(paths[id(arrow)], key=lambda piece: piece.points[0][1])
        points: list[tuple[float, float]] = []
        for piece in pieces:
            points += [p for p in piece.points if not points or p != points[-1]]
        layout.routes.append((arrow, points))
    return layout


# -- frames within frames --------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Item:
    """Something with a size in a row: a box, a frame that is laid out already, a port, or a bend of a long arrow."""

    width: float
    height: float
    row: int = -1
    x: float = 0.0  # of the centre
    y: float = 0.0
    box: Box | None = None
    frame: _FrameLayout | None = None
    bend: bool = False


@dataclass(eq=False)
class _Link:
    """An arrow, or several from one source that run together, between two items of one frame."""

    source: _Item
    target: _Item
    arrows: list[Arrow]
    source_offset: float = 0.0
    target_offset: float = 0.0
    path: list[_Item] = field(default_factory=list)


@dataclass
class _Piece:
    """The part of an arrow's way inside of one frame."""

    points: list[tuple[float, float]]


@dataclass(eq=False)
class _FrameLayout:
    """A frame laid out: its items placed relative to its own corner, with ports where arrows come in and go out."""

    frame: Frame
    items: list[_Item]
    links: list[_Link]
    entries: dict[int, _Item]  # by the id of the source box outside
    exits: dict[int, _Item]  # by the id of the source box inside
    width: float = 0.0
    height: float = 0.0


def _arrange_frame(frame: Frame, arrows: Sequence[Arrow], sizes: dict[int, tuple[float, float]]) -> _FrameLayout:
    items: list[_Item] = []
    home: dict[int, _Item] = {}
    for part in frame.items:
        if isinstance(part, Frame):
            inner = _arrange_frame(part, arrows, sizes)
            item = _Item(inner.width, inner.height, frame=inner)
            home.update({id(box): item for box in part.boxes()})
        else:
            item = _Item(*sizes[id(part)], box=part)
            home[id(part)] = item
        items.append(item)
    made = _FrameLayout(frame, items, [], {}, {})
    links: dict[tuple[int, int, int], _Link] = {}
    for arrow in arrows:
        source, target = home.get(id(arrow.source)), home.get(id(arrow.target))
        if source is target:  # both outside, or both in one inner frame
            continue
        if source is None:
            source = made.entries.setdefault(id(arrow.source), _Item(0.0, 0.0))
        if target is None:
            target = made.exits.setdefault(id(arrow.source), _Item(0.0, 0.0))
        key = (id(source), id(target), id(arrow.source))
        links.setdefault(key, _Link(source, target, [])).arrows.append(arrow)
    made.links = list(links.values())
    for link in made.links:
        name = id(link.arrows[0].source)
        if link.source.frame is not None:
            link.source_offset = link.source.frame.exits[name].x - link.source.width / 2
        if link.target.frame is not None:
            link.target_offset = link.target.frame.entries[name].x - link.target.width / 2
    _arrange_level(made)
    return made


def _settle(made: _FrameLayout, x: float, y: float, layout: Layout, paths: dict[int, list[_Piece]]) -> None:
    """Turns positions within frames into positions on the page."""
    for item in made.items:
        left, top = x + item.x - item.width / 2, y + item.y
        if item.box is not None:
            layout.boxes[id(item.box)] = Place(left, top, item.width, item.height)
        elif item.frame is not None:
            layout.frames[id(item.frame.frame)] = Place(left, top, item.width, item.height)
            _settle(item.frame, left, top, layout, paths)
    for link in made.links:
        source, target = link.source, link.target
        points = []
        if source in made.entries.values():
            points.append((x + source.x, y))
        points.append((x + source.x + link.source_offset, y + source.y + source.height))
        for bend in link.path:
            points += [(x + bend.x, y + bend.y), (x + bend.x, y + bend.y + bend.height)]
        points.append((x + target.x + link.target_offset, y + target.y))
        if target in made.exits.values():
            points.append((x + target.x, y + target.y + target.height))
        for arrow in link.arrows:
            paths.setdefault(id(arrow), []).append(_Piece(points))


# -- one frame -------------------------------------------------------------------------------------------------------


def _arrange_level(made: _FrameLayout) -> None:
    entries, exits = list(made.entries.values()), list(made.exits.values())
    items = [*entries, *made.items, *exits]
    last = _assign_rows(items, made.links, entries, exits)
    rows: list[list[_Item]] = [[] for _ in range(last + 1)]
    for item in items:
        rows[item.row].append(item)
    steps = _bend(made.links, rows)
    rows = _fewest_crossings(rows, steps)
    framed = bool(made.frame.scope)
    side, top, bottom = (_SIDE, _TOP, _BOTTOM) if framed else (0.0, 0.0, 0.0)
    _place_in_rows(rows, steps)
    _straighten(rows, made.links)
    leftmost = min((item.x - item.width / 2 for row in rows for item in row), default=0.0)
    for row in rows:
        for item in row:
            item.x += side - leftmost
    title = 8.0 * len(made.frame.title) if framed else 0.0
    made.width = max(max((item.x + item.width / 2 for row in rows for item in row), default=0.0) + side, title)
    y = top if framed else 0.0
    for number, row in enumerate(rows):
        height = max((item.height for item in row if not item.bend), default=0.0)
        for item in row:
            if item.bend:
                item.y, item.height = y, height
            elif item in entries:  # a port and the straight way past the boxes beside it
                item.y, item.height = 0.0, y + height
            elif item in exits:
                item.y, item.height = y, bottom
            elif item.box is not None and item.box.is_leaf:  # at the bottom, with nothing between it and its arrow
                item.y = y + height - item.height
            else:
                item.y = y + (height - item.height) / 2
        y += height
        if number < last:
            y += _PORT_ROW if (exits and number == last - 1) or (number == 0 and not height) else _ROW
    made.height = y + bottom
    _spread_arrivals(made)


def _assign_rows(items: list[_Item], links: list[_Link], entries: list[_Item], exits: list[_Item]) -> int:
    """The row of each item: below everything that leads to it; leaves directly above what uses them."""
    sources: dict[int, list[_Item]] = {id(item): [] for item in items}
    targets: dict[int, list[_Item]] = {id(item): [] for item in items}
    for link in links:
        sources[id(link.target)].append(link.source)
        targets[id(link.source)].append(link.target)
    waiting = {id(item): len(sources[id(item)]) for item in items}
    ready = [item for item in items if not waiting[id(item)]]
    order: list[_Item] = []
    while ready:
        item = ready.pop()
        order.append(item)
        item.row = max((s.row + 1 for s in sources[id(item)]), default=0)
        for target in targets[id(item)]:
            waiting[id(target)] -= 1
            if not waiting[id(target)]:
                ready.append(target)
    for item in reversed(order):
        if not sources[id(item)] and item not in entries and targets[id(item)]:
            item.row = max(
                0, min(t.row for t in targets[id(item)] if t not in exits or len(targets[id(item)]) == 1) - 1
            )
    last = max((item.row for item in items if item not in exits), default=0)
    for port in exits:
        port.row = last + 1
    return last + 1 if exits else last


def _bend(links: list[_Link], rows: list[list[_Item]]) -> list[tuple[_Item, _Item, float, float]]:
    """Gives long links a bend in every row they pass; those from one place share theirs.

    Returns:
        All steps from row to row, with the offsets at either end.
    """
    shared: dict[tuple[int, int, int], _Item] = {}
    steps: list[tuple[_Item, _Item, float, float]] = []
    seen: set[tuple[int, int]] = set()
    for link in links:
        previous, offset = link.source, link.source_offset
        for row in range(link.source.row + 1, link.target.row):
            key = (id(link.source), id(link.arrows[0].source), row)
            bend = shared.get(key)
            if bend is None:
                bend = shared[key] = _Item(0.0, 0.0, row=row, bend=True)
                rows[row].append(bend)
            link.path.append(bend)
            if (id(previous), id(bend)) not in seen:
                seen.add((id(previous), id(bend)))
                steps.append((previous, bend, offset, 0.0))
            previous, offset = bend, 0.0
        steps.append((previous, link.target, offset, link.target_offset))
    return steps


def _fewest_crossings(rows: list[list[_Item]], steps: list[tuple[_Item, _Item, float, float]]) -> list[list[_Item]]:
    above: dict[int, list[tuple[_Item, float]]] = {}
    below: dict[int, list[tuple[_Item, float]]] = {}
    for source, target, source_offset, target_offset in steps:
        above.setdefault(id(target), []).append((source, source_offset))
        below.setdefault(id(source), []).append((target, target_offset))
    best, fewest = [list(row) for row in rows], _crossings(rows, steps)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        neighbours = above if down else below
        for row in rows if down else reversed(rows):
            places = {id(item): place for r in rows for place, item in enumerate(r)}
            wishes = {id(item): float(places[id(item)]) for item in row}
            for item in row:
                near = neighbours.get(id(item))
                if near:
                    wishes[id(item)] = sum(places[id(n)] + o / max(n.width, 1.0) for n, o in near) / len(near)
            row.sort(key=lambda item, wishes=wishes: wishes[id(item)])
        now = _crossings(rows, steps)
        if now < fewest:
            best, fewest = [list(row) for row in rows], now
    return best


def _crossings(rows: list[list[_Item]], steps: list[tuple[_Item, _Item, float, float]]) -> int:
    place = {id(item): number for row in rows for number, item in enumerate(row)}
    by_row: dict[int, list[tuple[float, float]]] = {}
    for source, target, source_offset, target_offset in steps:
        a = place[id(source)] + source_offset / max(source.width, 1.0)
        b = place[id(target)] + target_offset / max(target.width, 1.0)
        by_row.setdefault(source.row, []).append((a, b))
    return sum(
        (a1 - a2) * (b1 - b2) < 0
        for pairs in by_row.values()
        for i, (a1, b1) in enumerate(pairs)
        for a2, b2 in pairs[:i]
    )


def _place_in_rows(rows: list[list[_Item]], steps: list[tuple[_Item, _Item, float, float]]) -> None:
    """Horizontal positions: each item as near to the mean of its neighbours as the order in its row allows."""
    pulls: dict[int, list[tuple[_Item, float, float, bool]]] = {}
    for source, target, source_offset, target_offset in steps:
        straight = 8.0 if source.bend and target.bend else 2.0
        if source.box is not None and source.box.is_leaf:
            straight = 0.3  # the way of the data is straight, what joins it comes from the side
        pulls.setdefault(id(target), []).append((source, source_offset - target_offset, straight, True))
        pulls.setdefault(id(source), []).append((target, target_offset - source_offset, straight, False))
    for row in rows:
        x = 0.0
        for previous, item in zip([None, *row], row, strict=False):
            x += _distance(previous, item) if previous else 0.0
            item.x = x
    sweeps = 24
    for sweep in range(sweeps):
        both = sweep >= sweeps - 8
        down = sweep % 2 == 0
        for row in rows if down else rows[::-1]:
            wishes, weights = [], []
            for item in row:
                near = [p for p in pulls.get(id(item), []) if both or p[3] == down]
                total = sum(p[2] for p in near)
                wishes.append(sum((p[0].x + p[1]) * p[2] for p in near) / total if near else item.x)
                weights.append(total if near else 0.05)
            _spread(row, wishes, weights)


def _straighten(rows: list[list[_Item]], links: list[_Link]) -> None:
    """Long arrows go straight where there is room in every row they pass."""
    place = {id(item): (row, number) for row in rows for number, item in enumerate(row) if item.bend}
    for link in links:
        if len(link.path) < 2:
            continue
        low, high = -1e9, 1e9
        for bend in link.path:
            row, number = place[id(bend)]
            if number > 0:
                low = max(low, row[number - 1].x + _distance(row[number - 1], bend))
            if number + 1 < len(row):
                high = min(high, row[number + 1].x - _distance(bend, row[number + 1]))
        if low <= high:
            mean = sum(bend.x for bend in link.path) / len(link.path)
            for bend in link.path:
                bend.x = min(max(mean, low), high)


def _distance(left: _Item, right: _Item) -> float:
    gap = _LANE if left.bend or right.bend else _GAP
    return (left.width + right.width) / 2 + gap


def _spread(row: list[_Item], wishes: list[float], weights: list[float]) -> None:
    """The positions nearest to the wishes that keep order and distances: weighted least squares, pooling violators."""
    offsets = [0.0]
    for left, right in itertools.pairwise(row):
        offsets.append(offsets[-1] + _distance(left, right))
    pools: list[list[float]] = []  # mean, weight, count
    for wish, offset, weight in zip(wishes, offsets, weights, strict=True):
        pools.append([wish - offset, weight, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, weight, count = pools.pop()
            other = pools[-1]
            other[0] = (other[0] * other[1] + mean * weight) / (other[1] + weight)
            other[1] += weight
            other[2] += count
    means = [mean for mean, _, count in pools for _ in range(int(count))]
    for item, mean, offset in zip(row, means, offsets, strict=True):
        item.x = mean + offset


def _spread_arrivals(made: _FrameLayout) -> None:
    """Arrows into one box arrive side by side, in the order they come from."""
    arriving: dict[int, list[_Link]] = {}
    for link in made.links:
        if link.target.box is not None:
            arriving.setdefault(id(link.target), []).append(link)
    for links in arriving.values():
        target = links[0].target
        if len(links) == 1:
            continue

        def origin(link: _Link) -> float:
            return link.path[-1].x if link.path else link.source.x + link.source_offset

        links.sort(key=origin)
        room = target.width - 24.0
        step = min(room / (len(links) - 1), 40.0)
        for number, link in enumerate(links):
            link.target_offset = (number - (len(links) - 1) / 2) * step
