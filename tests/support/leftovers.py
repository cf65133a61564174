"""What a test run left on the machine: processes, control groups, mounts, network namespaces, id
leases and scratch folders of ours that were not there before it."""
import glob
import os

PROGRAMS = ("faber", "faber-jailer", "faber-init", "faber-unpack", "faber-egressd", "fabro")


def processes():
    found = set()
    for status in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(status, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        name = text[text.index("(") + 1:text.rindex(")")]
        start = text[text.rindex(")") + 2:].split()[19]
        if name in PROGRAMS:
            found.add(f"process {status.split('/')[2]} {name} (started {start})")
    return found


def groups():
    """Control groups below any folder of ours, in every hierarchy."""
    found = set()
    for base, _, _ in os.walk("/sys/fs/cgroup"):
        name = os.path.basename(base)
        if name.startswith(("faber", "fabro")) or "/jobs/" in base:
            found.add("cgroup " + base)
    return found


def mounts():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return {"mount " + line.split()[4] for line in file if "faber" in line or "fabro" in line}


def scratch():
    return {f"folder {path}" for pattern in ("/tmp/faber-*", "/tmp/fabro-*", "/dev/shm/fab*", "/run/faber/jobs/*")
            for path in glob.glob(pattern)}


def start_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
        return text[text.rindex(")") + 2:].split()[19]
    except OSError:
        return None


def leases():
    """Rows of the lease file whose holder lives, or whose ids a process still has. The row of a dead
    holder is no leftover: the next jailer that wants its ids takes them (isolation, section 12)."""
    found, used = set(), set()
    for status in glob.glob("/proc/[0-9]*/status"):
        try:
            with open(status, encoding="utf-8", errors="replace") as file:
                used |= {uid for line in file if line.startswith("Uid:") for uid in line.split()[1:]}
        except OSError:
            continue
    try:
        with open("/run/faber/ids", encoding="utf-8", errors="replace") as file:
            rows = [line.split() for line in file if line.strip() and not line.startswith("#")]
    except OSError:
        return found
    for row in rows:
        pid, start = row[1].split(":")[:2]
        ids = {row[0], str(int(row[0]) + 1)}
        if start_of(pid) == start or ids & used:
            found.add("id lease " + " ".join(row))
    return found


def network_namespaces():
    found = set()
    for link in glob.glob("/proc/[0-9]*/ns/net"):
        try:
            found.add("network namespace " + os.readlink(link))
        except OSError:
            continue
    return found


def snapshot():
    return processes() | groups() | mounts() | scratch() | leases() | network_namespaces()


def since(before):
    return sorted(snapshot() - before)
