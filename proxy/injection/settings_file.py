"""Read the webhook's settings from YAML and tell every mistake at once: file, line, key, value, allowed."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from proxy.errors import BadConfig, Mistake
from proxy.injection.manifest_yaml import Document, read_documents
from proxy.injection.options import allowed
from proxy.injection.settings import WebhookSettings

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

# Settings are reviewed by people; anything longer is something else.
MAX_BYTES = 64 * 1024


def load_settings(path: Path) -> WebhookSettings:
    """Return what the file says; an empty one says nothing but defaults.

    Raises:
        BadConfig: it can't be read, or anything in it is wrong.
    """
    file = str(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        mistake = Mistake(file, "(file)", error.strerror or "unreadable", "a readable file")
        raise BadConfig((mistake,)) from error
    if len(raw) > MAX_BYTES:
        raise BadConfig((Mistake(file, "(file)", f"{len(raw)} bytes", f"at most {MAX_BYTES} bytes"),))
    documents = read_documents(raw.decode("utf-8", "replace"), file)
    if len(documents) > 1:
        raise BadConfig((Mistake(file, "(file)", f"{len(documents)} documents", "one document"),))
    (document,) = documents
    data = {} if document.data is None else document.data
    try:
        return WebhookSettings.model_validate(data)
    except ValidationError as error:
        mistakes = [_mistake(file, document, detail) for detail in error.errors(include_url=False)]
        raise BadConfig(tuple(sorted(mistakes, key=lambda mistake: mistake.line or 0))) from error


def _mistake(file: str, document: Document, detail: ErrorDetails) -> Mistake:
    key = tuple(step for step in detail["loc"] if step != "[key]")
    line = next(
        (document.lines[key[:end]] for end in range(len(key), 0, -1) if key[:end] in document.lines), None
    )
    place = (
        "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in key).lstrip(".") or "(file)"
    )
    if detail["type"] == "extra_forbidden":
        return Mistake(file, place, "unknown key", _known(str(key[-1])), line)
    if detail["type"] == "model_type":
        return Mistake(file, place, _shown(detail["input"]), "should be a mapping of keys to values", line)
    return Mistake(file, place, _shown(detail["input"]), allowed(detail), line)


def _known(key: str) -> str:
    known = sorted(WebhookSettings.model_fields)
    close = difflib.get_close_matches(key, known, n=1)
    return f"{f'did you mean `{close[0]}`? ' if close else ''}allowed: {', '.join(known)}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
