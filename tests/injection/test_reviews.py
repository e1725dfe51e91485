from __future__ import annotations

import base64
import copy
import json
import logging

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.injection.injector import Outcome
from proxy.injection.pod_checks import pod_mistakes
from proxy.injection.reviews import MAX_WARNING, Unreadable, reviewed
from proxy.injection.settings import WebhookSettings
from tests.fakes.pods import pod, recorded

ASKS = {"inject": "true", "store": "chroma", "upstream": "http://chroma:8000"}
SETTINGS = WebhookSettings()


def review(annotations=ASKS, **request):
    made = recorded("create")
    made["request"] |= {"object": pod(annotations), **request}
    return made


def ask(made):
    """Return the response to a review, and what became of the pod."""
    answer = reviewed(json.dumps(made).encode(), SETTINGS)
    told = json.loads(answer.body)
    assert told["kind"] == "AdmissionReview"
    assert told["apiVersion"] == made["apiVersion"]
    assert told["response"]["uid"] == made["request"]["uid"]
    assert told["response"]["allowed"] is True
    return told["response"], answer.outcome


def test_a_pod_that_asks_gets_a_patch_that_applies():
    response, outcome = ask(review())

    assert outcome is Outcome.INJECTED
    assert response["patchType"] == "JSONPatch"
    patched = jsonpatch.apply_patch(pod(ASKS), json.loads(base64.b64decode(response["patch"])))
    assert patched["spec"]["initContainers"][0]["name"] == "midrank"
    assert "warnings" not in response


@pytest.mark.parametrize("name", ["create", "reinvocation"])
def test_recorded_reviews_of_pods_that_ask_nothing_are_answered_with_nothing(name):
    response, outcome = ask(recorded(name))

    assert response == {"uid": recorded(name)["request"]["uid"], "allowed": True}
    assert outcome in (Outcome.NOT_ASKED, Outcome.PRESENT)


def test_a_pod_that_has_its_sidecar_is_answered_with_nothing():
    first, _ = ask(review())
    again = review()
    again["request"]["object"] = jsonpatch.apply_patch(
        pod(ASKS), json.loads(base64.b64decode(first["patch"]))
    )

    response, outcome = ask(again)

    assert response.keys() == {"uid", "allowed"}
    assert outcome is Outcome.PRESENT


@pytest.mark.parametrize(
    "request_",
    [
        {"operation": "UPDATE"},
        {"operation": "DELETE", "object": None},
        {"operation": "CONNECT"},
        {"subResource": "ephemeralcontainers"},
        {"resource": {"group": "", "version": "v1", "resource": "services"}},
        {"resource": {"group": "metrics.k8s.io", "version": "v1", "resource": "pods"}},
        {"resource": None},
    ],
)
def test_what_is_no_creation_of_a_pod_is_answered_with_nothing(request_):
    response, outcome = ask(review(**request_))

    assert response.keys() == {"uid", "allowed"}
    assert outcome is Outcome.NOT_ASKED


@pytest.mark.parametrize(
    "made", [None, [], "pod", {}, {"kind": "Pod"}, {"kind": "Deployment", "apiVersion": "v1"}]
)
def test_an_object_that_is_no_pod_is_allowed_with_a_warning(made):
    response, outcome = ask(review(object=made))

    assert response["warnings"] == ["midrank: no sidecar: request.object is not a v1 Pod"]
    assert "patch" not in response
    assert outcome is Outcome.REFUSED


def test_another_version_of_reviews_is_allowed_with_a_warning():
    response, _ = ask({**review(), "apiVersion": "admission.k8s.io/v2"})

    assert response["warnings"] == ["midrank: no sidecar: only admission.k8s.io/v1 is understood"]


def test_pods_of_a_replica_set_have_no_name_and_no_namespace_yet():
    made = review(name="", namespace="rag")
    metadata = made["request"]["object"]["metadata"]
    del metadata["name"], metadata["namespace"]
    metadata["generateName"] = "app-"

    assert ask(made)[1] is Outcome.INJECTED


