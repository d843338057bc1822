# Runs `api` by default; `worker`, `migrate` and `doctor` are arguments. Needs DATABASE_URL and SWITCHBOARD_SECRET_KEY.
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements.lock .
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements.lock

FROM python:3.11-slim
RUN useradd --system --uid 10001 --shell /usr/sbin/nologin --create-home --home-dir /var/lib/switchboard switchboard
COPY --from=build /venv /venv
WORKDIR /srv/switchboard
COPY app app
COPY migrations migrations
COPY locales locales
COPY --chmod=755 deploy/entry.sh /usr/local/bin/switchboard
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/srv/switchboard \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SWITCHBOARD_HOST=0.0.0.0 \
    SWITCHBOARD_DATA_DIR=/var/lib/switchboard/data \
    PORT=8080
USER switchboard
VOLUME /var/lib/switchboard
EXPOSE 8080
# Only `api` listens: start the other commands with --no-healthcheck.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=2)"]
ENTRYPOINT ["switchboard"]
CMD ["api"]
