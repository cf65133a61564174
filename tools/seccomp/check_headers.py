#!/usr/bin/env python3
"""Compares syscalls.tsv with the kernel headers of this machine: check_headers.py [CC].

Fails when the headers have a name that no class is given to, or another number than the table. Names that
are only in the table are newer than the headers, and are counted. Exit 0 fine, 1 differences.
"""
import re
import subprocess
import sys

import policy

# What arch/arm64/include/uapi/asm/unistd.h asks of the generic list, so that any host can be asked.
ARM64_WANTS = ("RENAMEAT", "NEW_STAT", "SET_GET_RLIMIT", "TIME32_SYSCALLS", "SYS_CLONE3",
               "MEMFD_SECRET")
NO_CALLS = ("syscalls", "arch_specific_syscall")


def header_numbers(compiler, source):
    """Names and numbers that the preprocessor sees after `source`; None without these headers."""
    command = [compiler, "-E", "-P", "-x", "c", "-"]
    names = subprocess.run(command[:1] + ["-dM"] + command[1:], input=source, capture_output=True,
                           text=True, check=False)
    if names.returncode != 0:
        return None
    found = re.findall(r"^#define __NR_([a-z0-9_]+) ", names.stdout, re.MULTILINE)
    # Numbers may be macros of macros (__NR3264_lseek): let the preprocessor resolve them.
    probe = source + "".join(f'\nNUMBER "{name}" __NR_{name}' for name in found)
    values = subprocess.run(command, input=probe, capture_output=True, text=True, check=True)
    pairs = re.findall(r'NUMBER\s+"(\w+)"\s+(\d+)', values.stdout)
    numbers = {name: int(number) for name, number in pairs}
    if len(numbers) != len(found) or not numbers:
        raise SystemExit(f"{compiler} gave {len(numbers)} numbers for {len(found)} names")
    return {name: number for name, number in numbers.items() if name not in NO_CALLS}


def main(compiler):
    _, table = policy.read()
    generic = "".join(f"#define __ARCH_WANT_{want}\n" for want in ARM64_WANTS)
    generic += "#define __BITS_PER_LONG 64\n#include <asm-generic/unistd.h>\n"
    sources = {"x86_64": "#include <asm/unistd_64.h>\n", "aarch64": generic}
    bad = 0
    for arch, source in sources.items():
        headers = header_numbers(compiler, source)
        if headers is None:
            print(f"{arch}: this machine has no such headers, not compared")
            continue
        ours = {call.name: getattr(call, arch) for call in table if getattr(call, arch) >= 0}
        for name, number in sorted(headers.items()):
            if ours.get(name) != number:
                print(f"{arch}: {name} is {number} in the headers, {ours.get(name, 'in no class')}"
                      " in syscalls.tsv")
                bad += 1
        print(f"{arch}: {len(headers)} names in the headers, {len(set(ours) - set(headers))} newer"
              " ones in the table")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "cc"))
