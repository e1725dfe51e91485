"""Pods as API servers hand them to webhooks, and the sidecar that manifests have."""

from __future__ import annotations

import copy
import json
from pathlib import Path

FIXTURES = Path(__file__).parents[1] / "injection" / "fixtures"

SIDECAR = {
    "name": "midrank",
    "image": "midrank:0.1.0",
    "restartPolicy": "Always",
    "args": ["run", "--policy", "/etc/midrank/policy.yaml"],
    "ports": [
        {"name": "midrank", "containerPort": 8001},
        {"name": "midrank-admin", "containerPort": 9901},
    ],
    "startupProbe": {"httpGet": {"path": "/live", "port": "midrank-admin"}, "periodSeconds": 1},
    "readinessProbe": {"httpGet": {"path": "/ready", "port": "midrank-admin"}},
    "livenessProbe": {"httpGet": {"path": "/live", "port": 9901}},
    "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "volumeMounts": [
        {"name": "midrank-policy", "mountPath": "/etc/midrank", "readOnly": True},
        {"name": "midrank-tmp", "mountPath": "/tmp"},
    ],
}


def recorded(name):
    """Return an AdmissionReview that a kube-apiserver 1.36.2 has sent."""
    return json.loads((FIXTURES / f"admissionreview_pod_{name}.json").read_text())


def pod(annotations=None, **spec):
    """Return the recorded pod of one app; `spec` are keys to set in it."""
    made = recorded("create")["request"]["object"]
    if annotations:
        made["metadata"]["annotations"] = {f"midrank.dev/{key}": value for key, value in annotations.items()}
    made["spec"] |= spec
    return made


def pod_with_sidecar():
    """Return the recorded pod with a sidecar as manifests have it."""
    made = pod(initContainers=[copy.deepcopy(SIDECAR)])
    made["spec"]["volumes"] = [
        {"name": "midrank-policy", "configMap": {"name": "midrank"}},
        {"name": "midrank-tmp", "emptyDir": {"sizeLimit": "64Mi"}},
    ]
    return made
