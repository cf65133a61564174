"""Reads syscalls.tsv and argument_rules.tsv (src/fabro/linux/seccomp) into plain values, strictly."""
import errno
import os
import re
from typing import NamedTuple

ROOM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "fabro", "linux",
                    "seccomp")
LEVELS = ("low", "medium", "high")
OPTIONS = ("-", "sockets", "nosockets", "ptrace", "tty", "norandomize", "nolocks",
           "noprocesses", "setgid")


class Verdict(NamedTuple):
    kind: str  # A, S, E, K
    errno: int


class Value(NamedTuple):
    name: str  # or ""
    number: int


class Condition(NamedTuple):
    arg: int
    mask: int
    values: list


class Clause(NamedTuple):
    when: str
    verdict: Verdict
    conditions: list
    text: str


class Rule(NamedTuple):
    name: str
    why: str
    clauses: list


class Syscall(NamedTuple):
    name: str
    x86_64: int  # -1: not there
    aarch64: int
    since: str
    setup: bool
    classes: list  # by level: a Verdict, or the name of a rule


def fail(path, number, why):
    raise SystemExit(f"{os.path.normpath(path)}:{number}: {why}")


def lines(path):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip() and not line.startswith("#"):
                yield number, line.rstrip("\n")


def parse_verdict(word):
    if word in ("A", "K"):
        return Verdict(word, 0)
    match = re.fullmatch(r"([SE]):(0|E[A-Z0-9]+)", word)
    if not match or (match[2] != "0" and not hasattr(errno, match[2])):
        raise ValueError(f"'{word}' is no verdict")
    return Verdict(match[1], 0 if match[2] == "0" else getattr(errno, match[2]))


def parse_condition(text):
    match = re.fullmatch(r"arg([0-5])(?:&(0x[0-9A-F]+))? = (\S+)", text.strip())
    if not match:
        raise ValueError(f"'{text}' is no condition")
    mask = int(match[2], 16) if match[2] else 0xFFFFFFFF
    values = []
    for item in match[3].split(","):
        name, _, number = item.rpartition(":")
        value = Value(name, int(number, 0))
        if value.number & ~mask:
            raise ValueError(f"'{item}' can never match under its mask")
        values.append(value)
    return Condition(int(match[1]), mask, values)


def read_rules(path=os.path.join(ROOM, "argument_rules.tsv")):
    rules = {}
    rule = None
    for number, line in lines(path):
        cells = line.split("\t")
        try:
            if cells[0] == "rule":
                rule = Rule(cells[1], cells[2], [])
                if rule.name in rules:
                    raise ValueError(f"rule {rule.name} is there twice")
                rules[rule.name] = rule
                continue
            _, when, verdict, text = cells
            if when not in OPTIONS:
                raise ValueError(f"unknown option '{when}'")
            conditions = [] if text == "otherwise" else [
                parse_condition(part) for part in text.split(" & ")]
            rule.clauses.append(Clause(when, parse_verdict(verdict), conditions, text))
        except (ValueError, AttributeError, IndexError) as error:
            fail(path, number, error)
    for rule in rules.values():
        last = rule.clauses[-1]
        if last.conditions or last.when != "-":
            fail(path, 0, f"rule {rule.name} does not end with an unconditional clause")
    return rules


def read_syscalls(rules, path=os.path.join(ROOM, "syscalls.tsv")):
    table = []
    seen = set()
    for number, line in lines(path):
        cells = line.split("\t")
        if cells[0] == "name":
            continue
        try:
            name, x86_64, aarch64, since, setup, *words = cells
            classes = []
            for word in words:
                if word.startswith("F:") and word[2:] not in rules:
                    raise ValueError(f"no rule {word[2:]}")
                classes.append(word[2:] if word.startswith("F:") else parse_verdict(word))
            if len(classes) != len(LEVELS) or setup not in ("setup", "-"):
                raise ValueError("wrong number of columns, or a bad setup mark")
            call = Syscall(name, -1 if x86_64 == "-" else int(x86_64),
                           -1 if aarch64 == "-" else int(aarch64), since, setup == "setup", classes)
            for key in (name, ("x86_64", call.x86_64), ("aarch64", call.aarch64)):
                if key in seen and key[1] != -1:
                    raise ValueError(f"{key} is there twice")
                seen.add(key)
            if table and table[-1].name >= name:
                raise ValueError(f"{name} is out of order")
        except ValueError as error:
            fail(path, number, error)
        table.append(call)
    return table


class Denial(NamedTuple):
    calls: list
    purpose: str
    why: str


def can_report(entry, rules):
    """Whether a class answers some call with E or K."""
    verdicts = [c.verdict for c in rules[entry].clauses] if isinstance(entry, str) else [entry]
    return any(v.kind in "EK" for v in verdicts)


def read_denials(path=os.path.join(ROOM, "denials.tsv")):
    rules, table = read()
    wanted = {call.name for call in table if any(can_report(c, rules) for c in call.classes)}
    denials, seen = [], set()
    for number, line in lines(path):
        cells = line.split("\t")
        if len(cells) != 3 or not all(cells):
            fail(path, number, "three columns are needed")
        calls = cells[0].split(" ")
        for name in calls:
            if name not in wanted or name in seen:
                fail(path, number, f"{name} is {'here twice' if name in seen else 'never reported'}")
            seen.add(name)
        denials.append(Denial(calls, cells[1], cells[2]))
    if wanted - seen:
        fail(path, 0, f"nothing is said about {' '.join(sorted(wanted - seen))}")
    return denials


def read():
    rules = read_rules()
    return rules, read_syscalls(rules)
