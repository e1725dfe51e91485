"""midrank inject: put the sidecar into Kubernetes manifests: manifests in, manifests out.

    kubectl get deploy app -o yaml | midrank inject --policy midrank - | kubectl apply -f -

Documents that get no sidecar come out byte for byte as they came in; those that get one lose the comments
inside. Exit codes: 0 done, 1 a workload that was to have a sidecar has none (the others do), 2 the command
line, the settings or the manifests are wrong and nothing is written.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError

from proxy.cli.extras import needs
from proxy.errors import BadConfig, Mistake
from proxy.injection.manifest_writing import as_json, joined, written
from proxy.injection.manifest_yaml import Document, read_documents
from proxy.injection.options import allowed, without_auto
from proxy.injection.settings import PodOptions, WebhookSettings
from proxy.injection.settings_file import load_settings

if TYPE_CHECKING:
    import argparse

    from pydantic_core import ErrorDetails

    from proxy.injection.manifests import Filter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: a flag for every annotation, where a template has none."""
    parser.add_argument("manifest", nargs="?", default="-", metavar="FILE", help="YAML or JSON; - is stdin")
    parser.add_argument("--remove", action="store_true", help="take the sidecar out again")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings, as for midrank webhook")
    parser.add_argument("--output", choices=("yaml", "json"), help="what is written (default: what is read)")
    group = parser.add_argument_group("the sidecar, where a pod template's annotations don't say it")
    for name, field in PodOptions.model_fields.items():
        description = (field.description or "").replace("%", "%%")
        group.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="VALUE", help=description)


def run(arguments: argparse.Namespace) -> int:
    """Write the manifests to standard output, and what became of each workload to standard error."""
    flags = {
        name: value for name in PodOptions.model_fields if (value := getattr(arguments, name)) is not None
    }
    _check(flags)
    settings = WebhookSettings() if arguments.config is None else load_settings(arguments.config)
    text, file = _read(arguments.manifest)
    documents, kind = _documents(text, file)
    changes = _filter(settings, flags, remove=arguments.remove)
    changed = [changes.apply(document.data) for document in documents]
    sys.stdout.write(_output(documents, changed, kind, arguments.output or kind, file))
    if not changes.told:
        print("midrank: no workload found", file=sys.stderr)
    for where, told in changes.told:
        for line in (told.word, *told.notes):
            print(f"midrank: {where}: {line}", file=sys.stderr)
    return int(any(told.failed for _, told in changes.told))


def _filter(settings: WebhookSettings, flags: dict[str, str], *, remove: bool) -> Filter:
    with needs("kubernetes", "inject"):
        from proxy.injection.manifests import injecting, removing  # noqa: PLC0415 - other commands do without
    return removing() if remove else injecting(settings, flags)


def _check(flags: dict[str, str]) -> None:
    """Check values that are given on the command line, before any workload is blamed for them.

    Raises:
        BadConfig: one is wrong.
    """
    try:
        PodOptions.model_validate(without_auto(flags))
    except ValidationError as error:
        # What they don't say together, the annotations may.
        wrong = [detail for detail in error.errors(include_url=False) if detail["loc"]]
        if wrong:
            raise BadConfig(tuple(_mistake(detail) for detail in wrong)) from error


def _mistake(detail: ErrorDetails) -> Mistake:
    field = str(detail["loc"][0])
    # A URL may hold a password.
    value = "not usable" if field == "upstream" else repr(detail["input"])
    return Mistake("(command line)", f"--{field.replace('_', '-')}", value, allowed(detail))


def _read(manifest: str) -> tuple[str, str]:
    """Return the text, every byte of it, and what it is called."""
    file = "(standard input)" if manifest == "-" else manifest
    try:
        raw = sys.stdin.buffer.read() if manifest == "-" else Path(manifest).read_bytes()
        return raw.decode(), file
    except OSError as error:
        mistake = Mistake(file, "(file)", error.strerror or "unreadable", "a readable file")
        raise BadConfig((mistake,)) from error
    except UnicodeDecodeError as error:
        raise BadConfig((Mistake(file, "(file)", f"byte {error.start} is no UTF-8", "UTF-8"),)) from error


def _documents(text: str, file: str) -> tuple[list[Document], str]:
    """Return the documents, and whether they were JSON or YAML."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return read_documents(text, file), "yaml"
    return [Document(json.loads(text), text, {})], "json"  # noqa: TID251 - keeps integers above 64 bits


def _output(documents: list[Document], changed: list[bool], kind: str, wanted: str, file: str) -> str:
    if wanted == "yaml":
        as_it_was = kind == "yaml"
        pairs = zip(documents, changed, strict=True)
        return joined([one.text if as_it_was and not new else written(one, one.data) for one, new in pairs])
    if kind == "json" and not any(changed):
        return documents[0].text
    whole: list[Any] = [as_json(one.data, file) for one in documents if one.data is not None]
    answer = whole[0] if len(whole) == 1 else {"apiVersion": "v1", "kind": "List", "items": whole}
    return json.dumps(answer, indent=2, ensure_ascii=False) + "\n"  # noqa: TID251 - as above
