"""What a cluster's operators say about sidecars, and what a pod may say about its own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from proxy import __version__
from proxy.injection.patterns import (
    Image,
    ImageGlob,
    ObjectName,
    Port,
    Quantity,
    Upstream,
    UpstreamGlob,
    VariableName,
)
from proxy.policy_base import Strict

# Variables to rewrite: no app has more that lead to a store, and each of them is looked for.
MAX_NAMES = 32
Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]


def _yes_or_no(value: object) -> object:
    """Take annotations, which are strings, but no `yes` or `1`."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _names(value: object) -> object:
    if not isinstance(value, str):
        return value
    names = tuple(name.strip() for name in value.split(","))
    if len(names) > MAX_NAMES:
        raise ValueError(f"should be at most {MAX_NAMES} names")
    return names


class SidecarSettings(Strict):
    """What both may say."""

    image: Image = Field(f"midrank:{__version__}", description="The sidecar's image.")
    cpu_request: Quantity | None = Field(
        "500m", description="CPU that is set aside for the sidecar; `MIDRANK_THREADS` follows it."
    )
    cpu_limit: Quantity | None = Field(
        None, description="CPU it may use at most; none by default: throttling ruins the slowest percent."
    )
    memory_request: Quantity | None = Field("512Mi", description="Memory that is set aside for the sidecar.")
    memory_limit: Quantity | None = Field("1Gi", description="Memory it may use at most.")
    admin_port: Port = Field(9901, description="Where the kubelet's probes and Prometheus ask the sidecar.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level to log.")
    native_sidecar: Annotated[bool, BeforeValidator(_yes_or_no, json_schema_input_type=bool)] = Field(
        True,
        strict=True,
        description="Whether it is an init container that stays (Kubernetes 1.29 and newer), or a plain "
        "container beside the app's.",
    )
    drain_seconds: Seconds = Field(5.0, description="Seconds to finish what is under way when it is stopped.")


class WebhookSettings(SidecarSettings):
    """The file of `midrank webhook --config` and `midrank inject --config`: defaults, and what is allowed."""

    images: tuple[ImageGlob, ...] = Field(
        (),
        description="Images that `midrank.dev/image` may ask for, `*` being anything but a slash; no others "
        "than `image` by default.",
    )
    upstreams: tuple[UpstreamGlob, ...] | None = Field(
        None,
        description="Stores that `midrank.dev/upstream` may name, SCHEME://HOST:PORT with `*` in HOST or as "
        "PORT; any by default. Policies in ConfigMaps are not looked into.",
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = Field(
        None, description="When the image is pulled; none by default: Kubernetes decides by its tag."
    )
    admin_host: Literal["0.0.0.0", "[::]"] = Field(  # noqa: S104 - probes come from outside the pod
        "0.0.0.0",  # noqa: S104
        description="The address of that port: `[::]` where pods have IPv6 alone.",
    )
    run_as_user: Annotated[int, Field(ge=1)] | None = Field(
        65532,
        description="The user and group that it runs as; `null` where the cluster gives every namespace its "
        "own (OpenShift).",
    )
    drain_delay_seconds: Seconds = Field(
        20.0,
        description="Seconds that a plain container goes on accepting when it is stopped, since the app is "
        "stopped at the same time; less where the pod has less. A native sidecar is stopped after the app.",
    )
    env: dict[VariableName, str] = Field(
        {}, description="Environment variables of every sidecar, for example `OTEL_EXPORTER_OTLP_ENDPOINT`."
    )


class PodOptions(SidecarSettings):
    """What the annotations `midrank.dev/NAME` of a pod say, `cpu-limit` for `cpu_limit`."""

    policy: ObjectName | None = Field(
        None, description="ConfigMap with the `policy.yaml` to run; instead of `store` and `upstream`."
    )
    store: Literal["chroma", "qdrant"] | None = Field(None, description="Without `policy`: the store's kind.")
    upstream: Upstream | None = Field(None, description="Without `policy`: the store's URL.")
    port: Port | None = Field(
        None,
        description="Where the app finds midrank on 127.0.0.1: 8001 for Chroma and 6433 for Qdrant by "
        "default; with `policy`, the port that it says.",
    )
    rewrite_env: Annotated[tuple[VariableName, ...], BeforeValidator(_names)] = Field(
        (),
        description="NAME,NAME: environment variables of the app's containers with the store's URL, which "
        "becomes that of midrank.",
    )
    secret: ObjectName | None = Field(
        None,
        description="Secret whose keys become the sidecar's environment, for `${NAME}` in the policy; "
        "`midrank-secrets` by default, if there is one.",
    )
    models_claim: ObjectName | None = Field(
        None, description="PersistentVolumeClaim with models, mounted at /models, read-only."
    )

    @model_validator(mode="after")
    def _one_source(self) -> PodOptions:
        given = [self.store, self.upstream]
        if self.policy is None and None in given:
            raise ValueError(
                "midrank.dev/policy, or midrank.dev/store and midrank.dev/upstream, should be given"
            )
        if self.policy is not None and given != [None, None]:
            raise ValueError(
                "midrank.dev/policy stands instead of midrank.dev/store and midrank.dev/upstream"
            )
        if self.policy is not None and self.rewrite_env and self.port is None:
            raise ValueError("midrank.dev/port is needed by midrank.dev/rewrite-env, with midrank.dev/policy")
        return self
