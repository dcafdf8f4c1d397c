#!/bin/sh
# Install the Debian packages named in a file, unless all are there. Needs root or sudo; says what to do without.
set -eu
missing=
for package in $(cat "$1"); do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "installing$missing"
run=
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        run=sudo
    elif [ "${CI:-}" = true ]; then
        echo "these packages are needed and this user may not install them:$missing" >&2
        exit 1
    else
        echo "not installed, for this user may not:$missing. Tests that need them are skipped; to run them: apt-get install$missing" >&2
        exit 0
    fi
fi
export DEBIAN_FRONTEND=noninteractive
$run apt-get update -qq
# shellcheck disable=SC2086
$run apt-get install -y -qq --no-install-recommends $missing >/dev/null
