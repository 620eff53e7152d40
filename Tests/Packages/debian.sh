#!/usr/bin/env bash
# Installs packages in a minimal Debian system without Swift, and uses the tools there.
# usage: debian.sh SUITE PACKAGE...        (.whl, .deb, .tar.gz; needs root and debootstrap)
set -euo pipefail
suite=$1
shift
repository=$(dirname "$0")/../..
root=$(mktemp -d)
trap 'umount -q "$root/proc" || true; rm -rf --one-file-system "$root"' EXIT

debootstrap --variant=minbase "$suite" "$root" >"$root/log" || { tail "$root/log"; exit 1; }
# The dynamic linker finds $ORIGIN by /proc/self/exe.
mount -t proc proc "$root/proc"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
mkdir -p "$root/ckpt/Tests" "$root/packages"
cp -r "$repository/fixtures" "$root/ckpt/"
cp -r "$repository/Tests/Packages" "$root/ckpt/Tests/"
cp "$@" "$root/packages/"

in_root() { chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
in_root apt-get update -qq
in_root apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
# The .deb last: its dependencies would hide what the others lack.
for package in "$root"/packages/*.whl "$root"/packages/*.tar.gz; do
  [ ! -f "$package" ] || in_root python3 /ckpt/Tests/Packages/install.py "/packages/$(basename "$package")"
done
for package in "$root"/packages/*.deb; do
  [ -f "$package" ] || continue
  in_root apt-get install -y -qq --no-install-recommends "/packages/$(basename "$package")" >/dev/null
  in_root python3 /ckpt/Tests/Packages/install.py /usr
  in_root apt-get remove -y -qq ckpt-tools >/dev/null
  ! in_root sh -c 'command -v ckpt-average || ls -d /usr/lib/ckpt-tools /usr/share/ckpt-tools' 2>/dev/null
done
