#!/usr/bin/env bash
# Control groups on v2, kernels 6.1 and 6.12.
exec "$(dirname "$0")/suite.sh" build/release/bin/linux_cgroup_kernel_test
