#!/bin/bash
# Inside the machine of suite-user.sh, as root: makes a user and gives it what systemd's
# Delegate=yes gives (the group and its interface files, nothing else), then runs faber as that user.
cd /tmp || exit 1
if [ $# -gt 0 ]; then exec "$@"; fi
. /expect.sh
groups=/sys/fs/cgroup
uid=1000
echo "alice:x:$uid:$uid:alice:/tmp/alice:/bin/sh" >>/etc/passwd
echo "alice:x:$uid:" >>/etc/group
mkdir -p -m 700 /tmp/alice /run/user/$uid
mkdir -p /tmp/alice/src /tmp/alice/disk
echo source >/tmp/alice/src/file
chmod 700 /tmp/alice/disk
chown -R $uid:$uid /tmp/alice /run/user/$uid
chmod 755 /run/user
grep -q "memory" $groups/cgroup.controllers || exit 1

# delegate CONTROLLERS: $groups/user with these, alice's.
delegate() {
  echo "$1" >$groups/cgroup.subtree_control
  mkdir -p $groups/user
  chown $uid:$uid $groups/user $groups/user/cgroup.procs $groups/user/cgroup.subtree_control \
    $groups/user/cgroup.threads
}
# Ends what the last command left in the group: `service` stays, since it was started in it.
forget() {
  rmdir $groups/user/faber-$uid/service $groups/user/faber-$uid $groups/user 2>/dev/null
  [ ! -e $groups/user ] || { echo "FAILED: groups are left: $(find $groups/user -type d)"; failed=1; }
  mkdir -p $groups/user
  delegate "$controllers"
}
# alice COMMAND…: as that user, alone in the delegated group, as systemd-run --scope starts it.
alice() {
  bash -c "echo \$\$ >$groups/user/cgroup.procs
    exec setpriv --reuid $uid --regid $uid --clear-groups env HOME=/tmp/alice \"\$@\"" alice "$@"
  local status=$?
  forget
  return $status
}
controllers="+cpu +memory +pids"
delegate "$controllers"
run="$BIN/faber run"

echo "-- without subordinate ids"
expect 0 "sandboxes run under the caller's id" alice $BIN/faber check
expect 0 '"identity":"caller"' alice $run --json -- /bin/true
expect 0 "uid=1000(agent)" alice $run -- /usr/bin/id
expect 0 "CapEff:	0000000000000000" alice $run -- /bin/grep CapEff /proc/self/status
expect 0 "left of init: 0" alice $run -- /bin/sh -c 'kill -9 -1; kill -9 1; ls /proc/1/fd 2>/dev/null | wc -l | sed "s/^/left of init: /"'
expect 0 "source" alice $run --bind /tmp/alice/src:/src:rw -- /bin/sh -c 'cat /src/file; echo made >/src/made'
[ "$(stat -c %u /tmp/alice/src/made)" = $uid ] || { echo "FAILED: whose is src/made?"; failed=1; }
expect 0 "" alice $run --workspace disk:/tmp/alice/disk -- /bin/sh -c 'echo kept >kept'
expect 0 "kept" alice $run --workspace disk:/tmp/alice/disk -- /bin/cat kept

echo "-- with subordinate ids"
echo "alice:100000:65536" | tee /etc/subuid >/etc/subgid
expect 0 "two for each sandbox, of 100000-165535" alice $BIN/faber check
expect 0 '"identity":"subordinate"' alice $run --json -- /bin/true
expect 0 "1000     1000" alice $run -- /bin/grep -w 1000 /proc/self/uid_map
expect 0 "uid=1000(agent)" alice $run --level high -- /usr/bin/id
expect 0 "source" alice $run --bind /tmp/alice/src:/src -- /bin/cat /src/file
expect 125 "--degrade identity" alice $run --bind /tmp/alice/src:/src:rw -- /bin/true
expect 125 "--degrade identity" alice $run --workspace disk:/tmp/alice/disk -- /bin/true
expect 0 '"degraded":["identity"]' \
  alice $run --json --degrade identity --bind /tmp/alice/src:/src:rw -- /bin/sh -c 'echo again >/src/again'
[ "$(stat -c %u /tmp/alice/src/again)" = $uid ] || { echo "FAILED: whose is src/again?"; failed=1; }

echo "-- its limits"
expect 137 "" alice $run --memory 64MiB -- /usr/bin/python3 -c 'x = bytearray(200 << 20)'
expect 2 '"outcome":"pids_limit"' alice $run --json --pids 3 -- /bin/sh -c 'for i in 1 2 3 4 5; do sleep 0.2 & done; true'
expect 124 "--wall-time" alice $run --wall-time 1s -- /bin/sleep 100
expect 124 "--cpu-time" alice $run --cpu-time 200ms -- /bin/sh -c 'while :; do :; done'
expect 125 "cgroup.cpuset" alice $run --cpu-set 0 -- /bin/true
controllers="+cpu +cpuset +io +memory +pids"
delegate "$controllers"
expect 0 "Cpus_allowed_list:	1" alice $run --cpu-set 1 -- /bin/grep Cpus_allowed_list /proc/self/status
expect 125 "the cores here are 0-1" alice $run --cpu-set 7 -- /bin/true
expect 0 '"written_bytes"' alice $run --json --io-write 4MiB --degrade identity --workspace disk:/tmp/alice/disk -- \
  /usr/bin/python3 -c 'import os; f = open("big", "wb"); f.write(bytes(1 << 20)); f.flush(); os.fsync(f.fileno())'
expect 0 "made 20" alice $run --inodes 20 -- /bin/sh -c \
  'i=0; while touch f$i 2>/dev/null; do i=$((i + 1)); done; echo made $i'

echo "-- what is refused"
cat >>/etc/subuid <<END
bob:165535:65536
END
expect 125 "are those of bob too" alice $run -- /bin/true
expect 2 "are those of bob too" alice $BIN/faber check
echo "alice:100000:2" | tee /etc/subuid >/etc/subgid
# The two ids are held by a first sandbox, in a group of its own.
mkdir $groups/other
chown $uid:$uid $groups/other $groups/other/cgroup.procs $groups/other/cgroup.subtree_control
mkfifo /tmp/alice/hold
bash -c "echo \$\$ >$groups/other/cgroup.procs
  exec setpriv --reuid $uid --regid $uid --clear-groups $run -- /bin/sh -c 'echo up; sleep 1000'" \
  </dev/null >/tmp/alice/hold &
holder=$!
read -r up </tmp/alice/hold
[ "$up" = up ] || { echo "FAILED: the first sandbox did not start"; failed=1; }
expect 125 "all ids of the block are leased" alice $run -- /bin/true
kill $holder
wait $holder
chmod u-s /usr/bin/newuidmap
expect 125 "set-user-ID root" alice $run -- /bin/true
chmod u+s /usr/bin/newuidmap
expect 125 "systemd-run --user --scope" setpriv --reuid $uid --regid $uid --clear-groups $run -- /bin/true
# A shell that stays in the group: its children cannot have groups of their own there.
expect 125 "shared with process" bash -c "echo \$\$ >$groups/user/cgroup.procs
  setpriv --reuid $uid --regid $uid --clear-groups $run -- /bin/true; exit \$?"
# Only what a killed faber was started in may be left of it.
rmdir $groups/other/faber-$uid/service
[ -z "$(find $groups -path '*/jobs*')" ] || { echo "FAILED: left: $(find $groups -path '*/jobs*')"; failed=1; }
exit $failed
