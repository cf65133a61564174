#!/bin/bash
# run-in-vm.sh PROGRAM [ARGS...]: runs PROGRAM as root in a QEMU guest with a pure cgroup v2 tree,
# prints what it prints and ends with its exit status; 125 when the machine itself failed.
#
# The guest is one of Debian's cloud kernels and an initramfs of busybox, the program, its shared
# libraries, and what VM_EXTRA names. TCG, so no /dev/kvm is needed: about 3 s more than the program,
# and CPU work is 5 to 10 times slower.
#
# Needs: qemu-system-x86 linux-image-cloud-amd64 busybox-static cpio kmod xz-utils
# Environment:
#   VM_KERNEL   kernel image (default: the oldest /boot/vmlinuz-*-cloud-amd64)
#   VM_MEM      MiB (512)    VM_CPUS (2)    VM_TIMEOUT seconds (300)
#   VM_MODULES  kernel modules to load, in order      VM_EXTRA  files or folders carried along
#   VM_TREE     folder whose content is laid over /   VM_DISK   MiB of an ext4 disk on /tmp (none: tmpfs)
#   VM_APPEND   words for the kernel command line     VM_ENV    NAME=VALUE ... for the program
set -euo pipefail

die() { echo "run-in-vm: $*" >&2; exit 125; }

[ $# -ge 1 ] || die "usage: run-in-vm.sh PROGRAM [ARGS...]"
for tool in qemu-system-x86_64 busybox cpio modprobe; do
  command -v "$tool" >/dev/null || die "$tool is missing; fix: apt-get install qemu-system-x86 busybox-static cpio kmod"
done
kernel=${VM_KERNEL:-$(ls -1v /boot/vmlinuz-*-cloud-amd64 2>/dev/null | head -1)}
[ -r "$kernel" ] || die "no cloud kernel in /boot; fix: apt-get install linux-image-cloud-amd64"
version=${kernel#*/vmlinuz-}
program=$(readlink -f "$1"); shift
[ -x "$program" ] || die "$program is not a program"

work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
root=$work/root
# As on Debian itself: /bin and its like are links into /usr.
mkdir -p "$root"/{dev,proc,sys,tmp,root,etc,run,var/tmp} "$root"/usr/{bin,sbin,lib/modules,lib64}
for link in bin sbin lib lib64; do ln -s "usr/$link" "$root/$link"; done
cp "$(command -v busybox)" "$root/bin/busybox"
install -m755 "$program" "$root/prog"

# A program's shared libraries, at their own paths.
carry_libraries() {
  local library
  { ldd "$1" 2>/dev/null || true; } | grep -oE '/[^ )]+' | sort -u | while read -r library; do
    [ -e "$root$library" ] || install -D "$library" "$root$library"
  done || true
}
carry_libraries "$program"
for extra in ${VM_EXTRA:-}; do
  mkdir -p "$root$(dirname "$extra")"
  cp -aL "$extra" "$root$extra"
  find "$extra" -type f -perm /111 | while read -r file; do carry_libraries "$file"; done
done

if [ -n "${VM_TREE:-}" ]; then
  cp -a "$VM_TREE/." "$root/"
  find "$VM_TREE" -type f \( -perm /111 -o -name '*.so' \) | while read -r file; do carry_libraries "$file"; done
fi

# A disk of its own, since tmpfs maps no ids before Linux 6.3.
disk=()
if [ -n "${VM_DISK:-}" ]; then
  mke2fs -q -t ext4 -O ^has_journal "$work/disk" "${VM_DISK}M" >/dev/null || die "mke2fs failed; fix: apt-get install e2fsprogs"
  disk=(-drive "file=$work/disk,format=raw,if=virtio,cache=unsafe")
  VM_MODULES="virtio_pci virtio_blk ${VM_MODULES:-}"
fi

# Modules in load order; Debian's 6.12 compresses them.
: >"$root/lib/modules/list"
for module in ${VM_MODULES:-}; do
  modprobe --show-depends -S "$version" "$module" | awk '/^insmod/{print $2}'
done | awk '!seen[$0]++' | while read -r path; do
  name=$(basename "${path%.xz}")
  case $path in
    *.xz) xz -dc "$path" >"$root/lib/modules/$name" ;;
    *) cp "$path" "$root/lib/modules/$name" ;;
  esac
  echo "$name" >>"$root/lib/modules/list"
done

{ [ $# = 0 ] || printf '%q ' "$@"; } >"$root/args"
printf '%s\n' ${VM_ENV:-} >"$root/environment"
printf '%s\n' root:x:0:0:root:/root:/bin/sh nobody:x:65534:65534:nobody:/:/bin/false >"$root/etc/passwd"
printf '%s\n' root:x:0: nogroup:x:65534: >"$root/etc/group"

cat >"$root/init" <<'INIT'
#!/bin/busybox sh
# pivot_root(2) is EINVAL on the initramfs itself, so the tree moves to a tmpfs first.
/bin/busybox mkdir -p /new
/bin/busybox mount -t tmpfs -o mode=755 root /new
for entry in /*; do [ "$entry" = /new ] || /bin/busybox cp -a "$entry" /new/; done
exec /bin/busybox switch_root /new /init2
INIT
cat >"$root/init2" <<'INIT'
#!/bin/busybox sh
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts; mount -t tmpfs tmpfs /dev/shm
# What was carried to below /tmp (a clone there) moves onto what is mounted over it.
mv /tmp /carried; mkdir /tmp; mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
while read -r module; do insmod "/lib/modules/$module" || echo "insmod $module failed"; done </lib/modules/list
[ ! -b /dev/vda ] || mount -t ext4 /dev/vda /tmp
cp -a /carried/. /tmp/; rm -rf /carried
chmod 1777 /tmp /var/tmp
ip link set lo up 2>/dev/null
exec >/dev/ttyS1 2>&1 </dev/null
stty -F /dev/ttyS1 -opost 2>/dev/null
while read -r pair; do [ -z "$pair" ] || export "$pair"; done </environment
cd /tmp
eval "/prog $(cat /args)"
echo "@@VM-EXIT $?@@"
sleep 0.05
reboot -f
INIT
chmod +x "$root/init" "$root/init2"
(cd "$root" && find . -print0 | cpio --null -o -H newc --quiet) >"$work/initrd"

# The second serial port carries the program's output, apart from the kernel's.
boot() {
  timeout "${VM_TIMEOUT:-300}" qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max \
    -m "${VM_MEM:-512}" -smp "${VM_CPUS:-2}" -nodefaults -no-user-config -display none -no-reboot \
    -serial "file:$work/console" -serial "file:$work/out" -kernel "$kernel" -initrd "$work/initrd" \
    "${disk[@]}" \
    -append "console=ttyS0 quiet reboot=t panic=-1 mitigations=off cgroup_no_v1=all ${VM_APPEND:-}" \
    </dev/null
}

status=0
boot || status=$?
# An emulated machine's kernel panics now and then in its own scheduler. Once is its fault.
if ! grep -aq '^@@VM-EXIT' "$work/out" && grep -aq 'Kernel panic - not syncing' "$work/console"; then
  echo "run-in-vm: the guest's kernel panicked; once more from the start" >&2
  grep -a -m1 'RIP:' "$work/console" >&2 || true
  status=0
  boot || status=$?
fi
grep -av '^@@VM-EXIT' "$work/out" || true
result=$(grep -aoP '^@@VM-EXIT \K[0-9]+' "$work/out" | tail -1 || true)
if [ -z "$result" ]; then
  tail -40 "$work/console" >&2 || true
  die "no exit status from the guest (qemu ended with $status)"
fi
exit "$result"
