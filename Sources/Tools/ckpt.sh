#!/bin/sh
# ckpt COMMAND [ARGUMENT...] runs the tool ckpt-COMMAND: the one in the folder of this script, else the one of the path.

usage() {
  echo "usage: ckpt COMMAND [ARGUMENT...]"
  echo "       ckpt help [COMMAND]"
  echo "commands: average, best, bnfix, convert, fixres, info, sweep"
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
tool=$(dirname "$0")/ckpt-$command
{ [ -f "$tool" ] && [ -x "$tool" ]; } || tool=ckpt-$command
exec "$tool" "$@"
