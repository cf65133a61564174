#!/usr/bin/env bash
# A disk workspace limited by a project quota, which most development machines do not have: in a
# machine with an ext4 that has the feature. Needs the release build; the newest cloud kernel.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
bin=$(readlink -f "$here/../../..")/build/release/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
mkdir -p "$tree$bin" "$tree/usr/bin" "$tree/usr/sbin"
for program in faber faber-jailer faber-init; do
  [ -x "$bin/$program" ] || { echo "quota: $program is not built"; exit 1; }
  strip -o "$tree$bin/$program" "$bin/$program"
done
for tool in bash dash cat head ls rm stat sync touch mount losetup; do
  cp -L "$(command -v $tool)" "$tree/usr/bin/"
done
ln -s dash "$tree/usr/bin/sh"
mke2fs -q -t ext4 -O quota,project -E quotatype=prjquota "$tree/quota.img" 96M >/dev/null
kernel=$(ls -1v /boot/vmlinuz-*-cloud-amd64 | tail -1)
VM_KERNEL=$kernel VM_TREE=$tree VM_MEM=1024 VM_MODULES="loop ext4 quota_tree quota_v2" VM_TIMEOUT=${VM_TIMEOUT:-600} \
  VM_ENV="BIN=$bin" "$here/run-in-vm.sh" "$here/quota-guest.sh"
