#!/bin/bash
# Inside the machine of full-security.sh, as root: BIN is where the programs lie. Exit 0: all passed.
# With arguments: one command, for a look by hand.
cd /tmp || exit 1
if [ $# -gt 0 ]; then exec "$@"; fi
. /expect.sh

# The example's own clone, on a file system that maps ids.
cp -a /hello /tmp/hello
cd /tmp/hello || exit 1
git init -q . && git add -A && git -c user.name=n -c user.email=e commit -qm one || exit 1
start=$SECONDS
expect 0 "succeeded" "$BIN/fabro" run examples/hello/workflow.fabro --environment namespace --storage-dir /tmp/storage
echo "-- examples/hello: $((SECONDS - start)) s"
cd /tmp || exit 1

# shellcheck disable=SC2086
for program in ${PROGRAMS:-conformance_kernel_test security_test}; do
  /each-test.sh "$BIN/$program" || failed=1
done
exit $failed
