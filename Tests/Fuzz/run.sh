#!/usr/bin/env bash
# Builds the fuzz targets of the Checkpoint module with the address sanitizer and runs each for some seconds.
#
#   Tests/Fuzz/run.sh [SECONDS] [TARGET...]        default: 20 seconds of header, pickle, zip, container
#
# Starts from the committed corpus; what is found on the way stays in the build folder. A crash leaves its input there
# and ends the script with an error.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-20}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(header pickle zip container)
build=${FUZZ_BUILD:-.build/fuzz}
mkdir -p "$build/kernels"

for name in deflate inflate_literals planes convert pending_outputs crc32; do
  clang -O1 -g -fsanitize=address,fuzzer-no-link -ISources/CKernels/include -c "Sources/CKernels/$name.c" \
    -o "$build/kernels/$name.o"
done
mkdir -p "$build/modules"
printf 'module CKernels { umbrella header "%s"\n export * }\n' "$PWD/Sources/CKernels/include/CKernels.h" \
  >"$build/modules/module.modulemap"
for target in "${targets[@]}"; do
  # shellcheck disable=SC2046
  swiftc -O -g -sanitize=fuzzer,address -parse-as-library -swift-version 6 -module-name CheckpointFuzz \
    -D "FUZZ_${target^^}" -I "$build/modules" -I Sources/CZlib \
    $(find Sources/Checkpoint -name '*.swift') Tests/Fuzz/Fuzz.swift "$build"/kernels/*.o -lz -o "$build/$target" 2>"$build/$target-build.log" ||
    { grep -v "Cannot export local" "$build/$target-build.log"; exit 1; }
  mkdir -p "$build/corpus/$target"
  echo "$target: $seconds s"
  "$build/$target" "$build/corpus/$target" "Tests/Fuzz/corpus/$target" -max_total_time="$seconds" -rss_limit_mb=2048 \
    -timeout=10 -max_len=65536 -artifact_prefix="$build/$target-" -print_final_stats=1 >"$build/$target.log" 2>&1 ||
    { tail -40 "$build/$target.log"; exit 1; }
  grep -E 'executed_units|new_units_added' "$build/$target.log"
done