def test_warnings_are_short_lines():
    made = review({**ASKS, **{f"x{'y' * n}\n": "" for n in range(50, 70)}})

    warnings = ask(made)[0]["warnings"]

    assert len(warnings) == 8
    assert all(len(one) <= MAX_WARNING and one.isprintable() for one in warnings)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"1", b"[]", b'{"apiVersion": "admission.k8s.io/v1"}', b'{"request": {"uid": "x"}}'],
)
def test_what_can_not_be_answered_is_unreadable(body):
    with pytest.raises(Unreadable):
        reviewed(body, SETTINGS)


@pytest.mark.parametrize("value", ["[]", '{"a":1}', "0.5"])
def test_a_body_of_more_values_than_a_pod_has_is_not_read(value):
    many = ",".join([value] * 100_000)
    made = json.dumps(review()).replace('"status": {}', f'"status": [{many}]').encode()

    with pytest.raises(Unreadable, match="no larger than a pod"):
        reviewed(made, SETTINGS)


@pytest.mark.parametrize("depth", [900, 1100, 100_000])
def test_a_bomb_of_depth_is_no_crash(depth):
    made = json.dumps(review()).replace('"status": {}', f'"status": {"[" * depth + "]" * depth}').encode()

    try:
        answer = reviewed(made, SETTINGS)
    except Unreadable:
        return
    assert json.loads(answer.body)["response"]["allowed"] is True


def test_a_mistake_of_our_own_is_allowed_with_a_warning(caplog):
    no_settings = None

    answer = reviewed(json.dumps(review()).encode(), no_settings)

    response = json.loads(answer.body)["response"]
    assert response["allowed"] is True
    assert response["warnings"] == ["midrank: no sidecar: a mistake of midrank's own, see its log"]
    assert [record.message for record in caplog.records] == ["review failed", "pod reviewed"]


def test_outcomes_are_logged_without_what_pods_hold(caplog):
    with caplog.at_level(logging.INFO):
        ask(review({**ASKS, "upstream": "http://user:hunter2@chroma:8000"}))

    (record,) = caplog.records
    assert (record.message, record.outcome, record.namespace, record.pod) == (
        "pod reviewed",
        "refused",
        "rag",
        "h",
    )
    assert "hunter2" not in str(vars(record))


def test_the_log_is_no_longer_than_the_warnings(caplog):
    names = ",".join(f"A {number}{'x' * 1000}" for number in range(20))
    with caplog.at_level(logging.INFO):
        response, _ = ask(review({**ASKS, "rewrite-env": names, **{f"x{'y' * n}": "" for n in range(99)}}))

    assert caplog.records[0].notes == response["warnings"]
    assert len(response["warnings"]) == 8


def test_a_dry_run_is_answered_in_full_and_leaves_no_trace(caplog):
    with caplog.at_level(logging.INFO):
        response, _ = ask(review(dryRun=True))

    assert "patch" in response
    assert caplog.records == []


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "env", "ports", "containerPort", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.data())
def test_junk_anywhere_in_a_review_is_allowed_and_never_patched_badly(data):
    made = review({**ASKS, "rewrite-env": "URL"})
    (app,) = made["request"]["object"]["spec"]["containers"]
    app |= {"env": [{"name": "URL", "value": "http://chroma:8000"}], "ports": [{"containerPort": 80}]}
    for _ in range(data.draw(st.integers(1, 3))):
        place, key = _somewhere(made, data)
        if data.draw(st.booleans()):
            place[key] = data.draw(JUNK)
        else:
            del place[key]
    body = json.dumps(made).encode()

    try:
        answer = reviewed(body, SETTINGS)
    except Unreadable:
        return
    response = json.loads(answer.body)["response"]
    assert response["allowed"] is True
    if "patch" in response:
        before = made["request"]["object"]
        new = jsonpatch.apply_patch(copy.deepcopy(before), json.loads(base64.b64decode(response["patch"])))
        assert set(pod_mistakes(new)) <= set(pod_mistakes(before))


def _somewhere(tree, data):
    place = tree
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.integers(0, 3)) == 0:
            return place, key
        place = place[key]
