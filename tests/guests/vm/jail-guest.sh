#!/bin/bash
# Inside the machine of full-jail.sh, as root: BIN is where the programs lie. Exit 0: all passed.
# With arguments: one command, for a look by hand.
failed=0
cd /tmp || exit 1
if [ $# -gt 0 ]; then exec "$@"; fi
. /expect.sh

run() {
  local name=$1
  shift
  /each-test.sh "$BIN/$name" "$@" || failed=1
}

as_nobody="setpriv --reuid 65534 --regid 65534 --clear-groups"
expect 0 "level medium can be had here" "$BIN/faber" check
expect 0 '"cgroup_mode":"v2"' "$BIN/faber" run --json -- /bin/echo hello
expect 124 "" "$BIN/faber" run --wall-time 1s -- /bin/sleep 100
expect 2 "for want of cgroup.memory" $as_nobody "$BIN/faber" check
expect 125 "fix: " $as_nobody "$BIN/faber" run -- /bin/true
# In a group below the root of the tree, as a service manager gives one: alone, then with a shell.
echo "+cpu +memory +pids" >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/scope
expect 0 "alone" bash -c "echo \$\$ >/sys/fs/cgroup/scope/cgroup.procs; exec $BIN/faber run -- /bin/echo alone"
rmdir /sys/fs/cgroup/scope/faber-0/service /sys/fs/cgroup/scope/faber-0 /sys/fs/cgroup/scope
mkdir /sys/fs/cgroup/scope
expect 125 "systemd-run --scope" \
  bash -c "echo \$\$ >/sys/fs/cgroup/scope/cgroup.procs; $BIN/faber run -- /bin/true; exit \$?"
rmdir /sys/fs/cgroup/scope
[ -z "$(find /sys/fs/cgroup -name 'faber-*')" ] || { echo "groups are left"; failed=1; }

# Through a jailer that listens; before Linux 6.5 it cannot tell who its callers are and refuses
# them, and each run starts one of its own.
"$BIN/faber" jailer --slots 2 >/dev/null &
jailer=$!
while [ ! -S /run/faber/jailer.sock ] && kill -0 $jailer; do sleep 0.1; done
expect 0 '"shared":[]' "$BIN/faber" run --json -- /bin/true
case $(uname -r) in
  6.1.*) expect 0 '"shared":[]' "$BIN/faber" run --json -- /bin/true ;;
  *) expect 0 '"shared":["user_ns"' "$BIN/faber" run --json -- /bin/true ;;
esac
kill $jailer
wait $jailer || { echo "faber jailer: exit $?"; failed=1; }

run jail_leases_kernel_test
run jail_host_kernel_test
# Less the one that measures, and the one that loops: times of an emulated processor say nothing.
run jail_child_kernel_test --gtest_filter=-*ReportsWhatALaunchCosts:*UsageOfTheLeader*
# Once is enough for files, which do not depend on the level; the kill after every call of the
# jailer needs more than a thousand sandboxes.
less=*FilesTest*/Medium:KillEverywhere*
FABRO_LAUNCHES=20 run jail_kernel_test "--gtest_filter=-$less"
# Of the tools that guests use those that are carried along, below one filter of each kind. No
# compiler, make or git here.
run linux_seccomp_kernel_test \
  --gtest_filter=-*Compiler*:*Make*:*Git*:*/MediumNoNetwork:*/HighSockets
exit $failed
