"""Which door a path leads to: one dictionary per path segment, so a match costs about a microsecond.

Literal segments win over `{parameters}` (`/contacts/counts` over `/contacts/{contact_id}`); a trailing slash counts for
nothing. What a path's methods are falls out of the same table, for 405 and its `Allow`.
"""

from typing import Generic, TypeVar

Door = TypeVar("Door")


class Node(Generic[Door]):
    """One segment: its literal children, its one parameter child, and the doors that end here."""

    __slots__ = ("doors", "literals", "parameter")

    def __init__(self) -> None:
        self.literals: dict[str, Node[Door]] = {}
        self.parameter: Node[Door] | None = None
        self.doors: dict[str, tuple[Door, tuple[str, ...]]] = {}


class Table(Generic[Door]):
    """All doors, by path and method."""

    def __init__(self) -> None:
        self._root: Node[Door] = Node()

    def add(self, method: str, template: str, door: Door) -> None:
        """Raises: ValueError when two doors claim one method of one path."""
        node, names = self._root, []
        for segment in _segments(template):
            if segment.startswith("{"):
                node.parameter = node.parameter or Node()
                node = node.parameter
                names.append(segment[1:-1])
            else:
                node = node.literals.setdefault(segment, Node())
        if method in node.doors:
            raise ValueError(f"{method} {template} has two doors")
        node.doors[method] = (door, tuple(names))

    def find(self, path: str) -> "Found[Door] | None":
        """The doors of a path, whatever the method, or None for an unknown path."""
        found = _walk(self._root, _segments(path), 0)
        if found is None:
            return None
        node, values = found
        return Found(node, values)


class Found(Generic[Door]):
    """A known path: its doors by method, and the values that stand where the template has parameters."""

    __slots__ = ("_node", "_values")

    def __init__(self, node: Node[Door], values: tuple[str, ...]) -> None:
        self._node = node
        self._values = values

    def door(self, method: str) -> tuple[Door, dict[str, str]] | None:
        entry = self._node.doors.get(method)
        if entry is None and method == "HEAD":
            entry = self._node.doors.get("GET")
        if entry is None:
            return None
        door, names = entry
        return door, dict(zip(names, self._values, strict=True))

    def any_door(self) -> Door:
        return next(iter(self._node.doors.values()))[0]

    @property
    def methods(self) -> list[str]:
        found = set(self._node.doors)
        return sorted(found | ({"HEAD"} if "GET" in found else set()))


def _walk(node: Node[Door], segments: list[str], at: int) -> tuple[Node[Door], tuple[str, ...]] | None:
    if at == len(segments):
        return (node, ()) if node.doors else None
    segment = segments[at]
    literal = node.literals.get(segment)
    found = None if literal is None else _walk(literal, segments, at + 1)
    if found is not None or node.parameter is None or not segment:
        return found
    found = _walk(node.parameter, segments, at + 1)
    return None if found is None else (found[0], (segment, *found[1]))


def _segments(path: str) -> list[str]:
    # Only one slash at each end: `//v3/contacts` is another path, which nothing in front of us would take for ours.
    return path.removeprefix("/").removesuffix("/").split("/")
