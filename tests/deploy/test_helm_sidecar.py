"""The sidecar in charts of others, by the example in the README."""

from __future__ import annotations

import re
import shutil

import pytest
import yaml

from tests.deploy.documents import load
from tests.deploy.helm import helm, render
from tests.deploy.manifests import problems
from tests.deploy.schemas import VERSIONS, schema_mistakes
from tests.deploy.shapes import injected, shape
from tests.deploy.values import CHART, over

pytestmark = pytest.mark.helm

CHROMA = {"Service/chroma"}
EXAMPLE = dict(re.findall(r"```yaml\n# (\S+)\n(.*?)```", (CHART / "README.md").read_text(), re.DOTALL))
# Where the cluster knows no native sidecars.
PLAIN = EXAMPLE["templates/deployment.yaml"]
SIDECAR = '        {{- include "midrank.sidecar" .Subcharts.midrank | nindent 8 }}\n'
PLAIN = PLAIN.replace(f"      initContainers:\n{SIDECAR}", "").replace(
    "      containers:\n", f"      containers:\n{SIDECAR}"
)


@pytest.fixture
def chart(tmp_path):
    """Return a maker of parent charts."""

    def made(deployment=EXAMPLE["templates/deployment.yaml"], dependency=EXAMPLE["Chart.yaml"]):
        parent = tmp_path / "rag-app"
        (parent / "templates").mkdir(parents=True)
        (parent / "Chart.yaml").write_text(dependency)
        (parent / "values.yaml").write_text(EXAMPLE["values.yaml"])
        (parent / "templates" / "deployment.yaml").write_text(deployment)
        shutil.copytree(CHART, parent / "charts" / "midrank")
        return parent

    return made


@pytest.mark.parametrize("version", ["1.29", "1.33", "1.37"])
def test_the_example_is_a_pod_that_kubernetes_takes_and_midrank_serves(chart, version):
    documents = render({}, version, chart=chart()).documents

    assert problems(documents, CHROMA) == []
    assert [mistake for one in documents for mistake in schema_mistakes(one, version)] == []


def test_the_sidecar_is_native_and_first_and_the_pod_has_time_for_both(chart):
    pod = render({}, chart=chart()).pod("rag-app")
    sidecar = pod["spec"]["initContainers"][0]

    assert sidecar["name"] == "midrank"
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["image"] == "midrank:0.1.0"
    assert sidecar["startupProbe"]["httpGet"]["path"] == "/live"
    assert pod["spec"]["terminationGracePeriodSeconds"] == 30
    assert pod["metadata"]["labels"]["midrank.dev/injected"] == "true"


def test_a_plain_container_keeps_accepting_and_holds_the_application_back(chart):
    parent = chart(PLAIN)
    for version in VERSIONS:
        documents = render({"midrank": {"sidecar": {"native": False}}}, version, chart=parent).documents

        assert [mistake for one in documents for mistake in schema_mistakes(one, version)] == []
        assert problems(documents, CHROMA) == []
    pod = render({"midrank": {"sidecar": {"native": False}}}, "1.25", chart=parent).pod("rag-app")
    midrank = pod["spec"]["containers"][0]
    assert "restartPolicy" not in midrank
    assert "--drain-delay-seconds=20" in midrank["args"]
    assert midrank["lifecycle"]["postStart"]["exec"]["command"][:2] == ["midrank", "health"]
    assert pod["spec"]["terminationGracePeriodSeconds"] == 50


@pytest.mark.parametrize("native", [True, False])
def test_it_is_what_the_injector_adds(chart, native):
    parent = chart() if native else chart(PLAIN)
    pod = render({"midrank": {"sidecar": {"native": native}}}, chart=parent).pod("rag-app")["spec"]
    made = shape((pod["initContainers"] if native else pod["containers"])[0])

    # Variables come from values, and not from whatever the namespace has.
    assert made.pop("imagePullPolicy") == "IfNotPresent"
    wanted = injected(native=native)
    del wanted["envFrom"]
    assert made == wanted


def test_on_openshift_it_is_for_the_cluster_to_say_whom_it_runs_as(chart):
    models = {"source": "initContainer", "initContainer": {"image": "weights:1"}}
    rendered = render({"midrank": {"openshift": True, "models": models}}, chart=chart())

    for one in rendered.pod("rag-app")["spec"]["initContainers"]:
        assert one["securityContext"].keys() & {"runAsUser", "runAsGroup"} == set()
    assert problems(rendered.documents, CHROMA) == []


def test_weights_of_a_native_sidecar_may_come_from_an_init_container(chart):
    models = {"source": "initContainer", "initContainer": {"image": "weights:1"}}
    documents = render({"midrank": {"models": models}}, chart=chart()).documents
    pod = next(one for one in documents if one["kind"] == "Deployment")["spec"]["template"]

    assert [one["name"] for one in pod["spec"]["initContainers"]] == ["midrank-fetch-models", "midrank"]
    assert problems(documents, CHROMA) == []


def test_the_same_chart_by_another_name_is_another_sidecar(chart):
    named = EXAMPLE["Chart.yaml"].replace('"file://../midrank"}', '"file://../midrank", alias: reader}')
    deployment = EXAMPLE["templates/deployment.yaml"].replace(".Subcharts.midrank", ".Subcharts.reader")
    values = {"reader": yaml.safe_load(EXAMPLE["values.yaml"])["midrank"]}
    rendered = render(values, chart=chart(deployment, named))

    assert rendered.one("ConfigMap")["metadata"]["name"].endswith("reader-policy")
    assert problems(rendered.documents, CHROMA) == []


def test_a_parents_condition_may_be_named_as_usual(chart):
    named = EXAMPLE["Chart.yaml"].replace(
        '"file://../midrank"}', '"file://../midrank", condition: midrank.enabled}'
    )
    parent = chart(dependency=named)

    assert render({"midrank": {"enabled": True}}, chart=parent).one("ConfigMap")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {
                "policy": {
                    "config": {
                        "stores": [{"kind": "chroma", "listen": "0.0.0.0:8001", "upstream": "http://c"}]
                    }
                }
            },
            "a sidecar is for its own pod alone: say 127.0.0.1:8001",
        ),
        ({"policy": {"config": {"admin": "127.0.0.1:9901"}}}, "probes come from outside the pod"),
        (
            {
                "sidecar": {"native": False},
                "models": {"source": "initContainer", "initContainer": {"image": "weights:1"}},
            },
            "models.source must be baked, pvc or image",
        ),
        ({"policy": {"config": {"secret": "${MIDRANK_SECRET}"}}}, "or set it in sidecar.extraEnv"),
        ({"sidecar": {"resource": {}}}, "additional properties 'resource' not allowed"),
    ],
)
def test_what_is_wrong_is_said(chart, more, said):
    values = over(yaml.safe_load(EXAMPLE["values.yaml"]), {"midrank": more})
    with pytest.raises(helm.HelmError) as refused:
        render(values, chart=chart())

    assert said in str(refused.value)


def test_the_first_example_is_a_gateway():
    first = re.search(r"```yaml\n# values.yaml\n(.*?)```", (CHART / "README.md").read_text(), re.DOTALL)
    rendered = render(yaml.safe_load(first[1]), namespace="search")

    assert problems(rendered.documents, {"Service/qdrant"}) == []
    assert rendered.one("Service", "midrank-gateway")["spec"]["ports"][0]["port"] == 6333
    assert load(rendered.manifests["midrank/templates/policy.yaml"])
