"""One spelling per JSON value, and the hash of bytes: what every signature and every file of a snapshot rests on."""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["canonical_json", "sha256"]


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON that has one spelling: keys sorted, one space of indent, a final line feed."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
    return (text + "\n").encode()


def sha256(data: bytes) -> str:
    """64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()
