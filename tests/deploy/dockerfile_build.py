"""Does what a Dockerfile says, without an engine: every RUN runs, at its own paths, over the layers below it.

What is not as in an engine: the base image is this machine's root with a Python in /usr/local, and all caches
that `RUN --mount=type=cache` asks for are those of whoever runs this.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.deploy.dockerfile import expanded
from tests.deploy.dockerfile_roots import Bind, Root, python_root, run_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.deploy.dockerfile import Dockerfile, Instruction, Stage

SYSTEM_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Image:
    """A root file system, and how to start what is in it."""

    root: Root
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": SYSTEM_PATH})
    folder: str = "/"
    user: str = "0:0"
    labels: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)  # the last value of every other instruction


class Build:
    """One build: `context` is the folder that is sent, `models` stands in for the stage of that name."""

    def __init__(
        self,
        dockerfile: Dockerfile,
        context: Path,
        scratch: Path,
        *,
        arguments: Mapping[str, str] | None = None,
        models: Path | None = None,
    ) -> None:
        """Keep the layers under `scratch`."""
        self._dockerfile = dockerfile
        self._context = context
        self._scratch = scratch
        self._given = dict(arguments or {})
        self._arguments = {**dockerfile.arguments, **self._given}
        self._models = models
        self._images: dict[str, Image] = {}

    def image(self) -> Image:
        """Build the last stage, and the others as far as it wants them."""
        return self._built(self._dockerfile.last)

    def _built(self, stage: Stage) -> Image:
        name = stage.name or "image"
        if name not in self._images:
            self._images[name] = self._run(stage, name)
        return self._images[name]

    def _run(self, stage: Stage, name: str) -> Image:
        below = self._base(expanded(stage.base, self._arguments))
        image = Image(
            below.root.over(self._scratch / name), dict(below.environment), below.folder, below.user
        )
        known: dict[str, str] = {}
        for one in stage.instructions:
            values = {**known, **image.environment}
            match one.name:
                case "ARG":
                    known |= one.pairs(values) | self._arguments_of(one)
                case "ENV":
                    image.environment |= one.pairs(values)
                case "LABEL":
                    image.labels |= one.pairs(values)
                case "WORKDIR":
                    image.folder = expanded(one.value, values)
                case "USER":
                    image.user = one.value
                case "RUN":
                    self._command(one, image, known)
                case "COPY":
                    self._copy(one, image)
                case other:
                    image.said[other] = one.value
        return image

    def _base(self, name: str) -> Image:
        """Give what a stage is built on: another stage, nothing, or the stand-in for the Python image."""
        for stage in self._dockerfile.stages:
            if stage.name == name:
                return self._built(stage)
        if name not in self._images:
            root = Root(()) if name == "scratch" else python_root(self._scratch)
            self._images[name] = Image(root)
        return self._images[name]

    def _arguments_of(self, declared: Instruction) -> dict[str, str]:
        """Give the value that an ARG has from outside: given, or declared before the first FROM."""
        name, equals, _ = declared.value.partition("=")
        source = self._given if equals else self._arguments
        return {name: source[name]} if name in source else {}

    def _command(self, one: Instruction, image: Image, known: Mapping[str, str]) -> None:
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        binds = [bind for flag in one.flags.get("mount", []) if (bind := self._bind(flag))]
        run_in(
            image.root,
            one.words or ["/bin/sh", "-c", one.value],
            environment={"HOME": "/root", **pip, **known, **image.environment},
            folder=image.folder,
            binds=binds,
        )

    def _bind(self, flag: str) -> Bind | None:
        options = dict(part.split("=", 1) for part in flag.split(","))
        match options["type"]:
            case "cache":
                cache = Path(options["target"].replace("/root", str(Path.home()), 1))
                cache.mkdir(parents=True, exist_ok=True)
                return Bind(cache, options["target"])
            case "bind":
                if self._models is None:
                    return None
                assert options["from"] == "models"
                return Bind(self._models, options["target"])
            case "secret":
                return None  # none is given, and none is required
            case other:
                raise NotImplementedError(other)

    def _copy(self, one: Instruction, image: Image) -> None:
        *sources, target = one.value.split()
        if "from" in one.flags:
            (name,) = one.flags["from"]
            other = self._base(name)
            (source,) = sources
            self._copy_from(other, source, target, image)
            return
        layer = Path(f"{image.root.layers[0]}{Path(image.folder, target)}")
        for source in sources:
            _copy_allowed(self._context, source, layer)

    def _copy_from(self, other: Image, source: str, target: str, image: Image) -> None:
        """Merge a folder of another stage's root into one of this image's."""
        lines = [
            'mkdir -p "$ROOT/mnt"',
            *other.root.mounted("$ROOT/mnt"),
            f'mkdir -p "$ROOT{target}"',
            f'cp -a "$ROOT/mnt{source}/." "$ROOT{target}"',
            'umount --recursive "$ROOT/mnt"',
        ]
        run_in(image.root, environment={"PATH": SYSTEM_PATH}, lines=lines)


def _copy_allowed(context: Path, source: str, folder: Path) -> None:
    """Copy what `.dockerignore` lets in; a folder's content lands in `folder`, a file beside the others.

    Raises:
        FileNotFoundError: it lets the source not in.
    """
    lines = (context / ".dockerignore").read_text().splitlines()
    if f"!{source}" not in lines:
        raise FileNotFoundError(f"{source} is not let in by .dockerignore")
    inside = [line.removeprefix("**/") for line in lines if line.startswith("**/")]
    if (context / source).is_dir():
        shutil.copytree(context / source, folder, ignore=shutil.ignore_patterns(*inside), dirs_exist_ok=True)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(context / source, folder / source)
