#!/usr/bin/env bash
# Gives the executables in ROOT/bin the shared libraries that they need, once, in ROOT/lib/ckpt-tools, and strips them.
# usage: bundle.sh ROOT runtime|all        (needs binutils and patchelf)
#
# `runtime` copies the libraries of Swift; `all` copies the others too, without those that every distribution has and that
# the manylinux policies (PEP 600) therefore leave out.
#
# Shared libraries, because seven executables that each contain the runtime are twice as large. Measured on x86_64 with
# Swift 6.3.1: all tools stripped, their .tar.gz, and `ckpt-info --version`, the best of 60 runs in alternation:
#
#   each executable contains the runtime     159 MB   59 MB   4.1 ms
#   the runtime as shared libraries           76 MB   29 MB   5.9 ms
#   one executable called by seven names      29 MB   11 MB   7.8 ms
#
# The last would load OpenBLAS and the image codecs for every tool, and the package manager links no such executable.
set -euo pipefail
root=$(realpath "$1") extent=$2
folder=$root/lib/ckpt-tools
licenses=$root/share/doc/ckpt-tools/licenses
executables=("$root"/bin/ckpt-*)

is_system() {
  case $1 in
    linux-vdso.so.* | ld-linux*.so.* | libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | librt.so.*) ;;
    libstdc++.so.* | libgcc_s.so.* | libz.so.*) ;;
    *) return 1 ;;
  esac
}

# The file of the license that came with a library: in the toolchain, or in the package of the distribution.
license_of() {
  local library=$1 package
  case $library in
    */swift/linux/*) echo "${library%/lib/swift/linux/*}/share/swift/LICENSE.txt" ;;
    *)
      package=$(dpkg -S "$library" 2>/dev/null || dpkg -S "${library#/usr}") || return
      echo "/usr/share/doc/${package%%:*}/copyright"
      ;;
  esac
}

mkdir -p "$folder" "$licenses"
ldd "${executables[@]}" | sed -n 's/^\t\([^ ]*\) => \(.*\) (0x.*/\1 \2/p' | sort -u | while read -r name path; do
  is_system "$name" && continue
  case $extent:$path in
    all:* | runtime:*/swift/linux/*) ;;
    *) continue ;;
  esac
  library=$(realpath "$path")
  license=$(license_of "$library") && [ -f "$license" ] || {
    echo "bundle.sh: no license found for $library" >&2
    exit 1
  }
  install -m 644 "$library" "$folder/$name"
  case $path in
    */swift/linux/*) install -m 644 "$license" "$licenses/swift" ;;
    *) install -m 644 "$license" "$licenses/$(basename "$(dirname "$license")")" ;;
  esac
done
# Stripped first: `strip` may spoil what patchelf has moved.
strip "${executables[@]}" "$folder"/*
for file in "${executables[@]}"; do patchelf --set-rpath '$ORIGIN/../lib/ckpt-tools' "$file"; done
for file in "$folder"/*; do patchelf --set-rpath '$ORIGIN' "$file"; done

# Nothing may still come from the toolchain, and with `all` nothing from elsewhere.
ldd "${executables[@]}" | sed -n 's/^\t\([^ ]*\) => \(.*\)/\1 \2/p' | sort -u | while read -r name path; do
  is_system "$name" && continue
  case $extent:$path in
    *:"$root"/* | *:"$root"/bin/../*) ;;
    *:*/swift/linux/* | all:* | *:'not found')
      echo "bundle.sh: $name would come from $path" >&2
      exit 1
      ;;
  esac
done
