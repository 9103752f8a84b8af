# The API and the worker, as docker-compose.yml runs them. With `--build-arg BROWSER=1` it holds a
# browser as well, for pages that need JavaScript, as docker-compose.browser.yml has it; with
# `TRACING=1` what sends traces.
FROM python:3.11-slim

WORKDIR /diffy
ARG BROWSER=""
RUN if [ -n "$BROWSER" ]; then \
        apt-get update && \
        apt-get install --yes --no-install-recommends chromium libatomic1 && \
        rm -rf /var/lib/apt/lists/*; \
    fi

ARG TRACING=""
COPY requirements/service.txt requirements/browser.txt requirements/tracing.txt requirements/
RUN pip install --no-cache-dir --require-hashes \
        --requirement "requirements/$([ -n "$BROWSER" ] && echo browser || echo service).txt" && \
    if [ -n "$TRACING" ]; then \
        pip install --no-cache-dir --require-hashes --requirement requirements/tracing.txt; \
    fi

COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation . && useradd --system diffy

USER diffy
CMD ["diffy", "--help"]
