"""Translation units with expensive headers are counted: one with nlohmann-json a module, ten with
Boost.Beast in the tree, one with CLI11 a program, one with toml++ or libyaml a module; none in headers."""
import os
import re
import sys
from collections import defaultdict

from common import finish, lines_of, root_of, sources

HEAVY = {
    "nlohmann": (re.compile(r"#\s*include\s+<nlohmann/json\.hpp>"), 1, "module"),
    "toml++": (re.compile(r"#\s*include\s+<toml\+\+"), 1, "module"),
    "libyaml": (re.compile(r"#\s*include\s+<yaml.h>"), 1, "module"),
    "CLI11": (re.compile(r"#\s*include\s+<CLI/"), 1, "module"),
    "Beast": (re.compile(r"#\s*include\s+<boost/beast"), 10, "tree"),
}


def check(root):
    findings, users = [], defaultdict(list)
    ratchet = {}
    path = os.path.join(root, "tests/lint/heavy_ratchet.txt")
    if os.path.exists(path):
        for line in lines_of(root, path):
            fields = line.split("#")[0].split()
            if fields:
                ratchet[(fields[1], fields[2])] = int(fields[0])
    for path in sources(root, ("src", "apps")):
        text = "\n".join(lines_of(root, path))
        for name, (pattern, _, scope) in HEAVY.items():
            if not pattern.search(text):
                continue
            if path.endswith(".h"):
                findings.append(f"{path}:1: {name} in a header")
            if not path.endswith("_test.cc"):
                users[(name, os.path.dirname(path) if scope == "module" else "tree")].append(path)
    for (name, where), paths in sorted(users.items()):
        limit = ratchet.get((name, where), HEAVY[name][1])
        if len(paths) > limit:
            findings.append(f"{where}: {len(paths)} translation units with {name}, the budget is "
                            f"{limit}: {', '.join(paths)}")
    return findings


if __name__ == "__main__":
    finish("heavy", check(root_of(sys.argv)))
