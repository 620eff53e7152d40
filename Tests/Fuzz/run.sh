#!/usr/bin/env bash
# Builds the fuzzers of the Checkpoint module and of ONNX import with the address sanitizer and runs each target for some
# seconds.
#
#   Tests/Fuzz/run.sh [SECONDS] [TARGET...]        default: 20 seconds of header, pickle, zip, container, onnx
#
# Starts from the committed corpus; what is found on the way stays in the build folder. A crash leaves its input there
# and ends the script with an error.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-20}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(header pickle zip container onnx)
build=${FUZZ_BUILD:-.build/fuzz}
mkdir -p "$build/kernels" "$build/modules" "$build/objects"
flags=(-O -g -sanitize=fuzzer,address -parse-as-library -swift-version 6 -package-name fuzz -I "$build/modules"
  -I Sources/CZlib -I Sources/CDeflate -I Sources/COpenBLAS)

for source in Sources/CKernels/*.c; do
  object="$build/kernels/$(basename "$source" .c).o"
  [ "$object" -nt "$source" ] ||
    clang -O1 -g -fsanitize=address,fuzzer-no-link -ISources/CKernels/include -c "$source" -o "$object"
done
printf 'module CKernels { umbrella header "%s"\n export * }\n' "$PWD/Sources/CKernels/include/CKernels.h" \
  >"$build/modules/module.modulemap"

# build NAME COMMAND...: quiet unless it fails.
build() {
  local log="$build/$1-build.log"
  shift
  "$@" 2>"$log" || { grep -v "Cannot export local" "$log"; exit 1; }
}

# module NAME FOLDER: a module with the sanitizers that later ones import.
module() {
  # shellcheck disable=SC2046
  build "$1" swiftc "${flags[@]}" -wmo -module-name "$1" -emit-module -emit-module-path "$build/modules/$1.swiftmodule" \
    -emit-object $(find "$2" -name '*.swift') -o "$build/objects/$1.o"
}

# The modules of ONNX import each other; swift-protobuf's sources are where the package manager puts them.
build_onnx() {
  local protobuf=.build/checkouts/swift-protobuf/Sources/SwiftProtobuf
  [ -d "$protobuf" ] || swift package resolve >/dev/null
  module SwiftProtobuf "$protobuf"
  for name in Checkpoint TensorMath ONNXModel ConvNet; do module "$name" "Sources/$name"; done
  build onnx swiftc "${flags[@]}" -module-name ONNXFuzz Tests/Fuzz/ONNX/FuzzONNX.swift "$build"/objects/*.o \
    "$build"/kernels/*.o -lz -ldeflate -lopenblas -o "$build/onnx"
}

# The others are compiled together with the sources of Checkpoint, so that internal declarations are visible.
build_checkpoint() {
  # shellcheck disable=SC2046
  build checkpoint swiftc "${flags[@]}" -module-name CheckpointFuzz $(find Sources/Checkpoint -name '*.swift') \
    Tests/Fuzz/Fuzz.swift "$build"/kernels/*.o -lz -ldeflate -o "$build/checkpoint"
}

[[ " ${targets[*]} " != *" onnx "* ]] || build_onnx
[ "${targets[*]}" = onnx ] || build_checkpoint

for target in "${targets[@]}"; do
  mkdir -p "$build/corpus/$target"
  fuzzer=checkpoint
  [ "$target" != onnx ] || fuzzer=onnx
  FUZZ_TARGET=$target "$build/$fuzzer" "$build/corpus/$target" "Tests/Fuzz/corpus/$target" \
    -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -max_len=65536 -artifact_prefix="$build/$target-" \
    -print_final_stats=1 >"$build/$target.log" 2>&1 || { tail -40 "$build/$target.log"; exit 1; }
  echo "$target: $(sed -n 's/.*executed_units: *//p' "$build/$target.log") executions, coverage" \
    "$(grep -o 'cov: [0-9]*' "$build/$target.log" | tail -1 | cut -d' ' -f2)"
done
