# One image for every process of binance-kafka; the command says which: `binance-ingest run`,
# `binance-processors worker books`, `binance-dashboard serve`.
#
# Packages are those of requirements-services.lock, by hash. They come from the package registry that pip knows, or,
# where a build cannot reach one, from .make/wheels (`make wheels`), which is looked at first.
# No BuildKit is needed.

# Anything with Python 3.11 to 3.13. The first stage wants its venv module too, which Debian has in a package of its own.
ARG BASE_IMAGE=python:3.11-slim
ARG BUILD_IMAGE=${BASE_IMAGE}


FROM ${BUILD_IMAGE} AS build
WORKDIR /build
# The brackets make of a directory that may be missing one that need not match.
COPY requirements-services.lock image/requirements-build.lock .make/wheel[s] wheels/
COPY image/install-packages image/
RUN image/install-packages dependencies
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY ingest ingest
COPY processors processors
COPY sandbox sandbox
COPY dashboard dashboard
RUN image/install-packages project


FROM ${BASE_IMAGE}
# Nothing in the image installs packages of Python, so no pip is left in it.
RUN rm -rf /usr/lib/python3*/ensurepip /usr/local/lib/python3*/ensurepip /usr/share/python-wheels \
        /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/site-packages/setuptools* \
        /usr/local/lib/python3*/site-packages/wheel* /usr/local/bin/pip* /usr/local/bin/wheel \
    && groupadd --gid 10001 binance-kafka \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin binance-kafka
COPY --from=build /opt/binance-kafka /opt/binance-kafka
COPY image/healthcheck /usr/local/bin/healthcheck
# No bytecode: the root file system is meant to be mounted read-only, and what is installed is compiled.
ENV PATH=/opt/binance-kafka/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
WORKDIR /tmp
USER 10001:10001

ARG BASE_IMAGE
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
# Where metrics read it: the series *_build_info.
ENV BINANCE_KAFKA_REVISION=${REVISION}
LABEL org.opencontainers.image.title="binance-kafka" \
      org.opencontainers.image.description="Binance market data in Kafka: ingest, processors, dashboard, sandbox" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"
