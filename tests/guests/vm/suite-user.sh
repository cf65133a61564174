#!/usr/bin/env bash
# The isolation engine for a user who is not root, on control groups v2, kernels 6.1 and 6.12: in a
# delegated group, with and without subordinate ids. What runs inside is user-guest.sh.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/engine.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
make_tree "$work/tree"
export VM_TIMEOUT=${VM_TIMEOUT:-300} VM_MEM=${VM_MEM:-768}
on_all_kernels "$work/tree" "$here/user-guest.sh" "$@"
