#!/bin/bash
# What quota.sh runs inside its machine.
set -u
fail() { echo "not ok: $*"; exit 1; }
mkdir -p /q
mount -o loop,prjquota /quota.img /q || fail "mount"
mkdir -m 700 /q/ws
run() { "$BIN/faber" run --workspace disk:/q/ws --tmpfs 16MiB "$@"; }
out=$(run --json -- sh -c 'head -c 12M /dev/zero >/work/a; head -c 12M /dev/zero >/tmp/b || echo full') || fail "run: $out"
case $out in *'"workspace_limit":"quota"'*) ;; *) fail "mechanism: $out" ;; esac
case $out in *full*) ;; *) fail "bytes are not limited: $out" ;; esac
echo "ok: bytes of all places have one limit"
run -- sh -c 'rm -f /work/* /tmp/*; i=0; while touch /work/f$i 2>/dev/null; do i=$((i+1)); [ $i -lt 2000 ] || break; done; echo $i >/dev/shm/n; cat /dev/shm/n' >/tmp/n || fail "inodes"
n=$(cat /tmp/n)
[ "$n" -gt 900 ] && [ "$n" -lt 1100 ] || fail "inodes: $n"
echo "ok: inodes have one limit ($n)"
run -- sh -c 'rm -f /work/*; echo kept >/work/f' && [ "$(run -- cat /work/f)" = kept ] || fail "kept"
echo "ok: the workspace outlives the sandbox"
