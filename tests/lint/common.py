"""What the lints share: which files there are, and how a finding is printed."""
import os
import re
import subprocess
import sys

SOURCE = (".h", ".cc", ".cpp", ".c")


def root_of(argv):
    """The tree to look at: the first argument, else the repository that holds this file."""
    if len(argv) > 1:
        return os.path.abspath(argv[1])
    return os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


def sources(root, folders=("src", "apps", "tests")):
    """Paths of C++ files below the folders, relative to root, sorted."""
    found = []
    for folder in folders:
        for base, dirs, files in os.walk(os.path.join(root, folder)):
            dirs[:] = [d for d in dirs if d not in ("node_modules", "corpus", "__pycache__")]
            found += [os.path.relpath(os.path.join(base, f), root) for f in files if f.endswith(SOURCE)]
    return sorted(found)


def lines_of(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read().split("\n")


def strip_comments(text):
    """The code without comments and literals; line numbers stay. Raw strings count as literals."""
    pattern = re.compile(
        r'R"(?P<tag>[^()\s\\]{0,16})\((?:.|\n)*?\)(?P=tag)"|//[^\n]*|/\*(?:.|\n)*?\*/|"(?:\\.|[^"\\\n])*"'
        r"|(?<![0-9a-zA-Z])'(?:\\.|[^'\\\n])*'")
    return pattern.sub(lambda m: "\n" * m.group(0).count("\n") if m.group(0)[0] == "/" else
                       '""' + "\n" * m.group(0).count("\n"), text)


def finish(name, findings):
    for finding in findings:
        print(finding)
    print(f"{name}: {len(findings)} finding(s)")
    sys.exit(1 if findings else 0)


def git_changed(root):
    """Files changed against the merge base with the default branch, or all when there is none."""
    base = subprocess.run(["git", "-C", root, "merge-base", "HEAD", "origin/main"],
                          capture_output=True, text=True, check=False).stdout.strip()
    if not base:
        return None
    out = subprocess.run(["git", "-C", root, "diff", "--name-only", base], capture_output=True,
                         text=True, check=False).stdout
    return set(out.split())
