"""Every header compiles alone and has #pragma once. Compiled through ccache, two at a time."""
import concurrent.futures
import os
import shutil
import subprocess
import sys

from common import finish, lines_of, root_of, sources


def compile_alone(root, header, scratch):
    name = header.replace("/", "_")
    unit = os.path.join(scratch, name + ".cc")
    text = f'#include "{os.path.join(root, header)}"\n'
    with open(unit, "w", encoding="utf-8") as file:
        file.write(text)
    launcher = [shutil.which("ccache")] if shutil.which("ccache") else []
    run = subprocess.run(launcher + ["g++", "-std=gnu++20", "-O0", "-w", "-c", f"-I{root}/src",
                                     f"-I{root}", "-o", unit + ".o", unit], capture_output=True, text=True, check=False)
    if run.returncode == 0:
        return None
    first = next((l for l in run.stderr.split("\n") if "error" in l), run.stderr[:200])
    return f"{header}:1: does not compile alone: {first}"


def check(root):
    headers = [p for p in sources(root) if p.endswith(".h")]
    findings = [f"{h}:1: no #pragma once" for h in headers if "#pragma once" not in lines_of(root, h)]
    scratch = os.path.join(root, "build/headers")  # In the tree: ccache finds the unit again.
    os.makedirs(scratch, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        findings += [f for f in pool.map(lambda h: compile_alone(root, h, scratch), headers) if f]
    shutil.rmtree(scratch, ignore_errors=True)
    return findings


if __name__ == "__main__":
    finish("headers", check(root_of(sys.argv)))
