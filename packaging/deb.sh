#!/usr/bin/env bash
# Puts the executables of a folder, their manual and completions into a Debian package.
# usage: deb.sh BIN_FOLDER VERSION OUTPUT_FOLDER        (needs dpkg-dev, binutils, patchelf)
set -euo pipefail
bin=$1 version=$2 output=$3
root=$output/deb/ckpt-tools
architecture=$(dpkg --print-architecture)

rm -rf "$output/deb"
make --no-print-directory install-files BIN="$bin" DESTDIR="$root" PREFIX=/usr ZSHDIR="$root/usr/share/zsh/vendor-completions"
packaging/bundle.sh "$root/usr" runtime
mkdir -p "$root/DEBIAN" "$output/deb/debian"
gzip -9n "$root"/usr/share/man/man?/*
cp README.md SECURITY.md "$root/usr/share/doc/ckpt-tools/"
gzip -9nc CHANGELOG.md >"$root/usr/share/doc/ckpt-tools/changelog.gz"
{
  printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n'
  printf 'Upstream-Name: ckpt-tools\n\nFiles: *\nCopyright: the authors of ckpt-tools\nLicense: Apache-2.0\n'
  printf ' On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.\n'
  printf '\nFiles: usr/lib/ckpt-tools/*\nCopyright: Apple Inc. and the Swift project authors\n'
  printf 'License: Apache-2.0 with Runtime Library Exception\n The text is in licenses/swift.\n'
} >"$root/usr/share/doc/ckpt-tools/copyright"
find "$root" -type d -exec chmod 755 {} +
find "$root/usr/share" -type f -exec chmod 644 {} +

# Packages that the executables and the libraries of Swift need, in the terms of the distribution that this runs on.
printf 'Source: ckpt-tools\n\nPackage: ckpt-tools\nArchitecture: any\n' >"$output/deb/debian/control"
depends=$(cd "$output/deb" && dpkg-shlibdeps -O --ignore-missing-info -lckpt-tools/usr/lib/ckpt-tools \
  ckpt-tools/usr/bin/ckpt-* ckpt-tools/usr/lib/ckpt-tools/* 2>/dev/null |
  sed -n 's/^shlibs:Depends=//p')
cat >"$root/DEBIAN/control" <<CONTROL
Package: ckpt-tools
Version: $version
Architecture: $architecture
Maintainer: ckpt-tools maintainers <maintainers@ckpt-tools.invalid>
Installed-Size: $(du -sk "$root/usr" | cut -f 1)
Depends: $depends
Suggests: librsvg2-2
Section: science
Priority: optional
Description: post-process neural-network checkpoints in shell pipelines
 Averages a series of checkpoints, recalibrates BatchNorm statistics, tunes the
 last layers at test resolution and chooses the inference size, on CPU machines
 without Python and without a framework.
CONTROL
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
dpkg-deb --root-owner-group --build "$root" "$output/ckpt-tools_${version}_$architecture.deb"
