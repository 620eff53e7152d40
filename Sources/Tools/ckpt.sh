#!/bin/sh
# ckpt COMMAND [ARGUMENT...] runs the tool ckpt-COMMAND: the one in the folder of this script, else the one of the path.

usage() {
  cat <<'USAGE'
usage: ckpt COMMAND [ARGUMENT...]
       ckpt help [COMMAND]
       ckpt --version

commands:
  average   turn a series of checkpoints into one
  best      find the best model that the checkpoints of a run can give
  bnfix     recompute the BatchNorm running statistics of a checkpoint
  convert   convert a checkpoint: format, compression, element type, names, shards
  fixres    fine-tune the last layers or blocks of a checkpoint at test resolution
  info      list, verify and compare checkpoints
  sweep     measure accuracy over inference sizes and choose one
USAGE
}

find_tool() {
  tool=$(dirname "$0")/ckpt-$1
  { [ -f "$tool" ] && [ -x "$tool" ]; } || tool=ckpt-$1
}

command=${1-}
[ $# -eq 0 ] || shift
case $command in
  help | --help | -h)
    if [ $# -eq 0 ]; then
      usage
      exit
    fi
    command=$1
    set -- --help
    ;;
  --version)
    find_tool info
    version=$("$tool" --version) || exit
    printf 'ckpt %s\n' "${version#ckpt-info }"
    exit
    ;;
esac
case $command in
  average | best | bnfix | convert | fixres | info | sweep) ;;
  '')
    usage >&2
    exit 64
    ;;
  *)
    printf 'ckpt: no command "%s"; ckpt help lists them\n' "$command" >&2
    exit 64
    ;;
esac
find_tool "$command"
exec "$tool" "$@"
