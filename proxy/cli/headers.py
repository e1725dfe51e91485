"""Headers on a command line, `'NAME: VALUE'`: values may be secret, and come from the environment."""

from __future__ import annotations

import os
import re

from proxy.errors import BadConfig, Mistake

# What no header may hold, least of all a line's end.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def header(written: str) -> tuple[str, str]:
    """Return a header's name and value, with variables filled in.

    Raises:
        BadConfig: it is none, or a variable is not set, or holds what no header may; values are not told.
    """
    found = _HEADER.fullmatch(written)
    if found is None:
        raise BadConfig((Mistake("(command line)", "--header", "(not shown)", "'NAME: VALUE'"),))
    unset = [name for name in _VARIABLE.findall(found[2]) if name not in os.environ]
    if unset:
        allowed = "a variable that is set"
        raise BadConfig((Mistake("(command line)", "--header", f"${{{unset[0]}}}", allowed),))
    # A key out of a file brings the end of its line along.
    value = _VARIABLE.sub(lambda name: os.environ[name[1]], found[2]).strip()
    if _CONTROL.search(value):
        allowed = "a value without control characters"
        raise BadConfig((Mistake("(command line)", "--header", f"{found[1]}: (not shown)", allowed),))
    return found[1], value
