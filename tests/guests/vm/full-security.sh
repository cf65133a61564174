#!/usr/bin/env bash
# On control groups v2, kernels 6.1 and 6.12: the threat matrix' rows, the conformance table of the
# provider `namespace`, and examples/hello from end to end. What runs inside is security-guest.sh.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/engine.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
make_tree "$work/tree" faber-probe security_test conformance_kernel_test fabro

# A compiler of C, and what the stages of the example call.
version=$(gcc -dumpversion)
machine=$(gcc -dumpmachine)
libraries=/usr/lib/$machine
lib_gcc=/usr/lib/gcc/$machine/$version
for tool in gcc as ld ar ranlib patch gzip mv expr; do
  cp -L --preserve=mode "/usr/bin/$tool" "$tree/usr/bin/"
done
ln -sf gcc "$tree/usr/bin/cc"
# shellcheck disable=SC2046
carry "$lib_gcc"/{cc1,collect2,lto-wrapper,liblto_plugin.so,libgcc.a,libgcc_eh.a,libgcc_s.so,include} \
  $(ls "$lib_gcc"/crt*.o) "$libraries"/{crt1.o,Scrt1.o,crti.o,crtn.o,libc.so,libc_nonshared.a,libm.so,libgcc_s.so.1} \
  $(dpkg -L libc6-dev linux-libc-dev | grep '^/usr/include/.*\.h$') \
  "$(dirname "$(readlink -f "$libraries/libmvec.so.1")")/libmvec.so.1"
mkdir -p "$tree/hello/examples"
cp -a "$repository/examples/hello" "$tree/hello/examples/"
export VM_TIMEOUT=${VM_TIMEOUT:-1500} VM_MEM=${VM_MEM:-2048}
on_all_kernels "$tree" "$here/security-guest.sh" "$@"
