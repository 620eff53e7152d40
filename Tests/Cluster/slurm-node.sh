#!/usr/bin/env bash
# A Slurm of one node on loopback, in a folder of its own, for as long as one command runs.
# usage: slurm-node.sh COMMAND…        (needs root, slurm-wlm and munge)
set -euo pipefail

state=$(mktemp -d)
chmod 755 "$state"
host=$(hostname -s)
cores=$(nproc)
daemons=()

stop() {
  for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$state"
}
trap stop EXIT

wait_for() { # SECONDS COMMAND…
  local tries=$(($1 * 10))
  shift
  until "$@" >/dev/null 2>&1; do
    ((tries-- > 0)) || { echo "slurm-node: gave up on: $*" >&2; tail -n 20 "$state"/*.log >&2; exit 1; }
    sleep 0.1
  done
}

mkdir -p "$state"/{spool,save,munge}
chmod 700 "$state/munge"
head -c 128 /dev/urandom >"$state/munge/key"
chmod 400 "$state/munge/key"
cat >"$state/slurm.conf" <<CONF
ClusterName=loopback
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$state/munge/socket
CryptoType=crypto/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/linux
JobCompType=jobcomp/filetxt
JobCompLoc=$state/jobcomp.log
StateSaveLocation=$state/save
SlurmdSpoolDir=$state/spool
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd.log
SchedulerParameters=sched_interval=1
MinJobAge=600
ReturnToService=2
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cores State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=00:20:00 State=UP
CONF
export SLURM_CONF=$state/slurm.conf

munged --foreground --force --key-file="$state/munge/key" --socket="$state/munge/socket" \
  --pid-file="$state/munge/pid" --log-file="$state/munge/log" --seed-file="$state/munge/seed" \
  >"$state/munged.log" 2>&1 &
daemons+=($!)
wait_for 20 test -S "$state/munge/socket"
slurmctld -D -c >"$state/controller.log" 2>&1 &
daemons+=($!)
slurmd -D -c >"$state/node.log" 2>&1 &
daemons+=($!)
wait_for 60 sh -c "sinfo -h -o %T | grep -qx idle"

export SLURM_STATE=$state
"$@"
