# DCT in one image, for every role. The sandbox of agents (bubblewrap) needs user namespaces, which Docker's default seccomp
# profile refuses: see docs/operations.md.
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends bubblewrap postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /srv/dct --create-home dct

WORKDIR /opt/dct
ENV DCT_VENV=/opt/venv DCT_DATA_DIR=/srv/dct

# Packages first: they change seldom, and every hash is checked.
COPY requirements.txt ./
COPY dct_site/command/bootstrap.py dct_site/command/bootstrap.py
RUN python3 -c "import sys; sys.path.insert(0, 'dct_site/command'); from bootstrap import *; ensure(Path('/opt/venv'), USER_REQUIREMENTS)"
COPY . .
RUN DCT_DATA_DIR=/tmp/build ./dct manage check && rm -rf /tmp/build

USER dct
VOLUME /srv/dct
EXPOSE 8000
ENTRYPOINT ["/opt/dct/dct"]
CMD ["run", "--host", "0.0.0.0"]
