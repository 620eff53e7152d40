#!/usr/bin/env bash
# Builds the fuzz targets with the address sanitizer and runs each for some seconds.
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
flags=(-O -g -sanitize=fuzzer,address -parse-as-library -swift-version 6 -package-name ckpt_tools -I "$build/modules"
  -I Sources/CZlib -I Sources/COpenBLAS)

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

# library NAME FOLDER: a module with the sanitizers that later ones import.
library() {
  # shellcheck disable=SC2046
  build "$1" swiftc "${flags[@]}" -wmo -module-name "$1" -emit-module -emit-module-path "$build/modules/$1.swiftmodule" \
    -emit-object $(find "$2" -name '*.swift') -o "$build/objects/$1.o"
}

# What `onnx` is made of: its modules import each other, and swift-protobuf's sources are where the package manager puts them.
onnx() {
  local protobuf=.build/checkouts/swift-protobuf/Sources/SwiftProtobuf
  [ -d "$protobuf" ] || swift package resolve >/dev/null
  library SwiftProtobuf "$protobuf"
  for module in Checkpoint TensorMath ONNXModel ConvNet; do library "$module" "Sources/$module"; done
  build onnx swiftc "${flags[@]}" -module-name ONNXFuzz Tests/Fuzz/ONNX/FuzzONNX.swift "$build"/objects/*.o \
    "$build"/kernels/*.o -lz -lopenblas -o "$build/onnx"
}

# The others are compiled together with the sources of Checkpoint, so that internal declarations are visible.
checkpoint() {
  # shellcheck disable=SC2046
  build "$1" swiftc "${flags[@]}" -module-name CheckpointFuzz -D "FUZZ_${1^^}" $(find Sources/Checkpoint -name '*.swift') \
    Tests/Fuzz/Fuzz.swift "$build"/kernels/*.o -lz -o "$build/$1"
}

for target in "${targets[@]}"; do
  if [ "$target" = onnx ]; then onnx; else checkpoint "$target"; fi
  mkdir -p "$build/corpus/$target"
  echo "$target: $seconds s"
  "$build/$target" "$build/corpus/$target" "Tests/Fuzz/corpus/$target" -max_total_time="$seconds" -rss_limit_mb=2048 \
    -timeout=10 -max_len=65536 -artifact_prefix="$build/$target-" -print_final_stats=1 >"$build/$target.log" 2>&1 ||
    { tail -40 "$build/$target.log"; exit 1; }
  grep -E 'executed_units|new_units_added' "$build/$target.log"
done
