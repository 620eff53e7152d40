#!/usr/bin/env bash
# Builds the fuzzers of everything that reads foreign bytes with the address sanitizer and runs each target for some
# seconds.
#
#   Tests/Fuzz/run.sh [SECONDS] [TARGET...]        default: 20 seconds of each target
#
# Starts from the committed corpus; what is found on the way stays in the build folder. A crash leaves its input there
# and ends the script with an error.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-20}
shift || true
checkpoint_targets=(header pickle zip container distributed folder)
image_targets=(image tar cifar list idx npy tensors npz pickles classmap)
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=("${checkpoint_targets[@]}" onnx "${image_targets[@]}")
build=${FUZZ_BUILD:-.build/fuzz}
mkdir -p "$build/kernels" "$build/modules" "$build/objects"

kernels=(CPlatform CCheckpointKernels CNetworkKernels CImageKernels)
includes=()
flags=(-O -g -wmo -enable-testing -sanitize=fuzzer,address -parse-as-library -swift-version 6 -package-name fuzz
  -I "$build/modules")
for map in Sources/SystemLibraries/*/module.modulemap; do flags+=(-I "$(dirname "$map")"); done
for module in "${kernels[@]}"; do
  includes+=(-I "$PWD/Sources/Kernels/$module/include")
  flags+=(-Xcc -I -Xcc "$PWD/Sources/Kernels/$module/include")
done
rm -f "$build/modules/module.modulemap"
# Headers hold the tables of functions, which all objects must agree on.
newest_header=$(find Sources/Kernels -name '*.h' -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2-)
for module in "${kernels[@]}"; do
  while read -r source; do
    # Swift's own arithmetic traps; that of C does with this, except where kernels read unaligned on purpose.
    options=(-O1 -g -fsanitize=address,fuzzer-no-link,undefined -fsanitize-trap=undefined -fno-sanitize=alignment)
    # The network's kernels are linked, but have no part in reading and would take long to compile.
    case $source in */CNetworkKernels/*) options=(-O0) ;; esac
    object="$build/kernels/$(tr / - <<<"${source%.c}").o"
    [[ $object -nt $source && $object -nt $newest_header ]] || clang "${options[@]}" "${includes[@]}" -c "$source" -o "$object"
  done < <(find "Sources/Kernels/$module" -name '*.c')
  printf 'module %s { umbrella header "%s"\n export * }\n' "$module" \
    "$PWD/Sources/Kernels/$module/include/$module.h" >>"$build/modules/module.modulemap"
done
# An archive: only what is called gets linked.
rm -f "$build/kernels.a"
ar rcs "$build/kernels.a" "$build"/kernels/*.o

# build NAME COMMAND...: quiet unless it fails.
build() {
  local log="$build/$1-build.log"
  shift
  "$@" >"$log" 2>&1 || { grep -v "Cannot export local" "$log"; exit 1; }
}

# module NAME FOLDER: a module with the sanitizers that later ones import.
module() {
  # shellcheck disable=SC2046
  build "$1" swiftc "${flags[@]}" -module-name "$1" -emit-module -emit-module-path "$build/modules/$1.swiftmodule" \
    -emit-object $(find "$2" -name '*.swift') -o "$build/objects/$1.o"
}

# fuzzer NAME MODULES...: the executable of a source of targets.
fuzzer() {
  local name=$1
  shift
  build "$name" swiftc "${flags[@]}" -module-name "$name" "Tests/Fuzz/$name.swift" \
    "${@/#/$build/objects/}" "$build/kernels.a" -lz -ldeflate -ljpeg -lpng -lwebp -lopenblas -o "$build/$name"
}

# wants TARGET...: true if one of them is to run.
wants() {
  local target
  for target in "$@"; do [[ " ${targets[*]} " != *" $target "* ]] || return 0; done
  return 1
}

# onnx_fuzzer: swift-protobuf comes from the package manager, without sanitizers: it would take longer to compile than all else.
onnx_fuzzer() {
  local package=(-c release -Xswiftc -enable-testing --scratch-path .build/testing)
  build SwiftProtobuf swift build "${package[@]}" --target SwiftProtobuf
  local products
  products=$(swift build "${package[@]}" --show-bin-path)
  rm -rf "$build/modules/SwiftProtobuf.swiftmodule" "$build/objects/SwiftProtobuf.a"
  cp -r "$products/Modules/SwiftProtobuf.swiftmodule" "$build/modules/"
  ar rcs "$build/objects/SwiftProtobuf.a" "$products"/SwiftProtobuf.build/*.o
  module NetworkGraphs Sources/Networks/NetworkGraphs
  module NetworkExecution Sources/Networks/NetworkExecution
  fuzzer FuzzONNX Platform.o Checkpoint.o Statistics.o TensorMath.o NetworkGraphs.o NetworkExecution.o SwiftProtobuf.a
}

image_fuzzer() {
  module ImageData Sources/Data/ImageData
  fuzzer FuzzImages Platform.o Checkpoint.o Statistics.o TensorMath.o ImageData.o
}

module Platform Sources/Foundations/Platform
module Statistics Sources/Foundations/Statistics &
module TensorMath Sources/Foundations/TensorMath &
module Checkpoint Sources/Formats/Checkpoint
wait -n
wait -n
jobs=()
if wants onnx; then
  onnx_fuzzer &
  jobs+=($!)
fi
if wants "${image_targets[@]}"; then
  image_fuzzer &
  jobs+=($!)
fi
if wants "${checkpoint_targets[@]}"; then fuzzer FuzzCheckpoint Platform.o Checkpoint.o; fi
for job in "${jobs[@]}"; do wait "$job"; done

# fuzz TARGET: runs it, and prints one line, or the end of its log.
fuzz() {
  local target=$1 corpus=Tests/Fuzz/corpus/$1 fuzzer=FuzzImages
  case $target in
    image) corpus=fixtures/goldens/ImageData/corpus ;;
    tar) corpus=fixtures/goldens/ImageData ;;
  esac
  case " ${checkpoint_targets[*]} " in *" $target "*) fuzzer=FuzzCheckpoint ;; esac
  [ "$target" != onnx ] || fuzzer=FuzzONNX
  mkdir -p "$build/corpus/$target"
  FUZZ_TARGET=$target "$build/$fuzzer" "$build/corpus/$target" "$corpus" fixtures/hostile -max_total_time="$seconds" \
    -rss_limit_mb=2048 -timeout=10 -max_len=65536 -artifact_prefix="$build/$target-" -print_final_stats=1 \
    >"$build/$target.log" 2>&1 || { tail -40 "$build/$target.log"; return 1; }
  echo "$target: $(sed -n 's/.*executed_units: *//p' "$build/$target.log") executions, coverage" \
    "$(grep -o 'cov: [0-9]*' "$build/$target.log" | tail -1 | cut -d' ' -f2)"
}

# As many at a time as there are processors.
running=0
for target in "${targets[@]}"; do
  if ((running == $(nproc))); then
    wait -n
    running=$((running - 1))
  fi
  fuzz "$target" &
  running=$((running + 1))
done
while ((running > 0)); do
  wait -n
  running=$((running - 1))
done
