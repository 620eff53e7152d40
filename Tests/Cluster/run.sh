#!/usr/bin/env bash
# ckpt-bnfix, ckpt-sweep and ckpt-average on a real Slurm: four array tasks, and for the first two a merge that depends on
# them, give the bytes of one process, also when one task is killed half-way and requeued. The Kubernetes job is run index
# by index, with the environment that the pods would have.
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

export SERIES="$root/fixtures/run"
ckpt-average --quiet --series "$SERIES" --max-shard-size 100K -o "$WORK/whole"

# One task is killed as soon as it runs; the files of the others and its second run make the set.
average_cluster() {
  set -euo pipefail
  array=$(sbatch --parsable --array=0-3 --hold --export=ALL -o "$WORK/average-%a.log" \
    "$HERE/average.sbatch" "$WORK/merged" 100K --series "$SERIES")
  scontrol release "$array"
  for _ in $(seq 200); do
    victim=$(squeue -h -t RUNNING -o %i -j "$array" 2>/dev/null | head -n 1) && [ -n "$victim" ] && break
    [ -e "$WORK/merged/model.safetensors.index.json" ] && break
    sleep 0.02
  done
  if [ -n "${victim:-}" ] && scontrol requeue "$victim" 2>/dev/null; then echo "requeued task $victim"; fi
  for _ in $(seq 600); do
    for job in $(squeue -h -o %i -j "$array" 2>/dev/null); do
      scontrol update jobid="$job" starttime=now 2>/dev/null || true
      scontrol release "$job" 2>/dev/null || true
    done
    [ "$(squeue -h -j "$array" -o %t 2>/dev/null)" ] || break
    sleep 0.3
  done
  [ -e "$WORK/merged/model.safetensors.index.json" ] || { squeue >&2; cat "$WORK"/average-*.log >&2; exit 1; }
}
export -f average_cluster
"$here/slurm-node.sh" bash -c 'cluster && average_cluster'

cmp "$WORK/bnfix-single.safetensors" "$WORK/bnfix-merged.safetensors"
cmp "$WORK/sweep-single.safetensors" "$WORK/sweep-merged.safetensors"
cmp "$WORK/sweep-single.txt" "$WORK/sweep-merged.txt"
for tool in bnfix sweep; do
  size=$(stat -c %s "$WORK/$tool-merged.safetensors")
  echo "ckpt-$tool: four shards on Slurm, one requeued: the same $size bytes as one process"
done

for name in "$WORK"/whole/*; do cmp "$name" "$WORK/merged/$(basename "$name")"; done
echo "an average of four tasks on Slurm: the same $(ls "$WORK/whole" | wc -l) files as one process"

grep -q 'auto/4' "$here/average-job.yaml"
for index in 3 1 0 2 1; do
  env -u SLURM_PROCID JOB_COMPLETION_INDEX=$index ckpt-average --quiet --series "$SERIES" --max-shard-size 100K \
    --shard auto/4 -o "$WORK/indexed"
done
for name in "$WORK"/whole/*; do cmp "$name" "$WORK/indexed/$(basename "$name")"; done
echo "an average of four indexes, one repeated: the same files as one process"
