#!/usr/bin/env bash
# ckpt-bnfix, ckpt-sweep, ckpt-fixres and ckpt-average on a real Slurm: four array tasks, and for the first three a merge that
# depends on them, give the bytes of one process, also when one task is killed half-way and requeued. ckpt-best, whose shards
# have a race each, gives what the same shards give one after the other. The Kubernetes job is run index by index, with the
# environment that the pods would have.
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
# Several views, for the same reason.
export VIEWS="--crop 64 --train last:1 --augment train --views 4 --seed 3" TUNING="--epochs 2 --lr 0.01"
ckpt-average --quiet "$root"/fixtures/run/*.safetensors -o "$MODEL"
ckpt-bnfix --quiet "$MODEL" --data "$TRAIN" -o "$FIXED"
ckpt-sweep --quiet "$FIXED" --data "$VAL" $GRID -o "$WORK/sweep-single.safetensors" >"$WORK/sweep-single.txt"
ckpt-fixres --quiet "$FIXED" --data "$TRAIN" --val "$VAL" $VIEWS $TUNING -o "$WORK/fixres-single.safetensors"

export SERIES="$root/fixtures/run"
# Fewer averages than by default, all at two sizes.
export SPACE="--sizes 48,72 --half-lives 2,4 --schedules cosine --no-soup --bn-images 320"
mkdir "$WORK/local"
for shard in 0 1 2 3; do
  ckpt-best --quiet --series "$SERIES" --train "$TRAIN" --val "$VAL" $SPACE --shard $shard/4 --state "$WORK/local/state-$shard"
done
ckpt-best --quiet --series "$SERIES" --train "$TRAIN" --val "$VAL" $SPACE --merge "$WORK"/local/state-* \
  -o "$WORK/best-single.safetensors" >"$WORK/best-single.txt"

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

  mkdir "$WORK/parts" "$WORK/states" "$WORK/features" "$WORK/search"
  run_array bnfix "$MODEL" "$TRAIN" "$WORK/parts"
  merge bnfix \
    "ckpt-bnfix --quiet '$MODEL' --merge '$WORK'/parts/part-*.safetensors -o '$WORK/bnfix-merged.safetensors'"
  # $GRID is words.
  run_array sweep "$FIXED" "$VAL" "$WORK/states" $GRID
  merge sweep \
    "ckpt-sweep --quiet '$FIXED' --merge '$WORK'/states/state-* -o '$WORK/sweep-merged.safetensors' >'$WORK/sweep-merged.txt'"
  # So is $VIEWS.
  run_array fixres "$FIXED" "$TRAIN" "$WORK/features" $VIEWS
  merge fixres \
    "ckpt-fixres --quiet '$FIXED' --merge '$WORK'/features/part-* --val '$VAL' $VIEWS $TUNING -o '$WORK/fixres-merged.safetensors'"
  # And $SPACE.
  run_array best "$SERIES" "$TRAIN" "$VAL" "$WORK/search" $SPACE
  merge best \
    "ckpt-best --quiet --series '$SERIES' --train '$TRAIN' --val '$VAL' $SPACE --merge '$WORK'/search/state-* -o '$WORK/best-merged.safetensors' >'$WORK/best-merged.txt'"
  echo "accounting:"
  sed -E 's/^.*(JobId=[0-9]+).* (JobState=[A-Z]+).* (StartTime=[^ ]+ EndTime=[^ ]+).* (ExitCode=[0-9:]+).*$/  \1 \2 \3 \4/' \
    "$SLURM_STATE/jobcomp.log"
}
export -f cluster

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
cmp "$WORK/fixres-single.safetensors" "$WORK/fixres-merged.safetensors"
cmp "$WORK/best-single.safetensors" "$WORK/best-merged.safetensors"
cmp <(sed '$d' "$WORK/best-single.txt") <(sed '$d' "$WORK/best-merged.txt")
for tool in bnfix sweep fixres; do
  size=$(stat -c %s "$WORK/$tool-merged.safetensors")
  echo "ckpt-$tool: four shards on Slurm, one requeued: the same $size bytes as one process"
done
echo "ckpt-best: four shards on Slurm, one requeued: the same $(stat -c %s "$WORK/best-merged.safetensors") bytes as four shards one by one"

for name in "$WORK"/whole/*; do cmp "$name" "$WORK/merged/$(basename "$name")"; done
echo "an average of four tasks on Slurm: the same $(ls "$WORK/whole" | wc -l) files as one process"

grep -q 'auto/4' "$here/average-job.yaml"
for index in 3 1 0 2 1; do
  env -u SLURM_PROCID JOB_COMPLETION_INDEX=$index ckpt-average --quiet --series "$SERIES" --max-shard-size 100K \
    --shard auto/4 -o "$WORK/indexed"
done
for name in "$WORK"/whole/*; do cmp "$name" "$WORK/indexed/$(basename "$name")"; done
echo "an average of four indexes, one repeated: the same files as one process"
