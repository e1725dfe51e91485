"""Documentation of what is written in C, which has no source to read: asked of the imported modules.

Only a fixed list of modules is imported: each is safe to import, and already is in most programs.
"""

from __future__ import annotations

import importlib
import inspect
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

# Modules with parts in C, by the name their users import; those that a platform lacks are left out.
MODULES = (
    "array", "ast", "atexit", "binascii", "builtins", "bz2", "cmath", "codecs", "collections", "contextvars",
    "csv", "datetime", "decimal", "faulthandler", "fcntl", "functools", "gc", "grp", "hashlib", "hmac", "io",
    "itertools", "lzma", "marshal", "math", "mmap", "operator", "os", "pwd", "queue", "random", "re",
    "resource", "select", "signal", "socket", "sqlite3", "ssl", "string", "struct", "sys", "syslog",
    "termios", "threading", "time", "tracemalloc", "types", "unicodedata", "weakref", "zlib",
)  # fmt: skip
# A default value without a readable form, such as `<object object at 0x7f...>`, differs from run to run.
ADDRESS = re.compile(r" at 0x[0-9a-f]+")

# Qualified name, signature with parentheses or "", documentation.
NameSignatureDoc = tuple[str, str, str]


def live_documents() -> Iterator[NameSignatureDoc]:
    """Give every documented public function, class and method that these modules define in C."""
    for module_name in MODULES:
        try:
            module = importlib.import_module(module_name)
        except ImportError:
            continue
        for name, member in sorted(vars(module).items()):
            if not name.startswith("_") and _belongs_to(member, module):
                yield from _member_documents(f"{module_name}.{name}", member)


def _member_documents(name: str, member: object) -> Iterator[NameSignatureDoc]:
    if doc := inspect.getdoc(member):
        yield name, _signature(member), _without_signature(doc, name)
    if isinstance(member, type):
        for attribute, value in sorted(_members(member).items()):
            # `getdoc` would fall back on any base class: list what was written for this one.
            doc = getattr(value, "__doc__", None)
            if isinstance(doc, str) and doc.strip() and callable(getattr(member, attribute, None)):
                full_name = f"{name}.{attribute}"
                yield full_name, _signature(value), _without_signature(inspect.cleandoc(doc), full_name)


def _members(cls: type) -> dict[str, object]:
    """Return a class's own public attributes, with those of the C class it is built on (`_socket.socket`)."""
    members: dict[str, object] = {}
    for base in reversed(cls.__mro__):
        if base is cls or base.__module__.startswith("_"):
            members |= {name: value for name, value in vars(base).items() if not name.startswith("_")}
    return members


def _belongs_to(member: object, module: ModuleType) -> bool:
    """Say whether a module's member is a class or a C function of its own, not something it imported."""
    if not isinstance(member, type) and not inspect.isbuiltin(member):
        return False
    own = {module.__name__, f"_{module.__name__}"} | _ACCELERATORS.get(module.__name__, frozenset())
    return member.__module__ in own


# C modules that lend their functions to a public one under a name that doesn't follow from it.
_ACCELERATORS = {
    "hashlib": frozenset({"_hashlib", "_blake2", "_sha2", "_sha3", "_md5", "_sha1"}),
    "hmac": frozenset({"_hashlib", "_operator"}),
    "os": frozenset({"posix", "nt"}),
    "threading": frozenset({"_thread"}),
    "types": frozenset({"builtins"}),
}


def _signature(member: object) -> str:
    """Write the arguments without `self`; "(...)" where the C code doesn't tell them."""
    function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
    if not callable(function):
        return "(...)"
    try:
        text = str(inspect.signature(function))
    except (TypeError, ValueError, AttributeError, NameError):  # it evaluates text that C code wrote
        return "(...)"
    return ADDRESS.sub("", re.sub(r"^\((?:\$?self|type|cls)(?:, /)?(?:, |(?=\)))", "(", text))


def _without_signature(doc: str, name: str) -> str:
    """Drop a signature on the first line, which the passage has already, if anything follows it."""
    first, _, rest = doc.partition("\n")
    own = name.rpartition(".")[2]
    return rest.strip() if rest.strip() and first.startswith(f"{own}(") and "-" not in first else doc
