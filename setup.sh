#!/bin/sh
# Makes .venv with everything that packbench, its demo and its tests need: Debian packages first, then the wheels that
# requirements.lock pins by hash. Called by make. A second run finds its stamp and ends at once, without a network.
#
# Exit codes: 3 wrong machine, 4 disk full, 5 may not install packages, 6 apt failed, 7 wrong Python, 8 no venv, 9 pip failed.
set -eu
cd "$(dirname "$0")"
unset PYTHONPATH PYTHONHOME

PY=${PY:-python3}
STATION="libzbar0 libfribidi0 libthai0 fonts-noto-core fonts-noto-cjk" # second barcode reader; text shaping; all scripts of the papers
TESTS="mosquitto mosquitto-clients nats-server openssl systemd device-tree-compiler" # real brokers, signatures, units, overlay
FREE_KB=1048576 # .venv takes about 450 MB, the downloads and the fonts the rest

say() { printf '%s\n' "setup: $*" >&2; }
stop() { code=$1; shift; say "$*"; exit "$code"; }

checksum() { { pwd; sed '/^\[tool\.pytest/,$d' pyproject.toml; cat setup.sh build.lock requirements.lock; } | cksum | tr ' ' -; }
STAMP=.venv/.stamp-$(checksum)

right_machine() {
    machine=$(uname -m)
    case $(uname -s)-$machine-$(getconf LONG_BIT) in
        Linux-x86_64-64 | Linux-aarch64-64) ;;
        *) stop 3 "needs 64-bit Linux on x86_64 or aarch64, this is $(uname -s) $machine; on a Pi take the 64-bit image." ;;
    esac
    if ! command -v apt-get || ! command -v dpkg-query; then
        stop 3 "needs Debian 12 or 13 or Raspberry Pi OS; elsewhere install the matches of: python3 $STATION $TESTS."
    fi >/dev/null
}

enough_disk() {
    free_kb=$(df -Pk . | awk 'NR == 2 { print $4 }')
    [ "$free_kb" -ge "$FREE_KB" ] || stop 4 "needs 1 GiB free in $(pwd), there are $((free_kb / 1024)) MiB."
}

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing_packages() {
    "$PY" -c 'import ensurepip, venv' 2>/dev/null || printf 'python3 python3-venv '
    for package in $STATION $TESTS; do installed "$package" || printf '%s ' "$package"; done
    # lgpio has no wheel for Python 3.12 and later; Raspberry Pi OS and Debian 13 have it as a package.
    if [ "$(uname -m)" = aarch64 ] && ! installed python3-lgpio && apt-cache show python3-lgpio >/dev/null 2>&1; then
        printf 'python3-lgpio '
    fi
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
}

# The packages of the two test brokers start a broker of their own. A mask in /run, gone with the next boot at the latest,
# keeps them from starting now; `disable` keeps them from starting later. A broker that was here before is left alone.
quiet_brokers() {
    new_brokers=
    for broker in mosquitto nats-server; do installed "$broker" || new_brokers="$new_brokers $broker"; done
    [ -d /run/systemd/system ] || return 0
    for broker in $new_brokers; do as_root ln -sf /dev/null "/run/systemd/system/$broker.service"; done
}

unmask_brokers() {
    for broker in $new_brokers; do
        as_root systemctl --quiet disable "$broker.service" >/dev/null 2>&1 || true
        [ ! -d /run/systemd/system ] || as_root rm -f "/run/systemd/system/$broker.service"
    done
    [ ! -d /run/systemd/system ] || as_root systemctl daemon-reload >/dev/null 2>&1 || true
}

install_packages() {
    packages=$(missing_packages)
    packages=${packages% }
    [ -n "$packages" ] || return 0
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; } ||
        stop 5 "may not install packages; as root run: apt-get install --no-install-recommends $packages"
    say "Debian packages: $packages"
    log=$(mktemp)
    quiet_brokers
    trap unmask_brokers EXIT
    trap 'exit 130' INT TERM HUP
    # A source that has nothing to do with us may be broken, so `update` may fail; whether `install` succeeds counts.
    # shellcheck disable=SC2086 # the list is words
    { as_root apt-get -q -o Acquire::Retries=0 -o Acquire::http::Timeout=20 update || true
      as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -y -o Acquire::Retries=1 -o Dpkg::Use-Pty=0 \
          install --no-install-recommends $packages; } >"$log" 2>&1 || {
        cause=$(grep '^E:' "$log" | head -n 1) || cause="E: it gave no reason"
        if grep -qE 'Temporary failure|Could not (resolve|connect)|unreachable' "$log"; then cause="no network"; fi
        stop 6 "apt could not install $packages: $cause (all of it: $log)"
    }
    rm -f "$log"
    unmask_brokers
    trap - EXIT INT TERM HUP
}

right_python() {
    version=$("$PY" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || stop 7 "$PY does not run."
    case $version in
        3.11 | 3.12 | 3.13) ;;
        *) stop 7 "needs Python 3.11 to 3.13, $PY is $version; another one: make PY=/path/to/python3" ;;
    esac
}

make_venv() {
    clear=
    [ "$(.venv/bin/python -c 'import pip, sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$version" ] || clear=--clear
    # shellcheck disable=SC2086 # no word when empty
    said=$("$PY" -m venv $clear .venv 2>&1) || stop 8 "$PY could not make .venv: $(printf '%s' "$said" | tail -n 1)"
}

pip_install() {
    .venv/bin/python -m pip --disable-pip-version-check --retries 1 --timeout 20 --no-input \
        install --progress-bar off --no-deps "$@" >>"$log" 2>&1 && return 0
    if grep -q 'DO NOT MATCH THE HASHES' "$log"; then
        stop 9 "a download is not what requirements.lock pins; nothing of it was installed: $(pwd)/$log"
    elif grep -q 'CERTIFICATE_VERIFY_FAILED' "$log"; then
        stop 9 "pip does not trust this network's certificate; give it the site's CA file, PIP_CERT=FILE: $(pwd)/$log"
    elif grep -qE 'NewConnectionError|timed out|Temporary failure|unreachable' "$log"; then
        stop 9 "no network: pip could not fetch what the lock names; run make again when there is one: $(pwd)/$log"
    fi
    stop 9 "pip failed: $(grep -E '^ *(ERROR|error):' "$log" | tail -n 1) (all of it: $(pwd)/$log)"
}

install_wheels() {
    log=.venv/setup.log
    : >"$log"
    say "Python packages by requirements.lock, about 150 MB when none is cached"
    pip_install --require-hashes --only-binary :all: -r build.lock
    # packbits (below brother_ql) and py3dbp (a benchmark's peer) are published as source only: pure Python, built with the
    # setuptools of build.lock.
    pip_install --require-hashes --only-binary :all: --no-binary packbits,py3dbp --no-build-isolation -r requirements.lock
    pip_install --no-index --no-build-isolation --editable .
}

# Debian's lgpio is for Debian's Python; when ours is the same version, two links bring in that one library and no other.
link_lgpio() {
    .venv/bin/python -c 'import lgpio' 2>/dev/null && return 0
    for file in /usr/lib/python3/dist-packages/lgpio.py /usr/lib/python3/dist-packages/_lgpio*.so; do
        [ ! -e "$file" ] || ln -sf "$file" ".venv/lib/python$version/site-packages/"
    done
}

[ ! -e "$STAMP" ] || [ ! -x .venv/bin/python ] || exit 0
right_machine
enough_disk
install_packages
right_python
make_venv
install_wheels
link_lgpio
rm -f .venv/.stamp-*
: >"$STAMP"
say "ready: .venv"
