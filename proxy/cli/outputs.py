"""Where a command writes: checked before the work begins, so that nothing is found out after minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.errors import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def unusable(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]) -> Iterator[Mistake]:
    """Yield what is wrong with the files that options name: where they lie, or that two are the same.

    A file need not be there, but its folder must be: nobody means a folder that is not there yet.
    """
    taken = {path.resolve(): option for option, path in inputs.items() if path is not None}
    for option, path in outputs.items():
        if path is None:
            continue
        if path.is_dir() or not path.parent.is_dir():
            allowed = "a file in a folder that is there"
            yield Mistake("(command line)", option, str(path), allowed)
        elif (other := taken.get(path.resolve())) is not None:
            allowed = f"another file than {other}"
            yield Mistake("(command line)", option, str(path), allowed)
        taken.setdefault(path.resolve(), option)
