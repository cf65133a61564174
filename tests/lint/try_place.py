"""TRY and TRY_IN stand only as a whole statement or as the whole initialiser of a named variable:
gcc 12 leaks what was already built when an initialiser inside an expression leaves it."""
import re
import sys

from common import finish, lines_of, root_of, sources, strip_comments

USE = re.compile(r"\b(?:CO_)?TRY(?:_IN)?\s*\(")
# What may stand between the previous ';', '{', '}', ')' or ':' and the TRY of an initialiser.
NAMED = re.compile(r"^(?:(?:const|constexpr|static|auto|unsigned|[\w:]+(?:<[^;{}]*>)?)[\s*&]+)+\w+\s*=\s*$"
                   r"|^(?:\w+(?:\.|->))*\w+\s*=\s*$|^auto\s*&?\[[\w, ]+\]\s*=\s*$")


def end_of_call(text, start):
    depth = 0
    for i in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0 and text[i] == ")":
            return i + 1
    return len(text)


def head_of(text, start):
    """The text of the statement before position start."""
    i, depth = start - 1, 0
    while i >= 0:
        c = text[i]
        if c in ")]>":
            depth += c != ">"
        elif c in "([":
            if depth == 0:
                return text[i:start]
            depth -= 1
        elif c in ";{}" and depth == 0:
            return text[i + 1:start]
        i -= 1
    return text[:start]


def check(root):
    findings = []
    for path in sources(root):
        if path.endswith("base/result.h"):
            continue
        text = strip_comments("\n".join(lines_of(root, path)))
        for match in USE.finditer(text):
            head = head_of(text, match.start())
            head = re.sub(r"^\s*(?:if|for|while|switch)\s*\((?:[^()]|\([^()]*\))*\)", "", head)
            head = re.sub(r"^\s*(?:else|case [\w:]+:|default:)\s*", "", head).strip()
            tail = text[end_of_call(text, match.end() - 1):].lstrip()[:1]
            whole = head == "" or bool(NAMED.match(head + " ")) or bool(NAMED.match(head))
            if not whole or tail != ";":
                line = text.count("\n", 0, match.start()) + 1
                findings.append(f"{path}:{line}: TRY must be a whole statement or the whole "
                                "initialiser of a named variable: name it first")
    return findings


if __name__ == "__main__":
    finish("try_place", check(root_of(sys.argv)))
