#!/bin/bash
# each-test.sh PROGRAM [GTEST OPTIONS…]: runs the tests of a gtest program one by one, each in a
# process and under a time limit of its own, so that one that waits or crashes takes nothing along.
# Prints what failed in full, and of a test that ran out of time where every process waited; then
# one line of sums. Exit 0: all passed or skipped.
#
# Environment: TEST_LIMIT  seconds a test may take (60)
set -u
program=$1
shift
name=$(basename "$program")
limit=${TEST_LIMIT:-60}
output=$(mktemp)

# Kernel threads have no program and are left out.
show_processes() {
  local process
  for process in /proc/[0-9]*; do
    [ -n "$(readlink "$process/exe")" ] || continue
    printf '   %s: %s, %s, parent %s, waits in %s, group %s\n' "${process#/proc/}" \
      "$(tr '\0' ' ' <"$process/cmdline" | cut -c1-100)" \
      "$(sed -n 's/^State:\t//p' "$process/status")" "$(sed -n 's/^PPid:\t//p' "$process/status")" \
      "$(cat "$process/wchan")" "$(tail -n 1 "$process/cgroup")"
    sed -n '1,6s/^/      /p' "$process/stack"
  done 2>/dev/null
}

tests=$("$program" --gtest_list_tests "$@" | awk '/^[^ ]/ {suite = $1; next} {print suite $1}' | grep '\.')
[ -n "$tests" ] || { echo "-- $name: no test has such a name"; exit 1; }
passed=0 failed=0 skipped=0 slowest=0 slowest_name=none
begin=$SECONDS
for test in $tests; do
  start=$EPOCHREALTIME
  status=0
  "$program" --gtest_brief=1 --gtest_color=no --gtest_filter="$test" >"$output" 2>&1 </dev/null &
  running=$!
  sleep "$limit" &
  watch=$!
  wait -n -p ended "$running" "$watch" || status=$?
  if [ "$ended" = "$watch" ]; then
    status="out of time ($limit s)"
    show_processes >>"$output"
    kill -KILL "$running"
    wait "$running" 2>/dev/null
  else
    kill "$watch"
    wait "$watch" 2>/dev/null
  fi
  took=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
  [ "$took" -le "$slowest" ] || slowest=$took slowest_name=$test
  if [ "$status" != 0 ]; then
    failed=$((failed + 1))
    echo "FAILED: $name $test: $status, $took ms"
    sed 's/^/   /' "$output"
  elif grep -q '^\[  SKIPPED \]\|: Skipped$' "$output"; then
    skipped=$((skipped + 1))
    echo "skipped: $test: $(sed -n '/: Skipped$/{n;p;q}' "$output")"
  else
    passed=$((passed + 1))
  fi
done
rm -f "$output"
echo "-- $name: $passed passed, $failed failed, $skipped skipped, $((SECONDS - begin)) s;" \
  "slowest: $slowest_name, $slowest ms"
[ "$failed" = 0 ]
