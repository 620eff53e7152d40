#!/usr/bin/env bash
# ckpt-bnfix and ckpt-average on a real Slurm: four array tasks, and for ckpt-bnfix a merge that depends on them, give the
# bytes of one process, also when one task is killed half-way and requeued. The Kubernetes job is run index by index, with
# the environment that the pods would have.
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

cmp "$WORK/single.safetensors" "$WORK/merged.safetensors"
echo "four shards on Slurm, one requeued: the same $(stat -c %s "$WORK/merged.safetensors") bytes as one process"

for name in "$WORK"/whole/*; do cmp "$name" "$WORK/merged/$(basename "$name")"; done
echo "an average of four tasks on Slurm: the same $(ls "$WORK/whole" | wc -l) files as one process"

grep -q 'auto/4' "$here/average-job.yaml"
for index in 3 1 0 2 1; do
  env -u SLURM_PROCID JOB_COMPLETION_INDEX=$index ckpt-average --quiet --series "$SERIES" --max-shard-size 100K \
    --shard auto/4 -o "$WORK/indexed"
done
for name in "$WORK"/whole/*; do cmp "$name" "$WORK/indexed/$(basename "$name")"; done
echo "an average of four indexes, one repeated: the same files as one process"
