import pytest
import yaml

from proxy.errors import BadConfig
from proxy.injection.settings import WebhookSettings
from proxy.injection.settings_file import MAX_BYTES, load_settings
from tests.injection.test_deployment import BASE


@pytest.fixture
def load(tmp_path):
    def loaded(text):
        path = tmp_path / "webhook.yaml"
        path.write_text(text)
        return load_settings(path)

    return loaded


def mistakes(load, text):
    with pytest.raises(BadConfig) as error:
        load(text)
    return [str(one).partition("webhook.yaml:")[2] for one in error.value.mistakes]


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_a_file_that_says_nothing_means_the_defaults(load, text):
    assert load(text) == WebhookSettings()


def test_the_shipped_settings_load(load):
    shipped = yaml.safe_load((BASE / "settings.yaml").read_text())["data"]["webhook.yaml"]
    assert load(shipped) == WebhookSettings()

    commented = "\n".join(line.removeprefix("# ") for line in shipped.splitlines())
    settings = load(commented)
    assert settings.images
    assert settings.upstreams
    assert settings.env


def test_every_mistake_is_told_at_once_with_its_line(load):
    text = (
        "image: a b\nmemory_limits: 1Gi\ncpu_limit: 1 GB\nupstreams:\n  - chroma\n"
        "env: {A B: c, D: 1}\nadmin_port: 0\n"
    )

    assert mistakes(load, text) == [
        "1: image: 'a b' - should be a name or image as Kubernetes takes it",
        "2: memory_limits: unknown key - did you mean `memory_limit`? allowed: "
        + ", ".join(sorted(WebhookSettings.model_fields)),
        "3: cpu_limit: '1 GB' - should be a quantity such as 500m or 1Gi",
        "5: upstreams[0]: 'chroma' - should be SCHEME://HOST:PORT, for example http://*.stores.svc:6333",
        "6: env.A B: 'A B' - should be a name or image as Kubernetes takes it",
        "6: env.D: 1 - should be a valid string",
        "7: admin_port: 0 - should be greater than or equal to 1",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image: a\nimage: b", "1: image: given twice - each key once"),
        ("- a", " (file): ['a'] - should be a mapping of keys to values"),
        ("image: [", "2: (yaml): did not find expected node content - valid YAML"),
        ("native_sidecar: yes", "1: native_sidecar: 'yes' - should be a valid boolean"),
        ("a: 1\n---\nb: 1", " (file): 2 documents - one document"),
        ("#" * (MAX_BYTES + 1), f" (file): {MAX_BYTES + 1} bytes - at most {MAX_BYTES} bytes"),
        ("image: !!python/object:os.system x", "1: (yaml): an unknown tag - valid YAML"),
    ],
)
def test_what_is_no_settings_file_is_told(load, text, expected):
    assert mistakes(load, text) == [expected]


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BadConfig, match="No such file"):
        load_settings(tmp_path / "none.yaml")
