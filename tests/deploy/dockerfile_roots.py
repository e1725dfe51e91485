"""Root file systems out of layers, as a container engine stacks them: overlayfs, in mount namespaces.

Nothing here changes the machine: what is mounted is gone with the process that mounted it, and what is
written lands in a layer. It takes root, and a kernel that lets root mount overlays: `why_not` says what is
missing.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# What of this machine every root here stands on. The kernel refuses a layer inside another one, so layers are
# kept elsewhere: in /tmp.
MACHINE = ("bin", "sbin", "lib", "lib64", "usr", "etc", "opt", "root", "home", "var")
MOUNT_POINTS = ("proc", "sys", "dev", "tmp", "mnt")
PRIVATE = ("unshare", "--mount", "--propagation", "private")


class Bind(NamedTuple):
    """A folder of this machine that is seen inside."""

    source: Path
    target: str


class Failed(Exception):
    """A command ended with an error; the message has the end of what it said."""


class Root(NamedTuple):
    """A stack of layers, the newest first; this machine's folders lie under all of them."""

    layers: tuple[Path, ...]

    def over(self, layer: Path) -> Root:
        """Give this root with another layer on top."""
        for part in _folders():
            (layer / part).mkdir(parents=True, exist_ok=True)
        return Root((layer, *self.layers))

    def mounted(self, at: str, scratch: Path | None = None) -> list[str]:
        """Give the shell lines that mount it: read-only, or, with `scratch`, what is written goes on top."""
        lines = [_overlay(self.layers, at, scratch and scratch / "all")]
        for part in _folders():
            layers = [*(layer / part for layer in self.layers), Path("/", part)]
            lines.append(_overlay(layers, f"{at}/{part}", scratch and scratch / part))
        return lines


def machine_root(layer: Path) -> Root:
    """Give this machine's root, without what is under /tmp, /srv and the like."""
    root = Root(()).over(layer)
    for name in MOUNT_POINTS:
        (layer / name).mkdir(exist_ok=True)
    for name in MACHINE:
        if Path("/", name).is_symlink():
            (layer / name).symlink_to(Path("/", name).readlink())
    return root


def python_root(scratch: Path) -> Root:
    """Stand in for the `python` images: `python` and `pip` in /usr/local, in reach of every user."""
    root = machine_root(scratch / "machine").over(scratch / "python")
    python = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    run_in(root, [str(python), "-m", "venv", "/usr/local"], environment=dict(os.environ))
    above = [str(folder) for folder in python.parents]
    run_in(root, ["chmod", "a+x", *above], environment=dict(os.environ))
    return root


def run_in(
    root: Root,
    command: Sequence[str] = (),
    *,
    environment: Mapping[str, str],
    folder: str = "/",
    binds: Iterable[Bind] = (),
    lines: Iterable[str] = (),
) -> None:
    """Run a command as root inside; what it writes goes to the topmost layer.

    `lines` are for a shell outside, which sees the root at `$ROOT`; they come first.

    Raises:
        Failed: the command did.
    """
    top = root.layers[0]
    script = [
        "set -e",
        *root.mounted("$ROOT", top.with_name(f"{top.name}.work")),
        f'mkdir -p "$ROOT{folder}"',
        'mount -t tmpfs tmpfs "$ROOT/tmp"',
        'mount --rbind /dev "$ROOT/dev"',
        'mount --bind /proc "$ROOT/proc"',
        *(f'mkdir -p "$ROOT{one.target}"; mount --bind {one.source} "$ROOT{one.target}"' for one in binds),
        *lines,
    ]
    if command:
        script.append(f'exec chroot "$ROOT" /usr/bin/env --chdir={folder} {shlex.join(command)}')
    with TemporaryDirectory(prefix="midrank-root-") as held:
        done = subprocess.run(
            [*PRIVATE, "/bin/sh", "-c", "\n".join(script)],
            env={**environment, "ROOT": held},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode:
        raise Failed(f"{shlex.join(command)[:300]}\n{done.stdout[-3000:]}")


def why_not() -> str:
    """Say why this machine can't do it; empty if it can."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "needs Linux and root, to mount what the image would be"
    with TemporaryDirectory(prefix="midrank-layer-", dir="/tmp") as folder:
        try:
            root = machine_root(Path(folder, "machine")).over(Path(folder, "top"))
            run_in(root, ["true"], environment=dict(os.environ))
        except (Failed, OSError) as error:
            return f"no overlays can be mounted here: {str(error).splitlines()[-1]}"
    return ""


def _overlay(layers: Sequence[Path], at: str, scratch: Path | None) -> str:
    if scratch is None:
        options = "ro,lowerdir=" + ":".join(map(str, layers))
    else:
        scratch.mkdir(parents=True, exist_ok=True)
        top, *below = layers
        options = f"lowerdir={':'.join(map(str, below))},upperdir={top},workdir={scratch}"
    return f'mount -t overlay overlay -o {shlex.quote(options)} "{at}"'


def _folders() -> list[str]:
    """Give the folders of MACHINE; some are links into /usr."""
    return [name for name in MACHINE if Path("/", name).is_dir() and not Path("/", name).is_symlink()]
