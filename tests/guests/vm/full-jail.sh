#!/usr/bin/env bash
# The isolation engine on pure control groups v2, kernels 6.1 and 6.12: its kernel tests, and faber
# as a user has it. One machine a kernel; what runs inside is jail-guest.sh.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
repository=$(readlink -f "$here/../../..")
bin=$repository/build/release/bin
work=$(mktemp -d)
tree=$work/tree  # What the machine gets at /.
trap 'rm -rf "$work"' EXIT

# Programs that the tests start by name; busybox gives the others that they use.
tools="bash dash cat cp cut echo env false head id kill ls mkdir mkfifo mount nice od perl pwd python3.11
  readlink rm seq setpriv setsid sleep sort stat stty tail test touch tr true tty umount uname unshare wc yes
  grep hostname ln printf install find make git tar sed awk mktemp date basename"
mkdir -p "$tree/usr/bin" "$tree$bin"
cp "$here/each-test.sh" "$tree/"
for tool in $tools; do
  cp -L "/usr/bin/$tool" "$tree/usr/bin/"
done
mkdir -p "$tree/etc"
echo machine >"$tree/etc/hostname"
ln -s dash "$tree/usr/bin/sh"
ln -s python3.11 "$tree/usr/bin/python3"
carry() { tar -C / -c "${@#/}" | tar -C "$tree" -x; }
carry /usr/lib/x86_64-linux-gnu/perl-base /usr/share/git-core/templates

# Of Python's library only what the tests import.
modules=$(/usr/bin/python3 -I - <<'PYTHON'
import asyncio, ctypes, mmap, os, resource, shutil, socket, subprocess, sys, tempfile, threading, time
import encodings.ascii, encodings.idna, encodings.latin_1
for module in list(sys.modules.values()):
    for name in (getattr(module, "__file__", None), getattr(module, "__cached__", None)):
        if name and os.path.exists(name):
            print(name)
PYTHON
)
# shellcheck disable=SC2086
carry $modules

tests="jail_child_kernel_test jail_kernel_test jail_leases_kernel_test jail_host_kernel_test
  linux_seccomp_kernel_test"
for program in faber faber-jailer faber-init $tests; do
  [ -x "$bin/$program" ] || { echo "full-jail: $program is not built"; exit 1; }
  strip -o "$tree$bin/$program" "$bin/$program"
done

# Both machines at once: what they run is one thread most of the time.
# JAIL_KERNELS: other kernel images than all in /boot.
read -ra kernels <<<"${JAIL_KERNELS:-$(ls -1v /boot/vmlinuz-*-cloud-amd64 | tr '\n' ' ')}"
[ ${#kernels[@]} -gt 0 ] || { echo "full-jail: no cloud kernel in /boot"; exit 1; }
machines=()
for kernel in "${kernels[@]}"; do
  VM_KERNEL=$kernel VM_TREE=$tree VM_DISK=256 VM_MEM=1536 VM_TIMEOUT=${VM_TIMEOUT:-1500} VM_ENV="BIN=$bin" \
    "$here/run-in-vm.sh" "$here/jail-guest.sh" "$@" >"$work/out.${kernel##*/}" 2>&1 &
  machines+=($!)
done
failed=0
for i in "${!kernels[@]}"; do
  status=0
  wait "${machines[$i]}" || status=$?
  echo "== isolation engine on ${kernels[$i]#*/vmlinuz-}: status $status, $SECONDS s"
  cat "$work/out.${kernels[$i]##*/}"
  [ "$status" = 0 ] || failed=1
done
exit $failed
