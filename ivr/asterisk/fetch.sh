#!/bin/sh
# Put a program from a newer Debian suite into a folder, with its libraries, without root; nothing is installed.
#
#   fetch.sh TARGET PROGRAM WANT PACKAGE...      such as: fetch.sh var/asterisk usr/sbin/asterisk '1:22.*' asterisk
#
# TARGET/bin/NAME then starts PROGRAM (a path inside the packages) with the loader and the C library that came with it, so
# that the age of this machine's own does not matter. The first PACKAGE must come in a version that matches the glob WANT.
# Packages are found and verified by this machine's own apt, with a state of its own. Doing it again does nothing when the
# same is there; a run that is broken off leaves what was there before.
#
#   FETCH_SUITES   suites to look in, in order (default: forky sid)
#   FETCH_MIRROR   URL of a Debian mirror (default: the one that apt uses here)
#   FETCH_KEEP     folder in which packages are kept; once filled, it is all that is needed: no network
#   FETCH_WITHOUT  packages to leave out with all that only they need
set -eu

say() { printf '%s\n' "$*" >&2; }
fail() { say "fetch: $1"; exit 1; }

[ $# -ge 4 ] || fail "usage: fetch.sh TARGET PROGRAM WANT PACKAGE..."
folder=$1 program=$2 want=$3
shift 3
name=$(basename "$program")
suites=${FETCH_SUITES:-forky sid}
without=${FETCH_WITHOUT:-}
made_by=1                       # raise it when what this script makes changes
wanted="$made_by | $suites | $want | $* | $without"

mkdir -p "$(dirname "$folder")" 2>/dev/null || fail "can't make $(dirname "$folder"); give a folder that this user may write"
target=$(cd "$(dirname "$folder")" && pwd -P)/$(basename "$folder")
case $target in
    *[!A-Za-z0-9/._+-]*) fail "the path $target must be of letters, digits and / . _ + - only" ;;
esac

is_there() {
    [ -f "$target/fetched" ] && [ "$(head -n 1 "$target/fetched")" = "$wanted" ] && [ -x "$target/bin/$name" ]
}
is_there && exit 0

# ---- what is needed here

[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || fail "only for Linux on x86_64; this is $(uname -s) on $(uname -m): install $1 by other means"
for tool in apt-get apt-cache dpkg-deb tar flock sha256sum; do
    command -v "$tool" >/dev/null || fail "$tool is missing; this works on Debian and Ubuntu, elsewhere install $1 by other means"
done
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keys" ] || fail "$keys is missing, by which packages are verified: apt-get install debian-archive-keyring"

exec 9>"$target.lock" || fail "can't write $target.lock; give a folder that this user may write"
flock -w 900 9 || fail "another run has held $target.lock for 15 minutes; end it"
is_there && exit 0              # another run made it meanwhile
work=$target.part
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
rm -rf "$work"
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/new/bin" "$work/new/root"
keep=${FETCH_KEEP:-$work/kept}
mkdir -p "$keep/partial" || fail "can't make $keep"
keep=$(cd "$keep" && pwd -P)
index=$keep/$name.list          # of a full folder: what was wanted, the version, then sha256 and file of each package

# ---- find and get the packages

is_kept() {
    [ -f "$index" ] && [ "$(head -n 1 "$index")" = "# $wanted" ] &&
        (cd "$keep" && grep -v '^#' "$index" | sha256sum --check --status -)
}

mirror_of_apt() {
    apt-get indextargets --format '$(REPO_URI)|$(ORIGIN)|$(COMPONENT)|$(SUITE)' 'Created-By: Packages' 2>/dev/null |
        awk -F'|' '$2 == "Debian" && $3 == "main" && $1 !~ /security/ { print $1; exit }'
}

mirror_of_lists() {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        grep -v '^[[:space:]]*#' | grep -oE 'https?://[^[:space:]]+/debian/?' | head -n 1
}

prepare_apt() {
    : >"$work/state/status"
    for each in $without; do    # apt believes that these are installed
        printf 'Package: %s\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nVersion: 99:1\n' "$each"
        printf 'Maintainer: none <none@example.invalid>\nDescription: left out\n\n'
    done >>"$work/state/status"
    cat >"$work/apt.conf" <<APT
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
APT::Keep-Downloaded-Packages "true";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Debug::NoLocking "true";
Dir::Cache "$work/cache";
Dir::Cache::Archives "$keep";
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::Log "$work";
Dir::State "$work/state";
Dir::State::Lists "$work/state/lists";
Dir::State::Status "$work/state/status";
APT
}

apt() { tool=$1; shift; "$tool" -c "$work/apt.conf" "$@"; }

find_suite() {                  # sets suite and version
    seen=
    for suite in $suites; do
        say "looking for $1 in Debian $suite at $mirror"
        echo "deb [arch=amd64 signed-by=$keys] $mirror $suite main" >"$work/sources.list"
        if ! apt apt-get -qq --error-on=any update >"$work/log" 2>&1; then
            seen="$seen; $suite can't be read: $(grep '^[EW]:' "$work/log" | head -n 1)"
            continue
        fi
        version=$(apt apt-cache policy "$1" | sed -n 's/^ *Candidate: //p')
        # shellcheck disable=SC2254
        case $version in $want) return 0 ;; esac
        seen="$seen; $suite has ${version:-none}"
    done
    fail "no $1 $want to be had${seen}. Check the network, name another mirror by FETCH_MIRROR, or fill FETCH_KEEP on another machine"
}

