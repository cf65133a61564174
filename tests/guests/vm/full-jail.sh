#!/usr/bin/env bash
# The isolation engine on pure control groups v2, kernels 6.1 and 6.12: its kernel tests, and faber
# as root has it. What runs inside is jail-guest.sh.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/engine.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
make_tree "$work/tree" jail_child_kernel_test jail_kernel_test jail_leases_kernel_test \
  jail_host_kernel_test linux_seccomp_kernel_test
export VM_TIMEOUT=${VM_TIMEOUT:-1500}
on_all_kernels "$work/tree" "$here/jail-guest.sh" "$@"
