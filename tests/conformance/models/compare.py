"""Holds the imitation honest, and our clients by it: each case of cases.json goes through the provider's own SDK and
through ours, streamed and whole. The answers must be equal, and the recorded requests too, field by field, but for
differences.tsv. An entry there that nothing needs is a failure as well.

    compare.py MODELS_ASK     (needs npm; installs what sdk/package-lock.json names into build/sdk)"""
import json
import os
import shutil
import subprocess
import sys
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
MODELS = {"anthropic": "claude-opus-4-7", "openai": "gpt-5.5", "chat": "llama-7", "gemini": "gemini-3.1-pro-preview"}


def install():
    """The SDKs and node 22, as the lock says; kept while the lock stays the same."""
    place = os.path.join(ROOT, "build", "sdk")
    with open(os.path.join(HERE, "sdk", "package-lock.json"), encoding="utf-8") as file:
        lock = file.read()
    mark = os.path.join(place, "installed")
    if os.path.exists(mark) and open(mark, encoding="utf-8").read() == lock:
        return place
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(HERE, "sdk", name), place)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=place, check=True, stdout=subprocess.DEVNULL)
    with open(mark, "w", encoding="utf-8") as file:
        file.write(lock)
    return place


def differences():
    rows = []
    with open(os.path.join(HERE, "differences.tsv"), encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line and not line.startswith("#"):
                rows.append(line.split("\t"))
    return rows


def flat(value, path=""):
    """{"body.messages.0.role": "user", …}"""
    if isinstance(value, dict) and value:
        return {k: v for key, item in value.items() for k, v in flat(item, f"{path}.{key}" if path else key).items()}
    if isinstance(value, list) and value:
        return {k: v for i, item in enumerate(value) for k, v in flat(item, f"{path}.{i}").items()}
    return {path: value}


def covers(place, path):
    wanted, got = place.split("."), path.split(".")
    if len(wanted) > len(got):
        return False
    return all(w == g or w == "*" or (w.endswith("*") and g.startswith(w[:-1])) for w, g in zip(wanted, got))


class Imitation:
    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-B", os.path.join(ROOT, "tests", "support", "imitation", "server.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = "http://127.0.0.1:" + self.process.stdout.readline().split()[1]

    def ask(self, page, data=None):
        body = None if data is None else json.dumps(data).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + page, body), timeout=30) as answer:
            return json.load(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def run(argv, case, cwd=None):
    done = subprocess.run(argv, input=json.dumps(case), capture_output=True, text=True, cwd=cwd, timeout=60, check=False)
    if done.returncode != 0:
        return {"failed": done.stderr.strip()[-600:]}
    return json.loads(done.stdout)


def main():
    ours = os.path.abspath(sys.argv[1])
    place = install()
    shutil.copy(os.path.join(HERE, "sdk", "ask.mjs"), place)
    node = os.path.join(place, "node_modules", "node", "bin", "node")
    imitation, rows, used, findings, compared = Imitation(), differences(), set(), [], 0
    with open(os.path.join(HERE, "cases.json"), encoding="utf-8") as file:
        cases = json.load(file)
    for case in cases:
        case["models"] = MODELS
        imitation.ask("/imitation/answers", [case["answer"]])
        for fmt in MODELS:
            for stream in "01":
                name, compared = f"{case['name']}/{fmt}/{'stream' if stream == '1' else 'whole'}", compared + 1
                imitation.ask("/imitation/requests")
                theirs = run([node, "ask.mjs", fmt, imitation.url, stream], case, place)
                their_request = imitation.ask("/imitation/requests")
                mine = run([ours, fmt, imitation.url, stream], case)
                my_request = imitation.ask("/imitation/requests")
                if theirs.get("reasoning", "") is None:
                    theirs["reasoning"] = mine.get("reasoning")
                if theirs != mine or "failed" in theirs:
                    findings.append(f"{name}: answers differ:\n  SDK  {theirs}\n  ours {mine}")
                    continue
                left, right = flat(their_request[-1]), flat(my_request[-1])
                for path in sorted(set(left) | set(right)):
                    if left.get(path) == right.get(path) and (path in left) == (path in right):
                        continue
                    hits = [i for i, row in enumerate(rows) if row[0] in ("*", fmt) and covers(row[1], path)]
                    used.update(hits)
                    if not hits:
                        findings.append(f"{name}: {path}: SDK {left.get(path, '(absent)')!r}, "
                                        f"ours {right.get(path, '(absent)')!r}")
    imitation.close()
    findings += [f"differences.tsv: nothing needs {row[0]} {row[1]}" for i, row in enumerate(rows) if i not in used]
    print("\n".join(findings))
    print(f"models: {compared} comparisons with the SDKs, {len(findings)} finding(s)")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
