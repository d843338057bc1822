#!/bin/sh
# Install the real counterparts that some tests talk to. Only root on Debian or Ubuntu can; others get told.
set -eu
cd "$(dirname "$0")/.."
# The accessibility rules come as one file into a folder git ignores; without npm the test that needs it is skipped.
axe=axe-core@4.14.1
if command -v npm >/dev/null 2>&1 && ! grep -qs '"version": "4.14.1"' .real-parts/node_modules/axe-core/package.json; then
  npm install --silent --no-audit --no-fund --ignore-scripts --no-save --prefix .real-parts "$axe" ||
    echo "real parts: $axe not installed. The accessibility journeys are skipped." >&2
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
