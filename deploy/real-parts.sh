#!/bin/sh
# Install the real counterparts that some tests talk to. Only root on Debian or Ubuntu can; others get told.
set -eu
cd "$(dirname "$0")/.."
# Rules to test by come as files into a folder git ignores; without npm the tests that need them are skipped.
axe=4.14.1 asyncapi=6.11.1
has() { grep -qs "\"version\": \"$2\"" ".real-parts/node_modules/$1/package.json"; }
if command -v npm >/dev/null 2>&1 && ! { has axe-core $axe && has @asyncapi/specs $asyncapi; }; then
  # In one go: npm takes away what an install without a record does not name.
  npm install --silent --no-audit --no-fund --ignore-scripts --no-save --prefix .real-parts \
    axe-core@$axe @asyncapi/specs@$asyncapi ||
    echo "real parts: axe-core and @asyncapi/specs not installed. The tests that need them are skipped." >&2
fi
parts="chromium fonts-noto-cjk nats-server nginx-light"
missing=
for part in $parts; do
  dpkg-query -W -f '${Status}' "$part" 2>/dev/null | grep -q 'ok installed' || missing="$missing $part"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "real parts: not installed:$missing. Tests that need them are skipped, except in CI." >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# The tests start these programs themselves; as services they would take ports of this machine.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi
apt-get -q -o DPkg::Lock::Timeout=300 update
# shellcheck disable=SC2086  # a list of names
apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $missing
