"""Tokens of generations: of two that anyone has made, the later one is the greater one.

28 hexadecimal digits: milliseconds since 1970 (12), then chance (16). A token that follows another is greater
whatever the clock says; tokens that nobody has seen follow each other by the clocks of those who made them.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

# Bytes to read of what should be a token: one more than it has.
READ = 29
# So that no foreign value is one that nothing can follow: until the year 2527.
_LAST = 2**44 - 1
_FORM = re.compile(rb"0[0-9a-f]{27}")


def new_token(known: bytes | None = None) -> bytes:
    """Return a token that follows the known one."""
    milliseconds = int(datetime.now(UTC).timestamp() * 1000)
    if known is not None:
        milliseconds = max(milliseconds, int(known[:12], 16) + 1)
    return f"{min(milliseconds, _LAST):012x}{secrets.token_hex(8)}".encode()


def is_token(value: object) -> bool:
    """Say whether this is what `new_token` makes."""
    return isinstance(value, bytes) and _FORM.fullmatch(value) is not None
