"""The webhook's certificate: made by Helm and kept over upgrades, by cert-manager, or yours."""

from __future__ import annotations

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509

from tests.deploy.documents import contents, load
from tests.deploy.helm import NAMESPACE, helm, render
from tests.deploy.values import CHART, over, value_set

pytestmark = pytest.mark.helm

SECRET = "midrank-injector-tls"


# --- over upgrades -------------------------------------------------------------------------------------


@pytest.fixture
def cluster():
    """Start an API server that knows Secrets, and nothing else."""
    kept = {}

    class Api(BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.partition("?")[0]
            if path == "/api/v1":
                kind = {"name": "secrets", "namespaced": True, "kind": "Secret", "verbs": ["get"]}
                self.say(200, {"kind": "APIResourceList", "groupVersion": "v1", "resources": [kind]})
            elif path in kept:
                self.say(200, kept[path])
            else:
                self.say(404, {"kind": "Status", "apiVersion": "v1", "reason": "NotFound", "code": 404})

        def say(self, status, body):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Cluster(f"http://127.0.0.1:{server.server_port}", kept)
    server.shutdown()
    thread.join()
    server.server_close()


class Cluster:
    def __init__(self, url, kept):
        self.url, self.kept = url, kept

    def upgraded(self, values):
        """Render as `helm upgrade` does, and keep the Secret as the cluster would."""
        with (
            helm.Config(kube_apiserver=self.url, namespace=NAMESPACE) as config,
            helm.Chart.load(CHART) as chart,
        ):
            files = config.render(chart, values, name="midrank", namespace=NAMESPACE)
        documents = [one for name, text in files.items() if not name.endswith(".txt") for one in load(text)]
        secret = next(one for one in documents if one["kind"] == "Secret")
        webhook = next(one for one in documents if one["kind"] == "MutatingWebhookConfiguration")
        assert webhook["webhooks"][0]["clientConfig"]["caBundle"] == secret["data"]["ca.crt"]
        self.kept[f"/api/v1/namespaces/{NAMESPACE}/secrets/{SECRET}"] = secret
        return secret


def test_an_upgrade_keeps_the_certificate(cluster):
    first = cluster.upgraded(value_set("injector"))

    assert cluster.upgraded(over(value_set("injector"), {"injector": {"replicaCount": 3}})) == first


def test_an_upgrade_in_the_last_thirty_days_makes_a_new_one(cluster):
    first = cluster.upgraded(value_set("injector"))
    until = first["metadata"]["annotations"]["midrank.dev/valid-until"]
    first["metadata"]["annotations"]["midrank.dev/valid-until"] = str(int(time.time()) + 29 * 86400)
    second = cluster.upgraded(value_set("injector"))

    assert second["data"].keys() == first["data"].keys()
    assert all(second["data"][name] != first["data"][name] for name in first["data"])
    assert int(second["metadata"]["annotations"]["midrank.dev/valid-until"]) >= int(until)


@pytest.mark.parametrize("lost", ["ca.crt", "tls.crt", "tls.key"])
def test_half_a_certificate_is_replaced(cluster, lost):
    first = cluster.upgraded(value_set("injector"))
    del first["data"][lost]

    assert cluster.upgraded(value_set("injector"))["data"].keys() == {"ca.crt", "tls.crt", "tls.key"}


def test_it_is_good_for_as_long_as_it_says(cluster):
    secret = cluster.upgraded(over(value_set("injector"), {"injector": {"tls": {"generated": {"days": 90}}}}))
    until = int(secret["metadata"]["annotations"]["midrank.dev/valid-until"])

    for name in ("ca.crt", "tls.crt"):
        one = x509.load_pem_x509_certificate(contents(secret)[name].encode())
        assert abs(one.not_valid_after_utc.timestamp() - until) < 60
    hosts = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert hosts.get_values_for_type(x509.DNSName)[0] == f"midrank-injector.{NAMESPACE}.svc"


# --- of others -----------------------------------------------------------------------------------------


def test_cert_manager_makes_it_under_the_name_that_is_mounted_and_fills_in_the_authority():
    rendered = render(value_set("injector-cert-manager"))
    certificate = rendered.one("Certificate")["spec"]
    webhook = rendered.one("MutatingWebhookConfiguration")

    assert "Secret" not in rendered.kinds()
    assert certificate["secretName"] in json.dumps(rendered.pod("midrank-injector")["spec"]["volumes"])
    assert f"midrank-injector.{NAMESPACE}.svc" in certificate["dnsNames"]
    assert certificate["issuerRef"]["name"] == "internal-ca"
    assert webhook["metadata"]["annotations"]["cert-manager.io/inject-ca-from"] == (
        f"{NAMESPACE}/{rendered.one('Certificate')['metadata']['name']}"
    )
    assert "caBundle" not in webhook["webhooks"][0]["clientConfig"]


def test_cert_manager_without_an_issuer_gets_one_that_signs_itself():
    values = over(value_set("injector-cert-manager"), {"injector": {"tls": {"certManager": None}}})
    rendered = render(values)

    assert rendered.one("Issuer")["spec"] == {"selfSigned": {}}
    assert (
        rendered.one("Certificate")["spec"]["issuerRef"]["name"] == rendered.one("Issuer")["metadata"]["name"]
    )


def test_a_secret_of_yours_is_mounted_and_its_authority_passed_on():
    pem = contents(render(value_set("injector")).one("Secret", SECRET))["ca.crt"]
    mine = {"source": "existingSecret", "existingSecret": {"name": "mine", "caBundle": pem}}
    rendered = render(over(value_set("injector"), {"injector": {"tls": mine}}))
    client = rendered.one("MutatingWebhookConfiguration")["webhooks"][0]["clientConfig"]

    assert base64.b64decode(client["caBundle"]).decode() == pem
    assert "Secret" not in rendered.kinds()
    assert rendered.pod("midrank-injector")["spec"]["volumes"][0]["secret"]["secretName"] == "mine"
