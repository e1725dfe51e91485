"""Documentation read out of the standard library's source files, without importing them.

Importing would run code (`antigravity` opens a browser) and fail where an optional C library is missing.
A name is given as its users write it: what `asyncio/__init__.py` re-exports from `asyncio/tasks.py` is
`asyncio.gather`, and `posixpath.join` is `os.path.join`.
"""

from __future__ import annotations

import ast
import inspect
import os.path
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Not libraries for users: tests, bundled applications, installers, jokes, other platforms' twins.
SKIPPED = frozenset((
    "test", "tests", "idlelib", "turtledemo", "lib2to3", "ensurepip", "distutils", "site-packages",
    "dist-packages", "pydoc_data", "antigravity", "this", "ntpath", "posixpath", "nturl2path",
))  # fmt: skip
# `os.path` is one of the two path modules, and both take a part of it from a third.
PATH_MODULES = (os.path.__name__, "genericpath")

# Qualified name, signature with parentheses or "", documentation.
NameSignatureDoc = tuple[str, str, str]


def source_documents() -> Iterator[NameSignatureDoc]:
    """Give every documented public name of the pure-Python modules; the first of equal names counts."""
    library = Path(sysconfig.get_path("stdlib"))
    modules = {module: ast.parse(path.read_bytes()) for module, path in _module_files(library)}
    exported = _exports(modules)
    seen: set[str] = set()
    for module, tree in modules.items():
        for name, signature, doc in _definitions(tree.body):
            top, dot, rest = name.partition(".")
            home = exported.get((module, top))
            if home is None:
                if _is_private(module):
                    continue
                home = "os.path" if module in PATH_MODULES else module
            public = f"{home}.{top}{dot}{rest}"
            if public not in seen:
                seen.add(public)
                yield public, signature, doc


def _module_files(library: Path) -> Iterator[tuple[str, Path]]:
    """Give module names and files, packages before what they hold."""
    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        top = parts[0]
        wanted = SKIPPED.isdisjoint(parts) and not top.startswith("_") and "-" not in top
        # `__main__`, `__phello__`; a private module inside a package may still be re-exported by it.
        if module in PATH_MODULES or (wanted and not parts[-1].startswith("__main")):
            yield module, path


def _exports(modules: dict[str, ast.Module]) -> dict[tuple[str, str], str]:
    """Map (module, name) to the package above it that re-exports the name, the topmost one.

    The imports of a package are looked for at any depth, because `concurrent.futures` has its own lazily.
    """
    exported: dict[tuple[str, str], str] = {}
    packages = {module.rpartition(".")[0] for module in modules} & modules.keys()
    for package in sorted(packages, key=lambda module: (module.count("."), module)):
        for node in ast.walk(modules[package]):
            if not isinstance(node, ast.ImportFrom):
                continue
            source = f"{package}.{node.module}" if node.level == 1 else node.module
            if source is None or source not in modules or not source.startswith(f"{package}."):
                continue
            for name in _imported_names(node, modules[source]):
                exported.setdefault((source, name), package)
    return exported


def _imported_names(node: ast.ImportFrom, source: ast.Module) -> Iterator[str]:
    for alias in node.names:
        if alias.name != "*":
            yield alias.name
            continue
        for statement in source.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield statement.name


def _definitions(body: list[ast.stmt]) -> Iterator[NameSignatureDoc]:
    """Give what a module or class body defines, also inside `if` and `try`, depth first in source order."""
    for node in body:
        match node:
            case ast.ClassDef(name=name) if not _is_private(name):
                yield from _class_documents(node)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if not _is_private(name):
                if doc := ast.get_docstring(node):
                    yield name, _signature(node), doc
            case ast.If():
                yield from _definitions(node.body + node.orelse)
            case ast.Try():
                yield from _definitions(node.body + [s for h in node.handlers for s in h.body] + node.orelse)


def _class_documents(node: ast.ClassDef) -> Iterator[NameSignatureDoc]:
    """Give a class with the words and arguments of its constructor, then its members."""
    constructor = next(
        (item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"), None
    )
    docs = [ast.get_docstring(node), constructor and ast.get_docstring(constructor)]
    if any(docs):
        signature = _signature(constructor) if constructor else "()"
        yield node.name, signature, "\n\n".join(doc for doc in docs if doc)
    for name, signature, doc in _definitions(node.body):
        yield f"{node.name}.{name}", signature, doc


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Write the arguments as a caller thinks of them: without `self`; nothing at all for a property."""
    if any(isinstance(item, ast.Name) and item.id.endswith("property") for item in node.decorator_list):
        return ""
    arguments = ast.unparse(node.args)
    for receiver in ("self", "cls"):
        arguments = arguments.removeprefix(f"{receiver}, ").removeprefix("/, ")
        arguments = "" if arguments in {receiver, f"{receiver}, /"} else arguments
    return f"({inspect.cleandoc(arguments)})"


def _is_private(name: str) -> bool:
    return any(part.startswith("_") for part in name.split("."))
