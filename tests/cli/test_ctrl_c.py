"""Ctrl-C while the commands are loaded ends midrank as it does later."""

import subprocess
import sys

import pytest

INTERRUPTED = """
import sys

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            raise KeyboardInterrupt

sys.meta_path.insert(0, CtrlC())
from proxy.cli import main
sys.exit(main(["schema"]))
"""


@pytest.mark.parametrize("module", ["proxy.cli.commands", "proxy.cli.schema", "pydantic"])
def test_loading_can_be_interrupted(module):
    command = [sys.executable, "-c", INTERRUPTED, module]
    done = subprocess.run(command, check=False, capture_output=True, timeout=60)

    assert (done.returncode, done.stderr) == (130, b"")
