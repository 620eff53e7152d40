#!/usr/bin/env bash
# Installs packages in a minimal Debian system without Swift, and uses the tools there.
# usage: debian.sh SUITE PACKAGE...        (.whl, .deb, .tar.gz; needs root and debootstrap)
#
# Another distribution of the family: DEBOOTSTRAP=debootstrap with its options, and MIRROR.
set -euo pipefail
suite=$1
shift
repository=$(dirname "$0")/../..
root=$(mktemp -d)
trap 'umount -q "$root/proc" || true; rm -rf --one-file-system "$root"' EXIT

chmod 755 "$root"
${DEBOOTSTRAP:-debootstrap} --variant=minbase "$suite" "$root" ${MIRROR:-} >"$root/log" || { tail "$root/log"; exit 1; }
# The dynamic linker finds $ORIGIN by /proc/self/exe.
mount -t proc proc "$root/proc"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
mkdir -p "$root/ckpt/Tests" "$root/packages"
cp -r "$repository/fixtures" "$root/ckpt/"
cp -r "$repository/Tests/Packages" "$root/ckpt/Tests/"
cp "$@" "$root/packages/"

in_root() { chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
apt() { in_root DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get -qq -o Dpkg::Use-Pty=0 "$@" >"$root/log"; }
apt update
apt install -y --no-install-recommends python3-venv
# The .deb last: its dependencies would hide what the others lack.
for package in "$root"/packages/*.whl "$root"/packages/*.tar.gz; do
  [ ! -f "$package" ] || in_root python3 /ckpt/Tests/Packages/install.py "/packages/$(basename "$package")"
done
for package in "$root"/packages/*.deb; do
  [ -f "$package" ] || continue
  apt install -y --no-install-recommends "/packages/$(basename "$package")"
  in_root python3 /ckpt/Tests/Packages/install.py /usr
  apt remove -y ckpt-tools
  for left in bin/ckpt-average bin/ckpt lib/ckpt-tools share/ckpt-tools; do
    [ ! -e "$root/usr/$left" ] || { echo "debian.sh: /usr/$left is left" >&2; exit 1; }
  done
done
