"""A text made plain character by character, so that every offset found in it is an offset of the original.

``plain(text)`` maps full-width marks, digits and letters to ASCII and ASCII capitals to small letters; it
never changes the length (NFKC does: ``①Ⅱ`` becomes ``1II``).  Numbers are read from plain text: Arabic,
Chinese (``十二``, ``两``, ``六点五``) and mixed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Final

__all__ = ["NUMBER", "number", "phrase", "plain"]

_MARKS: Final = {
    "—": "-",
    "–": "-",
    "−": "-",
    "﹣": "-",
    "〜": "~",
    "∼": "~",
    "∽": "~",
    "\u3000": " ",
    "\xa0": " ",
}
_TABLE: Final[dict[int, int]] = {
    **{0xFF01 + i: ord(chr(0x21 + i).lower()) for i in range(94)},
    **{ord(c): ord(c.lower()) for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    **{ord(k): ord(v) for k, v in _MARKS.items()},
}
_DIGITS: Final = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "俩": 2}
_CHINESE: Final = r"[零〇一二两俩三四五六七八九十百]{1,9}(?:点[零〇一二三四五六七八九]{1,9})?"

NUMBER: Final = rf"(?:(?<![\d.])\d+(?:\.\d+)?(?![\d])|(?<![零〇一二两俩三四五六七八九十百]){_CHINESE})"
"""Pattern of one number in plain text; ``number`` reads what it matches."""


def plain(text: str) -> str:
    """The text in half-width small ASCII, character for character: ``len(plain(t)) == len(t)``."""
    return text.translate(_TABLE)


def number(text: str) -> Decimal:
    """The number written in ``text`` (a match of ``NUMBER``). Raises ValueError for anything else."""
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text):
        return Decimal(text)
    if not re.fullmatch(_CHINESE, text):
        raise ValueError("not a number")
    whole, _, fraction = text.partition("点")
    value = Decimal(_chinese_integer(whole))
    if fraction:
        value += Decimal("0." + "".join(str(_DIGITS[c]) for c in fraction))
    return value


def _chinese_integer(text: str) -> int:
    if not set(text) & {"十", "百"}:
        return int("".join(str(_DIGITS[c]) for c in text))
    total, digit = 0, None
    for c in text:
        if c in "十百":
            total += (1 if digit is None else digit) * (10 if c == "十" else 100)
            digit = None
        else:
            digit = _DIGITS[c]
    return total + (digit or 0)


@lru_cache(maxsize=4096)
def phrase(words: str, *, after_digit: bool = False) -> str:
    """Pattern of ``words`` in plain text.

    A space may stand between Chinese characters.  A Latin word is met only as a word: no Latin letter
    after it, no Latin letter or (unless ``after_digit``) digit before it.
    """
    text = plain(words.strip())
    out: list[str] = []
    for before, c in zip(" " + text, text, strict=False):
        if c == " ":
            out.append(r"\s+" if before.isascii() else r"\s*")
            continue
        if out and before != " " and not (before.isascii() and c.isascii()):
            out.append(r"[ \t]?")
        out.append(re.escape(c))
    head = (
        ("(?<![a-z])" if after_digit else "(?<![a-z0-9])")
        if text[:1].isascii() and text[:1].isalnum()
        else ""
    )
    tail = r"(?![a-z])" if text[-1:].isascii() and text[-1:].isalpha() else ""
    return head + "".join(out) + tail
