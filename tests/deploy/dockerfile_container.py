"""An image started as an engine would: process 1 of its own, not root, nothing writable but /tmp.

Beyond that, no program is in reach but Python: no shell, no `cp`, no `kill`.
"""

from __future__ import annotations

import os
import shlex
import signal as signals
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import orjson

from tests.deploy.dockerfile_roots import PRIVATE, run_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.deploy.dockerfile_build import Image
    from tests.deploy.dockerfile_roots import Root

STOP_TIMEOUT = 10.0  # seconds that Docker gives before it kills
# What an engine puts into /dev, as far as anybody asks for it.
DEVICES = ("null", "zero", "full", "random", "urandom")
# With nothing but these left, whatever wants a shell fails.
WITHOUT_PROGRAMS = (
    "cd ${ROOT:?} && find usr/bin usr/sbin usr/local/sbin -mindepth 1 ! -name 'python3*' -delete"
)


class Container(NamedTuple):
    """A running image; `process` ends with the exit status of its first one."""

    process: subprocess.Popen[bytes]
    user: int
    environment: Mapping[str, str]
    log: Path

    @property
    def pid(self) -> int:
        """Give the id that its process 1 has on this machine."""
        parent = self.process.pid
        return int(Path(f"/proc/{parent}/task/{parent}/children").read_text())

    def tell(self, signal: int) -> None:
        """Send its process 1 a signal, if there still is one."""
        with suppress(ValueError, OSError):
            os.kill(self.pid, signal)

    def stop(self) -> int:
        """Stop it, wait as long as Docker would, and give the exit status."""
        self.tell(signals.SIGTERM)
        return self.process.wait(STOP_TIMEOUT)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run another command in it, as health checks and `docker exec` do."""
        inside = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--root", "--wd"]
        return subprocess.run(
            [*inside, f"--setuid={self.user}", f"--setgid={self.user}", *command],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def processes(self) -> dict[str, str]:
        """Give the state (`S`, `R`, `Z`, ...) of every process in it, by its id there."""
        stats = Path(f"/proc/{self.pid}/root/proc").glob("[0-9]*/stat")
        return {stat.parent.name: stat.read_text().rpartition(") ")[2][0] for stat in stats}

    def files(self, folder: str) -> list[str]:
        """Give the names of what is in one of its folders."""
        return sorted(path.name for path in Path(f"/proc/{self.pid}/root{folder}").iterdir())


def sealed(image: Image, layer: Path) -> Root:
    """Give the root to start from: without programs, and with a place to mount the policy."""
    root = image.root.over(layer)
    run_in(root, environment=image.environment, lines=["mkdir -p $ROOT/etc/midrank", WITHOUT_PROGRAMS])
    return root


@contextmanager
def started(
    image: Image, root: Root, policy: Mapping[str, object], *, user: int = 65532, tmp: bool = True
) -> Iterator[Container]:
    """Start the image with a policy at the place that its command names; it is killed in the end."""
    # As engines do: the home folder in /etc/passwd, or the root for somebody who is not in there.
    environment = {**image.environment, "HOME": "/tmp" if image.user == f"{user}:{user}" else "/"}
    command = [*orjson.loads(image.said["ENTRYPOINT"]), *orjson.loads(image.said["CMD"])]
    with TemporaryDirectory(prefix="midrank-container-", dir="/tmp") as held:
        at, mounted, log = (Path(held, name) for name in ("root", "policy", "log"))
        at.mkdir()
        mounted.mkdir()
        Path(held).chmod(0o755)
        (mounted / "policy.yaml").write_bytes(orjson.dumps(policy))  # JSON is YAML
        lines = [
            "set -e",
            *root.mounted("$ROOT"),
            *_system_mounts(tmp=tmp),
            f"mount --bind -o ro {mounted} $ROOT/etc/midrank",
            f"exec setpriv --no-new-privs chroot --userspec={user}:{user} $ROOT {shlex.join(command)}",
        ]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*PRIVATE, "--pid", "--fork", "--kill-child", "/bin/sh", "-c", "\n".join(lines)],
                env={**environment, "ROOT": str(at)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            container = Container(process, user, environment, log)
            try:
                yield container
            finally:
                # Itself: what --kill-child has asked of the kernel ends with the change of user.
                container.tell(signals.SIGKILL)
                process.kill()
                process.wait()


def _system_mounts(*, tmp: bool) -> list[str]:
    devices = (f"touch $ROOT/dev/{name}; mount --bind /dev/{name} $ROOT/dev/{name}" for name in DEVICES)
    return [
        "mount -t proc proc $ROOT/proc",
        "mount --rbind -o ro /sys $ROOT/sys",
        "mount -t tmpfs tmpfs $ROOT/dev",
        *devices,
        "mount -o remount,ro $ROOT/dev",
        *(["mount -t tmpfs -o size=16m,mode=1777 tmpfs $ROOT/tmp"] if tmp else []),
    ]