download() {
    mirror=${FETCH_MIRROR:-$(mirror_of_apt)}
    mirror=${mirror:-$(mirror_of_lists)}
    [ -n "$mirror" ] || fail "this machine's apt names no Debian mirror; name one: FETCH_MIRROR=http://deb.debian.org/debian"
    prepare_apt
    find_suite "$1"
    say "downloading $1 $version"
    apt apt-get -qq -y --print-uris -o Dir::Cache::Archives="$work/cache/archives" install "$@" >"$work/uris" 2>"$work/log" ||
        fail "apt can't settle what $1 needs: $(tail -n 3 "$work/log")"
    apt apt-get -qq -y --download-only install "$@" >"$work/log" 2>&1 || fail "the download failed: $(tail -n 3 "$work/log")"
    { echo "# $wanted"; echo "# $version from $suite"
      (cd "$keep" && sed -n "s/^'[^']*' \([^ ]*\) .*/\1/p" "$work/uris" | xargs sha256sum); } >"$work/index" ||
        fail "packages are missing in $keep after the download"
    mv "$work/index" "$index"
}

if is_kept; then say "taking the packages from $keep"; else download "$@"; fi

# ---- unpack them

say "unpacking $(grep -vc '^#' "$index") packages"
grep -v '^#' "$index" | sed 's/^[0-9a-f]* [ *]//' >"$work/names"
while read -r deb; do
    { dpkg-deb --fsys-tarfile "$keep/$deb" || echo broken >"$work/broken"; } |
        tar -x -C "$work/new/root" --no-same-owner --no-same-permissions --exclude='./usr/share/doc' --exclude='./usr/share/man' \
            --exclude='./usr/share/locale' --exclude='./usr/share/lintian' --exclude='./usr/lib/*/perl*' ||
        fail "can't unpack $deb: is the disk full?"
    [ ! -f "$work/broken" ] || fail "can't unpack $keep/$deb: remove it and try again"
done <"$work/names"

new=$work/new/root
[ -x "$new/$program" ] || fail "$1 came without $program"
libraries=usr/lib/x86_64-linux-gnu
loader=$libraries/ld-linux-x86-64.so.2
[ -x "$new/$loader" ] || fail "the C library came without $loader"
argv0=                          # so that the program can start itself anew; glibc 2.33
"$new/$loader" --help 2>/dev/null | grep -q -e --argv0 && argv0="--argv0 $target/bin/$name"
cat >"$work/new/bin/$name" <<RUN
#!/bin/sh
root=$target/root
exec "\$root/$loader" $argv0 --library-path "\$root/$libraries:\$root/lib/x86_64-linux-gnu:\$root/usr/lib" "\$root/$program" "\$@"
RUN
chmod 755 "$work/new/bin/$name"
{ echo "$wanted"; sed -n 's/^# //p' "$index" | tail -n 1; cat "$work/names"; } >"$work/new/fetched"
chmod -R u+w "$work/new"
rm -rf "$target"
mv "$work/new" "$target" || fail "can't write $target"
say "$1 $(sed -n 2p "$target/fetched") is in $target, $(du -sm "$target" | cut -f 1) MB"
