"""The last step: a message's fixed bytes, already quoted-printable, joined with one recipient's values.

Everything fixed is encoded once per mailing and ends in a soft line break, so each value starts a line of its own and
nothing has to be counted or wrapped per recipient. Joining a 20 KB message takes microseconds.

Source: performance.md ("joined segments").
"""

import re
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter

from everpost.delivery import quoted_printable, tags, text
from everpost.delivery.positions import Position
from everpost.delivery.quoted_printable import SOFT_BREAK
from everpost.delivery.render import Rendered
from everpost.delivery.tags import Branch, Pieces, Slot

Values = Mapping[str, str]

# Bytes of a value that still fit on one line before a soft line break. Tokens are up to twice as long.
_LONGEST = 75
# Text without "=" and what HTML escapes, no two blanks together, and nothing in front that must not start a line.
_NEEDS_NOTHING = re.compile(r"(?![.F])[!#-%(-;?-~]+(?: [!#-%(-;?-~]+)*")


class Segments:
    """Templates, and bytes that stand between them, as bytes: fixed, value, fixed, value ... fixed.

    A value that occurs more than once, in whichever of the templates, is encoded once.
    """

    def __init__(self, *templates: Pieces | bytes) -> None:
        self._tokens: dict[str, int] = {}
        self._slots: list[tuple[str, Callable[[Values], bytes]]] = []
        self._places: dict[Slot, int] = {}
        self._parts, order = self._compile(templates)
        self._pick = _picker(order)

    def join(self, values: Values) -> bytes:
        """The bytes for one recipient, in lines of at most 76, from column 0 on."""
        # The common value (a token, a plain name) is recognised by two C calls; the rest is escaped and encoded.
        get = values.get
        encoded = [
            value.encode()
            if (value := get(name, "")) and value.isalnum() and value.isascii() and len(value) <= _LONGEST
            else encode(values)
            for name, encode in self._slots
        ]
        encoded += [
            f"{token[:_LONGEST]}=\r\n{token[_LONGEST:]}".encode()
            if len(token := values[name]) > _LONGEST
            else token.encode()
            for name in self._tokens
        ]
        parts = self._parts.copy()
        parts[1::2] = self._pick(encoded)
        return b"".join(parts)

    def _compile(self, templates: Sequence[Pieces | bytes]) -> tuple[list[bytes], list[int]]:
        """The parts with empty places, and which encoded value goes into each of them."""
        parts, keys = [b""], []
        for template in templates:
            if isinstance(template, bytes):
                parts[-1] += template
                continue
            for piece in template:
                if isinstance(piece, str):
                    parts[-1] += quoted_printable.encode(piece) + SOFT_BREAK
                else:
                    keys.append(self._key(piece))
                    parts += [b"", SOFT_BREAK]
            parts[-1] = parts[-1].removesuffix(SOFT_BREAK)
        slots = len(self._slots)
        return parts, [number if is_slot else slots + number for is_slot, number in keys]

    def _key(self, piece: Slot | Branch) -> tuple[bool, int]:
        """Where the value of `piece` will be: among the slots (True) or the tokens; equal pieces share a place."""
        if isinstance(piece, Branch):
            # No value has this name, so a branch never takes the short cut for plain values.
            self._slots.append(("", _Choice(piece)))
            return True, len(self._slots) - 1
        if piece.position is Position.TOKEN:
            return False, self._tokens.setdefault(piece.name, len(self._tokens))
        if piece not in self._places:
            self._places[piece] = len(self._slots)
            # Neither must a whole URL: plain values are none.
            self._slots.append(("" if piece.position is Position.WHOLE else piece.name, _Value(piece)))
        return True, self._places[piece]


class Personaliser:
    """One mailing's body, compiled. `names` are the values it asks for."""

    def __init__(self, rendered: Rendered, *, boundary: bytes) -> None:
        self._rendered = rendered
        above = b"--" + boundary + _part(b"plain")
        below = (b"\r\n--" + boundary + _part(b"html"), rendered.html, b"\r\n--" + boundary + b"--\r\n")
        self._body = Segments(above, rendered.text, *below)
        self.names = frozenset(
            tags.names(rendered.text) | tags.names(rendered.html) | tags.names(rendered.subject) | {"$recipient"}
        )
        # What may be longer than the room kept for it in the wrapped text.
        loose = {name for block in rendered.text_blocks if block.loose for name in tags.names(block.loose)}
        self._rooms = [(name, text.room(name)) for name in sorted(loose - _tokens(rendered.text))]
        # The same body in blocks, for values that do not fit.
        self._blocks = _blocks(rendered)
        self._above, self._below = above, Segments(*below)

    def body(self, values: Values) -> bytes:
        """The MIME body for one recipient: multipart/alternative, plain text first."""
        for name, room in self._rooms:
            if len(values.get(name, "")) > room:
                plain = b"\r\n".join([block.join(values) for block in self._blocks])
                return b"".join([self._above, plain, self._below.join(values)])
        return self._body.join(values)

    def subject(self, values: Values) -> str:
        return tags.fill(self._rendered.subject, values)


class _Line:
    """A line of the plain text whose values did not fit, wrapped for one recipient."""

    def __init__(self, loose: Pieces) -> None:
        self._loose = loose

    def join(self, values: Values) -> bytes:
        return quoted_printable.encode(text.wrap(tags.fill(self._loose, values)))


class _Value:
    """Escapes and encodes the value of a slot."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._is_text = slot.position in (Position.TEXT, Position.PLAIN)

    def __call__(self, values: Values) -> bytes:
        slot = self._slot
        value = values.get(slot.name, "")
        if self._is_text and len(value) <= _LONGEST and _NEEDS_NOTHING.fullmatch(value):
            return value.encode()
        return quoted_printable.encode_value(tags.written(value, slot.fallback, slot.position))


class _Choice:
    """Joins the body of a branch where its condition holds."""

    def __init__(self, branch: Branch) -> None:
        self._branch = branch
        self._body = Segments(branch.body)

    def __call__(self, values: Values) -> bytes:
        branch = self._branch
        return self._body.join(values) if tags.holds(values.get(branch.name, ""), branch.equals) else b""


def _picker(order: list[int]) -> Callable[[list[bytes]], tuple[bytes, ...] | list[bytes]]:
    # itemgetter returns a bare item for one index, and refuses none.
    if len(order) > 1:
        return itemgetter(*order)
    return lambda encoded: [encoded[number] for number in order]


def _blocks(rendered: Rendered) -> list[Segments | _Line]:
    """The lines of the plain text, those without values taken together."""
    blocks: list[Segments | _Line] = []
    fixed: list[Pieces] = []
    for block in rendered.text_blocks:
        if block.loose is None:
            fixed.append(block.wrapped)
            continue
        if fixed:
            blocks.append(Segments(tags.joined("\n", fixed)))
            fixed = []
        blocks.append(_Line(block.loose))
    return [*blocks, Segments(tags.joined("\n", fixed))] if fixed else blocks


def _tokens(template: Pieces) -> set[str]:
    return {piece.name for piece in template if isinstance(piece, Slot) and piece.position is Position.TOKEN}


def _part(kind: bytes) -> bytes:
    return b"\r\nContent-Type: text/" + kind + b"; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
