#!/usr/bin/env bash
# ckpt-bnfix on a real Slurm: four array tasks and a merge that depends on them give the bytes of one process, also
# when one task is killed half-way and requeued.
# usage: run.sh BIN_FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
export PATH=$1:$PATH
export WORK=$(mktemp -d) HERE=$here
export DATA=$root/fixtures/digits/train
trap 'rm -rf "$WORK"' EXIT

export MODEL=$WORK/mean.safetensors
ckpt-average --quiet "$root"/fixtures/run/*.safetensors -o "$MODEL"
ckpt-bnfix --quiet "$MODEL" --data "$DATA" -o "$WORK/single.safetensors"

cluster() {
  set -euo pipefail
  mkdir "$WORK/parts"
  array=$(sbatch --parsable --array=0-3 --export=ALL -o "$WORK/task-%a.log" \
    "$HERE/bnfix.sbatch" "$MODEL" "$DATA" "$WORK/parts")
  # The first task that runs is killed before it has finished, as a node failure would.
  until victim=$(squeue -h -t RUNNING -o %i | head -n 1) && [ -n "$victim" ]; do sleep 0.05; done
  scontrol requeue "$victim"
  # Slurm lets a requeued job rest for two minutes, and holds one that had hardly begun; this one is to go on as soon as
  # its first run has been cleared away.
  while [ "$(squeue -h -j "$victim" -o %t 2>/dev/null)" ]; do
    scontrol update jobid="$victim" starttime=now 2>/dev/null || true
    scontrol release "$victim" 2>/dev/null || true
    sleep 0.3
  done &
  echo "requeued task $victim"
  timeout 300 sbatch --parsable --dependency=afterok:"$array" --export=ALL --wait -o "$WORK/merge.log" --wrap \
    "ckpt-bnfix --quiet '$MODEL' --merge '$WORK'/parts/part-*.safetensors -o '$WORK/merged.safetensors'" ||
    { squeue >&2; cat "$WORK"/*.log >&2; exit 1; }
  echo "accounting:"
  sed -E 's/^.*(JobId=[0-9]+).* (JobState=[A-Z]+).* (StartTime=[^ ]+ EndTime=[^ ]+).* (ExitCode=[0-9:]+).*$/  \1 \2 \3 \4/' \
    "$SLURM_STATE/jobcomp.log"
  scontrol show job "$array" | grep -o 'ArrayTaskId=[0-9]*\|Restarts=[0-9]*' | paste -sd' ' | sed 's/^/  /'
}
export -f cluster
"$here/slurm-node.sh" bash -c cluster

cmp "$WORK/single.safetensors" "$WORK/merged.safetensors"
echo "four shards on Slurm, one requeued: the same $(stat -c %s "$WORK/merged.safetensors") bytes as one process"
