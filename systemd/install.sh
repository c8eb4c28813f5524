#!/bin/sh
# Makes this Debian 12 or 13 or Raspberry Pi OS (64-bit) a packing station: packages, user, folders, units, udev rules, boot
# fragment, first release. Run it again at will; it never touches station.toml, keys, data or a release that runs.
#
#   systemd/install.sh RELEASE.tar release.pub
#
# Exit codes: 2 usage, 5 not root, 6 apt, otherwise pbctl's.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
release=${1:-}
key=${2:-}
PACKAGES="python3 python3-venv openssl libzbar0 libfribidi0 libthai0 fonts-noto-core fonts-noto-cjk"

say() { printf '%s\n' "install: $*"; }
stop() { code=$1; shift; say "$*" >&2; exit "$code"; }
keep() { install -D -m "$1" "$here/$2" "$3"; }

if [ ! -f "$release" ] || [ ! -f "$key" ]; then stop 2 "systemd/install.sh RELEASE.tar release.pub"; fi
[ "$(id -u)" = 0 ] || stop 5 "needs root: sudo $0 $*"

missing=
for package in $PACKAGES; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
    say "Debian packages:$missing"
    apt-get -q update >/dev/null 2>&1 || true
    # shellcheck disable=SC2086 # the list is words
    DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $missing >/dev/null ||
        stop 6 "apt could not install:$missing"
fi

say "user, folders, units, device rules"
keep 755 pbctl /opt/packbench/pbctl
keep 644 sysusers.conf /usr/lib/sysusers.d/packbench.conf
keep 644 tmpfiles.conf /usr/lib/tmpfiles.d/packbench.conf
keep 644 journald.conf /etc/systemd/journald.conf.d/packbench.conf
for unit in packbench.service packbench-upgrade.path packbench-upgrade.service; do
    keep 644 "$unit" "/etc/systemd/system/$unit"
done
keep 644 ../firmware_config/boot/99-packbench.rules /etc/udev/rules.d/99-packbench.rules
systemd-sysusers packbench.conf
systemd-tmpfiles --create packbench.conf
# Whom this station believes is decided once; a second key is a second file, release-NAME.pub, laid there by hand.
[ -e /etc/packbench/release.pub ] || install -m 644 "$key" /etc/packbench/release.pub

# The Pi's firmware reads config.txt; our lines are a file of their own beside it, named by one line.
for boot in /boot/firmware /boot; do
    [ -f "$boot/config.txt" ] || continue
    keep 644 ../firmware_config/boot/packbench.txt "$boot/packbench.txt"
    grep -qx 'include packbench.txt' "$boot/config.txt" || printf '\n[all]\ninclude packbench.txt\n' >>"$boot/config.txt"
    say "boot settings: $boot/packbench.txt, in force after the next boot"
    break
done

systemctl daemon-reload 2>/dev/null || true
udevadm control --reload 2>/dev/null || true
systemctl --quiet enable packbench.service packbench-upgrade.path
said=$(/opt/packbench/pbctl install "$release") || { code=$?; stop "$code" "$said"; }
say "$said"
systemctl start packbench-upgrade.path 2>/dev/null || true

ln -sf /opt/packbench/current/venv/bin/packbench /usr/local/bin/packbench
[ -f /etc/packbench/station.toml ] || say "next: packbench init, then: systemctl restart packbench"
say "next: packbench doctor says what is missing; packbench watch shows the bench; usermod -aG packbench NAME lets NAME do both"
