#!/usr/bin/env bash
# For the scripts beside it: what a machine with the isolation engine gets at /.
#   make_tree DIR PROGRAM…  programs of build/release/bin, stripped, at their own paths, with
#                           faber, its jailer and init, and the tools that tests and guests use
#   on_all_kernels TREE GUEST-SCRIPT [ARGS…]   a machine a kernel, both at once; 0: all passed
# Reads VM_KERNELS: other kernel images than all of /boot.
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
repository=$(readlink -f "$here/../../..")
bin=$repository/build/release/bin

carry() { tar -C / -c "${@#/}" | tar -C "$tree" -x; }

# Of Python's library only what the tests import.
python_modules() {
  /usr/bin/python3 -I - <<'PYTHON'
import asyncio, ctypes, mmap, os, resource, shutil, socket, subprocess, sys, tempfile, threading, time
import encodings.ascii, encodings.idna, encodings.latin_1
for module in list(sys.modules.values()):
    for name in (getattr(module, "__file__", None), getattr(module, "__cached__", None)):
        if name and os.path.exists(name):
            print(name)
PYTHON
}

make_tree() {
  tree=$1
  shift
  local tool program
  # Busybox gives what is not named here.
  local tools="bash dash cat cp cut echo env false head id kill ls mkdir mkfifo mount nice od perl
    pwd python3.11 readlink rm seq setpriv setsid sleep sort stat stty tail test touch tr true tty umount
    uname unshare wc yes grep hostname ln printf install find make git tar sed awk mktemp date basename
    newuidmap newgidmap"
  mkdir -p "$tree/usr/bin" "$tree$bin" "$tree/etc"
  for tool in $tools; do
    cp -L --preserve=mode "/usr/bin/$tool" "$tree/usr/bin/"
  done
  echo machine >"$tree/etc/hostname"
  ln -s dash "$tree/usr/bin/sh"
  ln -s python3.11 "$tree/usr/bin/python3"
  carry /usr/lib/x86_64-linux-gnu/perl-base /usr/share/git-core/templates
  # shellcheck disable=SC2046
  carry $(python_modules)
  cp "$here/each-test.sh" "$here/expect.sh" "$tree/"
  for program in faber faber-jailer faber-init "$@"; do
    [ -x "$bin/$program" ] || { echo "$0: $program is not built"; exit 1; }
    strip -o "$tree$bin/$program" "$bin/$program"
  done
}

on_all_kernels() {
  local tree=$1 kernels machines=() i status failed=0
  shift
  read -ra kernels <<<"${VM_KERNELS:-$(ls -1v /boot/vmlinuz-*-cloud-amd64 | tr '\n' ' ')}"
  [ ${#kernels[@]} -gt 0 ] || { echo "$0: no cloud kernel in /boot"; exit 1; }
  for i in "${!kernels[@]}"; do
    VM_KERNEL=${kernels[$i]} VM_TREE=$tree VM_DISK=${VM_DISK:-256} VM_MEM=${VM_MEM:-1536} VM_ENV="BIN=$bin" \
      "$here/run-in-vm.sh" "$@" >"$work/out.$i" 2>&1 &
    machines+=($!)
  done
  for i in "${!kernels[@]}"; do
    status=0
    wait "${machines[$i]}" || status=$?
    echo "== $(basename "$0") on ${kernels[$i]#*/vmlinuz-}: status $status, $SECONDS s"
    cat "$work/out.$i"
    [ "$status" = 0 ] || failed=1
  done
  return $failed
}
