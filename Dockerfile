# The API and the worker, as docker-compose.yml runs them.
FROM python:3.11-slim

WORKDIR /diffy
COPY requirements/service.txt requirements/
RUN pip install --no-cache-dir --require-hashes --requirement requirements/service.txt

COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation . && useradd --system diffy

USER diffy
CMD ["diffy", "--help"]
