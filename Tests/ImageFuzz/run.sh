#!/usr/bin/env bash
# Builds the fuzz targets of the ImageData module with the address sanitizer and runs each for some seconds.
#
#   Tests/ImageFuzz/run.sh [SECONDS] [TARGET...]    default: 20 seconds of each
#
# Starts from the committed files; what is found on the way stays in the build folder. A crash leaves its input there and
# ends the script with an error.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-20}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(image tar cifar list idx npy tensors)
build=${FUZZ_BUILD:-.build/image-fuzz}
mkdir -p "$build/objects"

for module in CKernels CImageCodecs; do
  for source in Sources/$module/*.c; do
    # The network's kernels have no part in reading images, and take long to compile.
    case $source in */layers_* | */conv_* | */winograd_* | */im2col.c | */average.c) continue ;; esac
    object=$build/objects/$module-$(basename "$source" .c).o
    [ "$object" -nt "$source" ] || clang -O1 -g -fsanitize=address,fuzzer-no-link -I "Sources/$module/include" \
      -c "$source" -o "$object"
  done
  printf 'module %s { umbrella header "%s"\n export * }\n' $module "$PWD/Sources/$module/include/$module.h" \
    >"$build/objects/$module.modulemap"
done
swift=(swiftc -O -g -wmo -sanitize=fuzzer,address -enable-testing -parse-as-library -swift-version 6 -I "$build/objects"
  -I Sources/CZlib -I Sources/COpenBLAS
  -Xcc "-fmodule-map-file=$build/objects/CKernels.modulemap"
  -Xcc "-fmodule-map-file=$build/objects/CImageCodecs.modulemap")
quietly() { "$@" 2>"$build/build.log" || { grep -v "Cannot export local" "$build/build.log"; exit 1; }; }
for module in Checkpoint TensorMath ImageData; do
  # shellcheck disable=SC2046
  quietly "${swift[@]}" -module-name $module -emit-module-path "$build/objects/$module.swiftmodule" \
    -c $(find Sources/$module -name '*.swift') -o "$build/objects/$module.o"
done
for target in "${targets[@]}"; do
  quietly "${swift[@]}" -module-name ImageFuzz -D "FUZZ_${target^^}" Tests/ImageFuzz/ImageFuzz.swift \
    "$build"/objects/*.o -ljpeg -lpng -lwebp -lz -lopenblas -o "$build/$target"
  case $target in
    image) corpus=fixtures/images/corpus ;;
    tar) corpus=fixtures/images ;;
    *) corpus=Tests/ImageFuzz/corpus/$target ;;
  esac
  mkdir -p "$build/corpus/$target"
  echo "$target: $seconds s"
  "$build/$target" "$build/corpus/$target" "$corpus" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 \
    -max_len=65536 -artifact_prefix="$build/$target-" -print_final_stats=1 >"$build/$target.log" 2>&1 ||
    { tail -40 "$build/$target.log"; exit 1; }
  grep -E 'executed_units|new_units_added' "$build/$target.log"
done
