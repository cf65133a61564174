"""Files stay small: 400 lines (headers 200), never past 800. size_ratchet.txt lists today's exceptions
with their size; one that grows, or an entry that is no longer needed, is a finding."""
import os
import sys

from common import finish, lines_of, root_of, sources

SOFT, HEADER, HARD = 400, 200, 800


def ratchet_of(root):
    path, entries = os.path.join(root, "tests/lint/size_ratchet.txt"), {}
    if os.path.exists(path):
        for line in lines_of(root, path):
            line = line.split("#")[0].split()
            if line:
                entries[line[1]] = int(line[0])
    return entries


def check(root):
    findings, ratchet = [], ratchet_of(root)
    for path in sources(root):
        count = len(lines_of(root, path)) - 1
        limit = HEADER if path.endswith(".h") else SOFT
        allowed = ratchet.pop(path, None)
        if count > HARD:
            findings.append(f"{path}:1: {count} lines, more than {HARD} is never allowed: find the seam")
        elif allowed is not None and count > allowed:
            findings.append(f"{path}:1: grew from {allowed} to {count} lines; it is an exception already")
        elif allowed is not None and count <= limit:
            findings.append(f"{path}:1: fits now ({count}); take it out of size_ratchet.txt")
        elif allowed is None and count > limit:
            findings.append(f"{path}:1: {count} lines, the budget is {limit}: find the seam")
    findings += [f"size_ratchet.txt: {path} is gone; take it out" for path in ratchet]
    return findings


if __name__ == "__main__":
    finish("size", check(root_of(sys.argv)))
