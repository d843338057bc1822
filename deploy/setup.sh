#!/bin/sh
# Make .venv hold exactly what the lock names: `deploy/setup.sh runtime`, `deploy/setup.sh dev` or `deploy/setup.sh bench`.
# Needs python3 3.11 or newer; uses whatever index the machine's package client is set up for.
set -eu
cd "$(dirname "$0")/.."
kind=${1:-runtime}
python=${PYTHON:-python3}
case $kind in
  runtime) lock=requirements.lock ;;
  dev) lock=requirements-dev.lock ;;
  bench) lock=requirements-bench.lock ;;
  *) echo "usage: deploy/setup.sh runtime|dev|bench" >&2; exit 2 ;;
esac

command -v "$python" >/dev/null 2>&1 || { echo "setup: $python not found; install Python 3.11 or newer." >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "setup: $("$python" --version) is too old; Switchboard needs 3.11 or newer. Name another with PYTHON=python3.12." >&2
  exit 1
}
"$python" -c 'import ensurepip, venv' 2>/dev/null || {
  echo "setup: this Python has no venv module; on Debian and Ubuntu install the package python3-venv." >&2
  exit 1
}

# The stamp names what was installed, so that nothing happens when nothing changed. Each lock holds all of the
# one before it: after `bench`, `dev` and `runtime` have nothing to do, after `dev` `runtime` has not.
stamp_of() { # kind, lock
  digest=$("$python" -c 'import hashlib, sys
print(hashlib.sha256(b"".join(open(name, "rb").read() for name in sys.argv[1:])).hexdigest()[:16])' "$2" pyproject.toml)
  echo ".venv/.installed-$1-$digest"
}
stamp=$(stamp_of "$kind" "$lock")
if [ -x .venv/bin/switchboard ]; then
  if [ -e "$stamp" ]; then exit 0; fi
  if [ "$kind" = runtime ] && [ -e "$(stamp_of dev requirements-dev.lock)" ]; then exit 0; fi
  if [ "$kind" != bench ] && [ -e "$(stamp_of bench requirements-bench.lock)" ]; then exit 0; fi
fi

echo "setup: installing from $lock" >&2
[ -x .venv/bin/python ] || "$python" -m venv .venv
rm -f .venv/.installed-*
export UV_PYTHON=.venv/bin/python
if { [ -x .venv/bin/uv ] || .venv/bin/python -m pip install --quiet uv; } &&
  .venv/bin/uv pip sync --quiet --require-hashes "$lock" &&
  .venv/bin/uv pip install --quiet --no-deps --editable .; then
  :
else
  # uv does not read pip's configuration, and some machines are set up for pip alone.
  echo "setup: uv did not manage; trying pip" >&2
  .venv/bin/python -m pip install --quiet --require-hashes --no-deps --requirement "$lock"
  .venv/bin/python -m pip install --quiet --no-deps --editable .
fi
: >"$stamp"
