# The service with one model in it. `docker build .` takes artifacts/current; the role `image`
# lays out the same files with the model that it is told to take.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv --without-pip /venv
COPY requirements-serve.txt /tmp/
RUN python -m pip --python /venv/bin/python install \
        --no-compile --require-hashes --only-binary :all: -r /tmp/requirements-serve.txt \
    && find /venv -depth \( -type d -name tests -o -name '*.pyi' \) -exec rm -r {} +
WORKDIR /app
COPY app.py ./
COPY sbom.cdx.json ./
COPY bc_model bc_model
COPY web web
COPY templates templates
COPY static static
COPY artifacts/current artifacts/current
RUN rm -f artifacts/current/*.joblib && chmod -R a+rX,go-w .

FROM ${BASE}
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
# The base comes without bytecode, and who serves cannot write any: what a start imports is compiled
# here, as a start takes three times as long without. Unchecked, as it then names no time.
RUN /venv/bin/python -Bc "import sys, app, http.client, anyio._backends._asyncio, \
        uvicorn.lifespan.on, uvicorn.loops.auto, uvicorn.protocols.http.auto; \
        from py_compile import PycInvalidationMode, compile; \
        files = {str(getattr(m, '__file__', None)) for m in sys.modules.values()}; \
        [compile(f, doraise=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH) \
         for f in sorted(files) if f.endswith('.py')]"
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000
USER 65532:65532
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=2); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]
CMD ["python", "app.py"]

ARG MODEL_VERSION
ARG REVISION
LABEL org.opencontainers.image.title="breast-cancer-api" \
      org.opencontainers.image.description="Tells malignant from benign breast tumours; for research and education, not a medical device" \
      org.opencontainers.image.version="${MODEL_VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
