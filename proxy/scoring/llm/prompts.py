"""Templates of prompts: what a model is told, in files that people may replace.

    [system]
    You judge documents for a search engine.
    [user]
    {{query}}
    {{documents}}

`{{query}}` and the documents come fenced; what stands inside of them is never looked at for placeholders.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from proxy.errors import BadConfig, Mistake

if TYPE_CHECKING:
    from collections.abc import Mapping

# The three default prompts, by the answer that they ask for.
PromptName = Literal["listwise", "points", "labels"]
MAX_BYTES = 64 * 1024

_KNOWN: dict[PromptName, tuple[str, ...]] = {
    "listwise": ("query", "documents", "count", "nonce"),
    "points": ("query", "document", "nonce"),
    "labels": ("query", "document", "nonce"),
}
_OPTIONAL = ("count", "nonce")
_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_SECTION = re.compile(r"^\[(system|user)\][ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Prompt:
    """The two parts of a prompt, with their placeholders."""

    system: str
    user: str

    def filled(self, values: Mapping[str, str]) -> tuple[str, str]:
        """Return both parts with every placeholder replaced, each once: values are not looked at again."""
        system, user = (
            _PLACEHOLDER.sub(lambda found: values[found[1]], part) for part in (self.system, self.user)
        )
        return system, user


def load_prompt(name: PromptName, path: str | None, *, key: str) -> Prompt:
    """Return the prompt in a file, or the default one; `key` is what mistakes are reported under. Blocks.

    Raises:
        BadConfig: the file can't be read, or is no prompt for this kind of answer.
    """
    if path is None:
        text = files("proxy.scoring.llm").joinpath("prompts", f"{name}.txt").read_text("utf-8")
        return parse_prompt(text, name, file=f"{name}.txt", key=key)
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise BadConfig((Mistake(path, key, f"above {MAX_BYTES} bytes", "a shorter prompt"),))
        return parse_prompt(raw.decode("utf-8"), name, file=path, key=key)
    except OSError as error:
        what = error.strerror or "unreadable"
        raise BadConfig((Mistake(path, key, what, "a readable file"),)) from error
    except UnicodeDecodeError as error:
        raise BadConfig((Mistake(path, key, "not UTF-8", "text in UTF-8"),)) from error


def parse_prompt(text: str, name: PromptName, *, file: str, key: str) -> Prompt:
    """Return the prompt in a text.

    Raises:
        BadConfig: it has no [user] part, lacks a placeholder, or has one that is not known; all are named.
    """
    known = _KNOWN[name]
    mistakes = [
        Mistake(
            file,
            key,
            f"{{{{{found[1]}}}}}",
            f"known are {_braced(known)}",
            text[: found.start()].count("\n") + 1,
        )
        for found in _PLACEHOLDER.finditer(text)
        if found[1] not in known
    ]
    before, *parts = _SECTION.split(text)
    sections = dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))
    if before.strip() or len(sections) != len(parts) // 2 or not sections.get("user"):
        mistakes.append(
            Mistake(file, key, "not in parts", "a line [system] or none, then a line [user], each once")
        )
    user = {found[1] for found in _PLACEHOLDER.finditer(sections.get("user", ""))}
    missing = [one for one in known if one not in _OPTIONAL and one not in user]
    if missing:
        mistakes.append(Mistake(file, key, f"no {_braced(missing)} after [user]", "needed there"))
    if mistakes:
        raise BadConfig(tuple(mistakes))
    return Prompt(sections.get("system", ""), sections["user"])


def _braced(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"{{{{{name}}}}}" for name in names)
