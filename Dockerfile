# One image for the worker, the HTTP API and the commands; what it runs is said by the command.
FROM python:3.11-slim AS build
WORKDIR /app
RUN python -m venv /opt/runbooks
ENV PATH=/opt/runbooks/bin:$PATH
COPY requirements-production.lock pyproject.toml README.md ./
RUN pip install --no-cache-dir --require-hashes -r requirements-production.lock
COPY billing billing
COPY activities activities
COPY adapters adapters
COPY workflows workflows
COPY starters starters
COPY console console
COPY emails emails
COPY migrations migrations
COPY worker.py settings.py ./
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --create-home runbooks && mkdir /evidence && chown runbooks /evidence
COPY --from=build /opt/runbooks /opt/runbooks
ENV PATH=/opt/runbooks/bin:$PATH PYTHONUNBUFFERED=1 RUNBOOKS_EVIDENCE_DIR=/evidence RUNBOOKS_DOCUMENTS_DIR=/evidence/documents
USER runbooks
WORKDIR /home/runbooks
VOLUME /evidence
CMD ["python", "-m", "worker"]
