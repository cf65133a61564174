#!/usr/bin/env bash
# Runs a kernel test program on pure cgroup v2, on both of Debian 12's kernels.
# usage: suite.sh PROGRAM [VM_EXTRA files…]; exit 0 when all tests passed on all kernels.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
program=$1
shift
[ -x "$program" ] || { echo "suite: $program is not built"; exit 1; }
kernels=$(ls -1v /boot/vmlinuz-*-cloud-amd64)
[ -n "$kernels" ] || { echo "suite: no cloud kernel in /boot"; exit 1; }
failed=0
for kernel in $kernels; do
  echo "== $(basename "$program") on ${kernel#*/vmlinuz-}"
  VM_KERNEL=$kernel VM_EXTRA="$*" VM_MEM=${VM_MEM:-1024} "$here/run-in-vm.sh" "$program" || failed=1
done
exit $failed
