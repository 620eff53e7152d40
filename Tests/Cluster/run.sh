#!/usr/bin/env bash
# ckpt-bnfix and ckpt-sweep on a real Slurm: four array tasks and a merge that depends on them give the bytes of one
# process, also when one task is killed half-way and requeued.
# usage: run.sh BIN_FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
export PATH=$1:$PATH
export WORK=$(mktemp -d) HERE=$here
export TRAIN=$root/fixtures/digits/train VAL=$root/fixtures/digits/val
trap 'rm -rf "$WORK"' EXIT

export MODEL=$WORK/mean.safetensors FIXED=$WORK/bnfix-single.safetensors
# Enough settings that the killed task is not done yet.
export GRID="--resize 48:112:16 --crop 40:88:16"
ckpt-average --quiet "$root"/fixtures/run/*.safetensors -o "$MODEL"
ckpt-bnfix --quiet "$MODEL" --data "$TRAIN" -o "$FIXED"
ckpt-sweep --quiet "$FIXED" --data "$VAL" $GRID -o "$WORK/sweep-single.safetensors" >"$WORK/sweep-single.txt"

cluster() {
  set -euo pipefail

  # run_array SCRIPT ARGUMENT…: submits four tasks and kills the first that runs, as a node failure would; sets $array.
  run_array() {
    local script=$1
    shift
    array=$(sbatch --parsable --array=0-3 --export=ALL -o "$WORK/$script-%a.log" "$HERE/$script.sbatch" "$@")
    until victim=$(squeue -h -j "$array" -t RUNNING -o %i | head -n 1) && [ -n "$victim" ]; do sleep 0.05; done
    scontrol requeue "$victim"
    # Slurm lets a requeued job rest for two minutes, and holds one that had hardly begun; this one is to go on as soon
    # as its first run has been cleared away.
    while [ "$(squeue -h -j "$victim" -o %t 2>/dev/null)" ]; do
      scontrol update jobid="$victim" starttime=now 2>/dev/null || true
      scontrol release "$victim" 2>/dev/null || true
      sleep 0.3
    done &
    echo "requeued task $victim of $script"
  }

  # merge NAME COMMAND: runs the command when all tasks of $array are done.
  merge() {
    timeout 300 sbatch --parsable --dependency=afterok:"$array" --export=ALL --wait -o "$WORK/$1-merge.log" \
      --wrap "$2" || { squeue >&2; cat "$WORK"/*.log >&2; exit 1; }
    scontrol show job "$array" | grep -o 'ArrayTaskId=[0-9]*\|Restarts=[0-9]*' | paste -sd' ' | sed 's/^/  /'
  }

  mkdir "$WORK/parts" "$WORK/states"
  run_array bnfix "$MODEL" "$TRAIN" "$WORK/parts"
  merge bnfix \
    "ckpt-bnfix --quiet '$MODEL' --merge '$WORK'/parts/part-*.safetensors -o '$WORK/bnfix-merged.safetensors'"
  # $GRID is words.
  run_array sweep "$FIXED" "$VAL" "$WORK/states" $GRID
  merge sweep \
    "ckpt-sweep --quiet '$FIXED' --merge '$WORK'/states/state-* -o '$WORK/sweep-merged.safetensors' >'$WORK/sweep-merged.txt'"
  echo "accounting:"
  sed -E 's/^.*(JobId=[0-9]+).* (JobState=[A-Z]+).* (StartTime=[^ ]+ EndTime=[^ ]+).* (ExitCode=[0-9:]+).*$/  \1 \2 \3 \4/' \
    "$SLURM_STATE/jobcomp.log"
}
export -f cluster
"$here/slurm-node.sh" bash -c cluster

cmp "$WORK/bnfix-single.safetensors" "$WORK/bnfix-merged.safetensors"
cmp "$WORK/sweep-single.safetensors" "$WORK/sweep-merged.safetensors"
cmp "$WORK/sweep-single.txt" "$WORK/sweep-merged.txt"
for tool in bnfix sweep; do
  size=$(stat -c %s "$WORK/$tool-merged.safetensors")
  echo "ckpt-$tool: four shards on Slurm, one requeued: the same $size bytes as one process"
done
