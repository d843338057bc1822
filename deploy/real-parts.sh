#!/bin/sh
# Install the real counterparts that some tests talk to. Only root on Debian or Ubuntu can; others get told.
set -eu
parts="chromium fonts-noto-cjk"
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
apt-get -q -o DPkg::Lock::Timeout=300 update
# shellcheck disable=SC2086  # a list of names
apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $missing
