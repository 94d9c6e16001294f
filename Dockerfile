# One pattern for the four services. From the root of the repository:
#   docker build --build-arg SERVICE=dissemination --build-arg PREFIX=DISSEMINATION --tag dsfc/dissemination .
# PYTHON may name a mirror of the base image. Built twice from the same commit and base, the layers with our code
# (/opt/dsfc) are the same file by file; `make containers` compares them.
ARG PYTHON=python:3.11-slim

# Our code. What is copied comes before the service's name, so that four builds in a row copy it once.
FROM ${PYTHON} AS code
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1
RUN python -m pip install --no-cache-dir "uv>=0.13,<0.14"
WORKDIR /src
COPY libs libs
COPY services services
COPY cli/pyproject.toml cli/pyproject.toml
COPY deploy/image deploy/image
COPY Dockerfile pyproject.toml uv.lock ./
ARG SERVICE
ARG SOURCE_DATE_EPOCH=0
ARG REVISION=unknown
RUN sh deploy/image/assemble.sh "${SERVICE}" "${REVISION}"

# What it depends on: layers that the image stands on, so that they are neither copied nor made anew while uv.lock is
# the same. uv comes and goes in one layer. /app keeps what it was made of.
FROM ${PYTHON}
WORKDIR /app
COPY pyproject.toml uv.lock ./
ARG SERVICE
RUN python -m pip install --no-cache-dir --root-user-action=ignore "uv>=0.13,<0.14" \
 && python -m uv venv --allow-existing /app \
 && VIRTUAL_ENV=/app UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1 \
    python -m uv sync --active --frozen --no-dev --no-install-workspace --compile-bytecode --package "dsfc-${SERVICE}" \
 && python -m pip uninstall --quiet --yes --root-user-action=ignore uv && rm /app/.lock
RUN groupadd --system --gid 10001 dsfc \
 && useradd --system --uid 10001 --gid dsfc --home-dir /nonexistent --shell /usr/sbin/nologin dsfc \
 && install -d -o dsfc -g dsfc /var/lib/dsfc /var/lib/release
COPY --from=code /opt/ /opt/
ARG PREFIX
ARG REVISION=unknown
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="dsfc/${SERVICE}" \
      org.opencontainers.image.description="Data Services for Commissioners: ${SERVICE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.documentation="/opt/dsfc/provenance.json" \
      org.opencontainers.image.base.name="python:3.11-slim"
ENV PATH=/app/bin:$PATH PYTHONPATH=/opt/dsfc/lib PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    SERVICE=${SERVICE} ${PREFIX}_ENVIRONMENT=production ${PREFIX}_HOST=0.0.0.0
USER 10001
WORKDIR /var/lib/dsfc
ENTRYPOINT ["/opt/dsfc/bin/service"]
CMD ["serve"]
