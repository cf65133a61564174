"""Calls that have a safer form here, and where each is still allowed."""
import re
import sys

from common import finish, lines_of, root_of, sources, strip_comments

# pattern, why, places that may (prefixes)
BANNED = [
    (r"(?<![\w.>:])(?:std::|::)?system\s*\(", "system(3) starts a shell: use linux/process.h", ()),
    (r"\bpopen\s*\(", "popen(3) starts a shell: use linux/process.h", ()),
    (r"\bremove_all\s*\(", "follows what the guest made: use RemoveTree of linux/file.h", ("tests/",)),
    (r"\bstd::thread\b|\bstd::jthread\b|\bstd::async\b|\bpthread_create\b",
     "threads are made in named places only (ARCHITECTURE.md)",
     ("src/fabro/runs/", "src/fabro/workflow/engine/", "src/fabro/base/thread", "src/fabro/provider/local/", "src/fabro/agent/loop/", "src/fabro/agent/mcp/", "src/fabro/agent/stage/", "apps/faber-probe/", "tests/")),
    (r"\bstrcpy\s*\(|\bstrcat\s*\(|\bsprintf\s*\(|\bgets\s*\(|\bvsprintf\s*\(", "unbounded", ()),
    (r"\btmpnam\b|\bmktemp\s*\(|\btempnam\b", "races: use linux/scoped_dir.h", ()),
    (r"\busing namespace std\s*;", "no using namespace std", ()),
    (r"\bthrow\b(?!\s*\()\s*\w", "our code throws nothing: return an Error", ()),
    (r"\b(?:sleep_for|usleep|sleep)\s*\(", "wait on a descriptor or an event, not on time",
     ("src/fabro/jail/child/", "apps/faber-probe/", "tests/guests/")),
]


def check(root):
    findings = []
    compiled = [(re.compile(p), why, ok) for p, why, ok in BANNED]
    for path in sources(root):
        text = strip_comments("\n".join(lines_of(root, path)))
        for pattern, why, allowed in compiled:
            test = path.endswith("_test.cc") and "tests/" in allowed
            if test or any(path.startswith(prefix) for prefix in allowed):
                continue
            for match in pattern.finditer(text):
                findings.append(f"{path}:{text.count(chr(10), 0, match.start()) + 1}: "
                                f"'{match.group(0).strip()}': {why}")
    return findings


if __name__ == "__main__":
    finish("banned", check(root_of(sys.argv)))
