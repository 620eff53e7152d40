#!/usr/bin/env bash
# Builds the fuzzer of the ImageData module with the address sanitizer and runs each target for some seconds.
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
[ ${#targets[@]} -gt 0 ] || targets=(image tar cifar list idx npy tensors npz pickle classmap)
build=${FUZZ_BUILD:-.build/image-fuzz}
mkdir -p "$build/objects"

for module in CKernels CImageCodecs; do
  for source in Sources/$module/*.c; do
    flags=(-O1 -g -fsanitize=address,fuzzer-no-link)
    # The network's kernels are linked, but have no part in reading images and would take long to compile.
    case $source in */layers_* | */conv_* | */winograd_* | */im2col.c | */average.c) flags=(-O0) ;; esac
    object=$build/objects/$module-$(basename "$source" .c).o
    [ "$object" -nt "$source" ] || clang "${flags[@]}" -I "Sources/$module/include" -c "$source" -o "$object"
  done
  # An archive: only what is called gets linked.
  rm -f "$build/objects/lib$module.a"
  ar rcs "$build/objects/lib$module.a" "$build/objects/$module"-*.o
  printf 'module %s { umbrella header "%s"\n export * }\n' $module "$PWD/Sources/$module/include/$module.h" \
    >"$build/objects/$module.modulemap"
done
swift=(swiftc -O -g -wmo -sanitize=fuzzer,address -enable-testing -parse-as-library -swift-version 6 -package-name fuzz
  -I "$build/objects"
  -Xcc "-fmodule-map-file=$build/objects/CKernels.modulemap"
  -Xcc "-fmodule-map-file=$build/objects/CImageCodecs.modulemap")
for map in Sources/C*/module.modulemap; do swift+=(-I "$(dirname "$map")"); done
quietly() { "$@" 2>"$build/build.log" || { grep -v "Cannot export local" "$build/build.log"; exit 1; }; }
for module in Checkpoint TensorMath ImageData; do
  # shellcheck disable=SC2046
  quietly "${swift[@]}" -module-name $module -emit-module-path "$build/objects/$module.swiftmodule" \
    -c $(find Sources/$module -name '*.swift') -o "$build/objects/$module.o"
done
quietly "${swift[@]}" -module-name ImageFuzz Tests/ImageFuzz/ImageFuzz.swift \
  "$build"/objects/{ImageData,TensorMath,Checkpoint}.o "$build"/objects/lib{CImageCodecs,CKernels}.a \
  -ljpeg -lpng -lwebp -o "$build/readers"

for target in "${targets[@]}"; do
  case $target in
    image) corpus=fixtures/images/corpus ;;
    tar) corpus=fixtures/images ;;
    *) corpus=Tests/ImageFuzz/corpus/$target ;;
  esac
  mkdir -p "$build/corpus/$target"
  FUZZ_TARGET=$target "$build/readers" "$build/corpus/$target" "$corpus" -max_total_time="$seconds" \
    -rss_limit_mb=2048 -timeout=10 -max_len=65536 -artifact_prefix="$build/$target-" -print_final_stats=1 \
    >"$build/$target.log" 2>&1 || { tail -40 "$build/$target.log"; exit 1; }
  echo "$target: $(sed -n 's/.*executed_units: *//p' "$build/$target.log") executions, coverage" \
    "$(grep -o 'cov: [0-9]*' "$build/$target.log" | tail -1 | cut -d' ' -f2)"
done
