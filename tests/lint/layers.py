"""A room uses only what its line in layers.txt names (DESIGN: layers); no cycles between files."""
import os
import re
import sys

from common import finish, lines_of, root_of, sources

# Interfaces that are rooms of their own: who implements one does not get the folder around it.
ALONE = ("src/fabro/provider/provider.h", "src/fabro/workflow/checkpoint/checkpointer.h",
         "src/fabro/agent/agent.h")
INCLUDE = re.compile(r'^\s*#\s*include\s+"fabro/([^"]+)"')


def table_of(root):
    path = os.path.join(root, "tests/lint/layers.txt")
    if not os.path.exists(path):
        path = os.path.join(os.path.dirname(__file__), "layers.txt")
    table = {}
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    for line in lines:
        line = line.split("#")[0].strip() if not line.startswith("app:") else line.strip()
        if line:
            room, uses = line.rsplit(":", 1) if line.endswith(":") else re.split(r":(?= )", line, maxsplit=1)
            table[room] = uses.split()
    return table


def room_of(path):
    """The room of a path below src/fabro, or app:NAME, or None for tests (they may use anything)."""
    if path in ALONE:
        return os.path.basename(path)
    parts = path.split("/")
    if parts[:2] == ["src", "fabro"] and len(parts) > 3:
        return parts[2]
    return "app:" + parts[1] if parts[0] == "apps" and len(parts) > 2 else None


def find_cycle(graph):
    state, stack = {}, []

    def visit(node):
        state[node] = 1
        stack.append(node)
        for other in graph.get(node, ()):
            if state.get(other) == 1:
                return stack[stack.index(other):] + [other]
            if other not in state and (cycle := visit(other)):
                return cycle
        state[node] = 2
        stack.pop()
        return None

    for node in graph:
        if node not in state and (cycle := visit(node)):
            return cycle
    return None


def check(root):
    table, findings, graph = table_of(root), [], {}
    for path in sources(root, ("src", "apps")):
        room = room_of(path)
        test = path.endswith("_test.cc") or "/testing/" in path
        for number, line in enumerate(lines_of(root, path), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = "src/fabro/" + match.group(1)
            if path.endswith(".h") and target.endswith(".h"):
                graph.setdefault(path, []).append(target)
            used = room_of(target)
            if test or used is None or used == room:
                continue
            allowed = table.get(room)
            if allowed is None:
                findings.append(f"{path}:{number}: room '{room}' is not in layers.txt")
            elif "*" not in allowed and used not in allowed and not any(
                    "/" in a and target.startswith(f"src/fabro/{a}/") for a in allowed):
                findings.append(f"{path}:{number}: room '{room}' may not use '{used}'")
    cycle = find_cycle(graph)
    if cycle:
        findings.append("include cycle: " + " -> ".join(cycle))
    return findings


if __name__ == "__main__":
    finish("layers", check(root_of(sys.argv)))
