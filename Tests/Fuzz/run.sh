#!/usr/bin/env bash
# Builds the fuzzer of the Checkpoint module with the address sanitizer and runs each target for some seconds.
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
mkdir -p "$build/kernels" "$build/modules"

for name in deflate planes convert pending_outputs unnamed_file; do
  clang -O1 -g -fsanitize=address,fuzzer-no-link -ISources/CKernels/include -c "Sources/CKernels/$name.c" \
    -o "$build/kernels/$name.o"
done
printf 'module CKernels { umbrella header "%s"\n export * }\n' "$PWD/Sources/CKernels/include/CKernels.h" \
  >"$build/modules/module.modulemap"
# shellcheck disable=SC2046
swiftc -O -g -sanitize=fuzzer,address -parse-as-library -swift-version 6 -module-name CheckpointFuzz \
  -package-name fuzz -I "$build/modules" -I Sources/CZlib -I Sources/CDeflate \
  $(find Sources/Checkpoint -name '*.swift') Tests/Fuzz/Fuzz.swift "$build"/kernels/*.o -lz -ldeflate \
  -o "$build/checkpoint" 2>"$build/build.log" || { grep -v "Cannot export local" "$build/build.log"; exit 1; }

for target in "${targets[@]}"; do
  mkdir -p "$build/corpus/$target"
  FUZZ_TARGET=$target "$build/checkpoint" "$build/corpus/$target" "Tests/Fuzz/corpus/$target" \
    -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -max_len=65536 -artifact_prefix="$build/$target-" \
    -print_final_stats=1 >"$build/$target.log" 2>&1 || { tail -40 "$build/$target.log"; exit 1; }
  echo "$target: $(sed -n 's/.*executed_units: *//p' "$build/$target.log") executions, coverage" \
    "$(grep -o 'cov: [0-9]*' "$build/$target.log" | tail -1 | cut -d' ' -f2)"
done
