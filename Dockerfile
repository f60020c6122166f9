FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /venv
# requirements-gpu.txt adds ONNX Runtime for NVIDIA's cards, with CUDA's libraries: see docker-compose.gpu.yml.
ARG REQUIREMENTS=requirements.txt
COPY ${REQUIREMENTS} ./
# The lock is complete, and every file in it is known by its hash.
RUN /venv/bin/pip install --require-hashes --no-deps --requirement ${REQUIREMENTS}
COPY pyproject.toml LICENSE ./
# The project's name, version and command alone, for its code changes more often: that is found through PYTHONPATH.
RUN mkdir backend && touch backend/__init__.py README.md && /venv/bin/pip install --no-deps .

FROM python:3.12-slim
LABEL org.opencontainers.image.title="Face Server" \
      org.opencontainers.image.description="A local service that knows faces: enrol, identify, watch RTSP cameras, alert on the phone." \
      org.opencontainers.image.licenses="MIT"

# A read-only root needs no other place to write than /data and /tmp.
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    HOST=0.0.0.0 \
    DATA_DIR=/data

RUN groupadd --gid 1000 face-server \
    && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin face-server \
    && install --directory --owner=1000 --group=1000 /data

COPY --from=build /venv /venv
WORKDIR /app
COPY LICENSE ./
# Last, so that a change of code rebuilds nothing but this. Compiled here, for on a read-only root every start would: so it
# does in docker-compose.yml, whose mounted ./backend lies over this.
COPY backend backend
RUN python -m compileall -q backend

USER 1000:1000
VOLUME /data
EXPOSE 8000 8501
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT', 8000)}/healthz\", timeout=4)"]
CMD ["face-server", "serve"]
