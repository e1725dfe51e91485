"""What has been measured, a line for every finished piece, so that a run that was killed is gone on with.

Every line begins with the digest of all that its numbers depend on: the cases, the settings, the models'
files, the versions and the machine. A line that fits nothing of the run is left alone, so one journal serves
several. It holds no text: numbers, and places of candidates.
"""

from __future__ import annotations

import hashlib
import platform
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import orjson

from proxy import __version__
from proxy.errors import BadConfig, Mistake
from proxy.offline.ranked_file import opened
from proxy.policy import LateInteractionModel
from proxy.policy_llm import LlmModel
from proxy.policy_remote import RemoteModel
from proxy.scoring.cpus import usable_cpus
from proxy.scoring.model_files import locate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from proxy.offline.ranked_file import RankedFile
    from proxy.policy import Model, Policy, Rule


# How the command names a journal, and what it calls its lines.
_OPTION, _LINES = "--journal", "lines of a journal"


class Journal:
    """A journal, as one run has it."""

    def __init__(self, file: RankedFile) -> None:
        """Read what is there; `foreign` says that there are lines, and none is a journal's.

        Raises:
            BadConfig: its end is no part of a journal.
        """
        self._file = file
        self._known: dict[str, Any] = {}
        lines = 0
        for lines, line in enumerate(file.lines(), start=1):  # noqa: B007 - how many there were
            try:
                data = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(data, dict) and "id" in data and "found" in data:
                self._known[str(data["id"])] = data["found"]
        self.foreign = lines > 0 and not self._known
        if not self.foreign:
            file.mend()

    def known(self, key: str) -> Any:
        """Return what was found; None if that is not known yet."""
        return self._known.get(key)

    def add(self, key: str, what: object, found: object) -> None:
        """Write down what was found; `what` tells people what it is about."""
        line = {"id": key, "what": what, "found": found}
        # orjson takes tuples, but none that have names.
        written = orjson.dumps(line, default=tuple, option=orjson.OPT_APPEND_NEWLINE)
        self._file.append(written)
        self._known[key] = orjson.loads(written)["found"]


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Open a journal, new or old, for one run at a time.

    Raises:
        BadConfig: it can't be written, another run does, or it is no journal, or its end no part of one.
    """
    with opened(path, option=_OPTION, lines=_LINES) as file:
        journal = Journal(file)
        if journal.foreign:
            raise BadConfig((Mistake(str(path), _OPTION, "something else", _LINES),))
        yield journal


def key_of(policy: Policy, rule: Rule, *more: object) -> str:
    """Return the digest of a rule, its models, and whatever `more` its numbers depend on.

    Raises:
        BadConfig: a model is not there.
    """
    models = [policy.models[name] for name in rule.rerank]
    settings = [one.model_dump(mode="json") for one in (rule, policy.breaker, *models)]
    known = (settings, [_files(model) for model in models], _surroundings(), *more)
    return hashlib.blake2b(orjson.dumps(known), digest_size=16).hexdigest()


def _surroundings() -> list[object]:
    return [__version__, version("onnxruntime"), version("tokenizers"), platform.node(), usable_cpus()]


def _files(model: Model) -> list[tuple[str, int, int]]:
    """Return the name, size and time of a local model's files: others may come to lie in their place."""
    if isinstance(model, LateInteractionModel | RemoteModel | LlmModel):
        return []  # built in, and always the same; or elsewhere
    files = sorted(path for path in locate(model.model).folder.iterdir() if path.is_file())
    return [(path.name, (known := path.stat()).st_size, known.st_mtime_ns) for path in files]
