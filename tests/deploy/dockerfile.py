"""A Dockerfile read: its stages, and what each line of them says."""

from __future__ import annotations

import shlex
from string import Template
from typing import TYPE_CHECKING, NamedTuple

import orjson
from dockerfile_parse import DockerfileParser

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Instruction(NamedTuple):
    """One instruction: `COPY --from=build a b` is COPY, {"from": ["build"]} and "a b"."""

    name: str
    flags: Mapping[str, list[str]]
    value: str

    @property
    def words(self) -> list[str] | None:
        """Give the words of an exec form; None for a shell form, which needs a shell when it runs."""
        return orjson.loads(self.value) if self.value.startswith("[") else None

    def pairs(self, known: Mapping[str, str]) -> dict[str, str]:
        """Give the names and values that ENV, ARG and LABEL set; a bare `ARG NAME` sets nothing."""
        named = [word.partition("=") for word in shlex.split(self.value)]
        return {name: expanded(value, known) for name, equals, value in named if equals}


class Stage(NamedTuple):
    """From one FROM to the next."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]

    def all(self, name: str) -> list[Instruction]:
        """Give the instructions of a name, in order."""
        return [one for one in self.instructions if one.name == name]


class Dockerfile(NamedTuple):
    """What stands before the first FROM, and the stages after it."""

    arguments: Mapping[str, str]
    stages: tuple[Stage, ...]

    @property
    def last(self) -> Stage:
        """Give the stage that becomes the image."""
        return self.stages[-1]

    def with_bases_of(self, stage: Stage, arguments: Mapping[str, str]) -> list[Stage]:
        """Give a stage after the stages of this file that it is built on."""
        base = expanded(stage.base, {**self.arguments, **arguments})
        below = next((one for one in self.stages if one.name == base), None)
        return [*(self.with_bases_of(below, arguments) if below else []), stage]


def read_dockerfile(path: Path) -> Dockerfile:
    """Read a Dockerfile; heredocs are not understood."""
    with path.open("rb") as file:
        lines = [one for one in DockerfileParser(fileobj=file).structure if one["instruction"] != "COMMENT"]
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for line in lines:
        one = _instruction(line["instruction"], line["value"])
        if one.name == "FROM":
            base, *rest = one.value.split()
            stages.append(Stage(rest[1] if rest else "", base, ()))
        elif stages:
            stages[-1] = stages[-1]._replace(instructions=(*stages[-1].instructions, one))
        else:
            arguments |= one.pairs(arguments)
    return Dockerfile(arguments, tuple(stages))


def expanded(text: str, known: Mapping[str, str]) -> str:
    """Put in the values of `$NAME` and `${NAME}`; unknown ones are empty, as in a builder."""
    template = Template(text)
    return template.substitute(dict.fromkeys(template.get_identifiers(), "") | dict(known))


def _instruction(name: str, value: str) -> Instruction:
    flags: dict[str, list[str]] = {}
    while value.startswith("--"):
        flag, _, value = value.partition(" ")
        key, _, setting = flag[2:].partition("=")
        flags.setdefault(key, []).append(setting)
        value = value.lstrip()
    return Instruction(name, flags, value)
