#!/usr/bin/env python3
"""Runs the official MCP conformance scenarios against our client.

    run.py CLIENT [--work DIR]

Installs npm's packages of package.json into DIR (default: build/mcp-conformance) when they are not
there. The scenarios of authorization (auth/*) are expected to fail: there is no OAuth here.
"""
import argparse
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
SCENARIOS = ["initialize", "tools_call", "sse-retry", "elicitation-sep1034-client-defaults"]


def install(work):
    """The packages, pinned; node 22 is one of them."""
    if os.path.exists(os.path.join(work, "node_modules/.bin/conformance")):
        return
    if shutil.which("npm") is None:
        sys.exit("there is no npm: apt-get install npm")
    os.makedirs(work, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        source = os.path.join(HERE, name)
        if os.path.exists(source):
            shutil.copy(source, work)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=work, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client")
    parser.add_argument("--work", default=os.path.join(ROOT, "build/mcp-conformance"))
    options = parser.parse_args()
    install(options.work)
    binaries = os.path.join(options.work, "node_modules/.bin")
    environment = dict(os.environ, PATH=binaries + ":" + os.environ["PATH"])
    failed = []
    for scenario in SCENARIOS:
        run = subprocess.run(
            [os.path.join(binaries, "node"), os.path.join(binaries, "conformance"), "client",
             "--command", os.path.abspath(options.client), "--scenario", scenario],
            cwd=options.work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=120, check=False)
        print(f"{scenario}: {'ok' if run.returncode == 0 else 'FAILED'}")
        if run.returncode != 0:
            print(run.stdout)
            failed.append(scenario)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
