"""Runs the stages of `make test`, `make check-all`, `make soak` and `make bench`.

usage: test.py test|check-all|soak|bench [--module NAME]

Prints one line a stage with its seconds, what failed in full, and at the end
`N passed, N failed, N skipped`. Exit status 0 when nothing failed. The output of every stage is kept
in build/logs. What each stage may take is in tests/budgets.txt; past it the stage fails.
"""
import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
sys.path.insert(0, os.path.join(ROOT, "tests/support"))
import leftovers  # noqa: E402

JOBS = str(os.cpu_count() or 2)
LINTS = ["layers", "size", "try_place", "heavy", "banned", "headers"]


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.broken = []

    def add(self, passed=0, failed=0, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped


def say(text):
    print(text, flush=True)


def run(log, argv, **more):
    """Runs argv with output into the log; returns the exit status."""
    with open(log, "a", encoding="utf-8") as file:
        file.write("$ " + " ".join(argv) + "\n")
        file.flush()
        return subprocess.run(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file,
                              stderr=subprocess.STDOUT, check=False, **more).returncode


def tail(log, lines=60):
    with open(log, encoding="utf-8", errors="replace") as file:
        return "".join(file.readlines()[-lines:])


def one(log, report, name, argv, **more):
    """One command that is one test."""
    status = run(log, argv, **more)
    if status == 77:
        report.add(skipped=1)
        say(f"   skipped: {name}")
    elif status:
        report.add(failed=1)
        report.broken.append(name)
        say(f"   FAILED: {name} (exit {status})\n{tail(log)}")
    else:
        report.add(passed=1)
    return status == 0


def build(log, report, preset, target="all"):
    status = run(log, ["tools/build", preset, target, f"-j{JOBS}"])
    if status:
        report.add(failed=1)
        report.broken.append(f"build {preset}")
        say(f"   FAILED: build of {preset}\n{tail(log)}")
    return status == 0


def count_gtest(path):
    with open(path, encoding="utf-8") as file:
        suite = json.load(file)
    skipped = sum(1 for group in suite.get("testsuites", []) for case in group.get("testsuite", [])
                  if case.get("result") == "SKIPPED" or case.get("status") == "NOTRUN")
    failed = suite.get("failures", 0) + suite.get("errors", 0)
    return suite["tests"] - failed - skipped, failed, skipped


def ctest(log, report, preset, *select, jobs=JOBS):
    """Runs the selected tests of a preset and counts gtest's cases one by one."""
    results = os.path.join(ROOT, "build", preset, "results")
    shutil.rmtree(results, ignore_errors=True)
    os.makedirs(results)
    junit = os.path.join(results, "ctest.xml")
    environment = dict(os.environ, GTEST_OUTPUT=f"json:{results}/", GTEST_COLOR="no",
                       FABRO_REQUIRE=os.environ.get("FABRO_REQUIRE", "kernel"))
    run(log, ["ctest", "--test-dir", f"build/{preset}", "--output-on-failure", "-j", jobs,
              "--timeout", "900", "--output-junit", junit, *select], env=environment)
    for case in xml.parse(junit).getroot().iter("testcase"):
        name, status = case.get("name"), case.get("status")
        file = os.path.join(results, name + ".json")
        if status == "run" and os.path.exists(file):
            report.add(*count_gtest(file))
        elif status in ("notrun", "disabled", "skipped"):
            report.add(skipped=1)
            say(f"   skipped: {name}")
        elif status == "run":
            report.add(passed=1)
        else:
            counted = count_gtest(file) if os.path.exists(file) else (0, 1, 0)
            report.add(counted[0], max(counted[1], 1), counted[2])
            report.broken.append(name)
            output = case.findtext("system-out") or ""
            shown = [l for l in output.split("\n") if " OK ]" not in l and "[ RUN" not in l]
            say(f"   FAILED: {name}\n" + "\n".join(shown[-80:]))


def stage_lint(log, report):
    for lint in LINTS:
        one(log, report, f"lint {lint}", ["python3", f"tests/lint/{lint}.py"])
    files = subprocess.run(["git", "-C", ROOT, "ls-files", "*.h", "*.cc"], capture_output=True,
                           text=True, check=False).stdout.split()
    one(log, report, "clang-format (mend with: make format)",
        ["clang-format-19", "--dry-run", "-Werror", *files])
    one(log, report, "lints find what they are for", ["python3", "-W", "error", "tests/lint/lint_test.py"])
    for generated in sorted(glob.glob(os.path.join(ROOT, "tests/lint/generated/*.sh"))):
        one(log, report, os.path.basename(generated), ["bash", generated])


def stage_unit(log, report):
    if build(log, report, "dev", "tests"):
        ctest(log, report, "dev", "-L", "unit")


def stage_release(log, report):
    if build(log, report, "release"):
        ctest(log, report, "release", "-L", "kernel|conformance", jobs="1")


def stage_e2e(log, report):
    if build(log, report, "release"):
        ctest(log, report, "release", "-L", "e2e|security", jobs="1")


def stage_tsan(log, report):
    if build(log, report, "tsan", "tests"):
        ctest(log, report, "tsan", "-L", "unit")


def stage_vm(log, report):
    if not build(log, report, "release"):
        return
    for script in sorted(glob.glob(os.path.join(ROOT, "tests/guests/vm/suite-*.sh"))):
        one(log, report, os.path.basename(script), ["bash", script])


def stage_hello(log, report):
    if one(log, report, "examples/hello in a namespace sandbox", ["tools/run-hello", "--test"]):
        say("   " + tail(log, 1).strip())


def stage_tidy(log, report):
    run(log, ["cmake", "--preset", "tidy"])
    files = [f for f in subprocess.run(["git", "-C", ROOT, "ls-files", "src/**.cc", "apps/**.cc"],
                                       capture_output=True, text=True, check=False).stdout.split()
             if not f.endswith("_test.cc")]
    if run(log, ["cmake", "--build", "build/tidy", "--target", "generated", "--", f"-j{JOBS}"]):
        say("   (no generated sources)")
    one(log, report, "clang-tidy", ["run-clang-tidy-19", "-quiet", "-j", JOBS, "-p", "build/tidy",
                                    *[os.path.join(ROOT, f) for f in files]])


def stage_fuzz(seconds):
    def fuzz(log, report):
        if not build(log, report, "fuzz"):
            return
        for target in sorted(glob.glob(os.path.join(ROOT, "build/fuzz/bin/fuzz_*"))):
            name = os.path.basename(target).removeprefix("fuzz_")
            found = os.path.join(ROOT, "build/fuzz/found", name)
            os.makedirs(found, exist_ok=True)
            one(log, report, f"fuzz {name}",
                [target, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
                 f"-artifact_prefix={found}/", found, os.path.join(ROOT, "tests/fuzz", name, "corpus")])
    return fuzz


def stage_soak(log, report):
    if build(log, report, "release"):
        environment = dict(os.environ, FABRO_SOAK="1")
        for program in sorted(glob.glob(os.path.join(ROOT, "build/release/bin/*_soak"))):
            one(log, report, os.path.basename(program), [program], env=environment)


def stage_bench(log, report):
    if not build(log, report, "release"):
        return
    os.makedirs(os.path.join(ROOT, "build/bench"), exist_ok=True)
    for program in sorted(glob.glob(os.path.join(ROOT, "build/release/bin/*_bench"))):
        name = os.path.basename(program).removesuffix("_bench")
        mine = log + "." + name
        if one(mine, report, f"bench {name}", [program, "--out", f"build/bench/{name}.json"]):
            say(tail(mine))


def stage_leftovers(before):
    def check(log, report):
        found = leftovers.since(before)
        report.add(passed=not found, failed=bool(found))
        if found:
            report.broken.append("leftovers")
            say("   FAILED: the tests left behind\n   " + "\n   ".join(found))
        with open(log, "a", encoding="utf-8") as file:
            file.write("\n".join(found) + "\n")
    return check


def stage_module(module):
    def test(log, report):
        for preset, jobs in (("dev", JOBS), ("release", "1")):
            run(log, ["cmake", "--preset", preset])
            listed = subprocess.run(["ctest", "--test-dir", f"build/{preset}", "--show-only=json-v1",
                                     "-R", f"^(fuzz_)?{module}"], cwd=ROOT, capture_output=True, text=True, check=False)
            names = [t["name"] for t in json.loads(listed.stdout).get("tests", [])]
            if not names:
                continue
            programs = names + (["programs"] if preset == "release" else [])
            if all(build(log, report, preset, name) for name in programs):
                ctest(log, report, preset, "-R", f"^(fuzz_)?{module}", jobs=jobs)
    return test


def budgets():
    table = {}
    with open(os.path.join(ROOT, "tests/budgets.txt"), encoding="utf-8") as file:
        for line in file:
            fields = line.split("#")[0].split()
            if fields:
                table[fields[1]] = float(fields[0])
    return table


def plan_of(mode, module, before):
    if module:
        return [(f"module-{module}", stage_module(module))]
    test = [("lint", stage_lint), ("unit", stage_unit), ("kernel", stage_release), ("e2e", stage_e2e),
            ("tsan", stage_tsan), ("vm", stage_vm), ("hello", stage_hello)]
    last = [("leftovers", stage_leftovers(before))]
    return {"test": test + last,
            "check-all": test + [("tidy", stage_tidy), ("fuzz", stage_fuzz(30))] + last,
            "soak": [("soak", stage_soak), ("fuzz-long", stage_fuzz(600))] + last,
            "bench": [("bench", stage_bench)] + last}[mode]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["test", "check-all", "soak", "bench"])
    parser.add_argument("--module", default="")
    options = parser.parse_args()
    report, allowed = Report(), budgets()
    os.makedirs(os.path.join(ROOT, "build/logs"), exist_ok=True)
    began = time.monotonic()
    for name, stage in plan_of(options.mode, options.module, leftovers.snapshot()):
        log = os.path.join(ROOT, "build/logs", name + ".log")
        if os.path.exists(log):
            os.remove(log)
        say(f"== {name}")
        start, passed, failed = time.monotonic(), report.passed, report.failed
        stage(log, report)
        seconds = time.monotonic() - start
        if seconds > allowed.get(name, 3600):
            report.add(failed=1)
            report.broken.append(f"{name}: {seconds:.0f} s, its budget is {allowed[name]:.0f} s")
        say(f"   {report.passed - passed} passed, {report.failed - failed} failed in {seconds:.0f} s")
    say(f"== {options.mode}: {time.monotonic() - began:.0f} s; logs in build/logs")
    for name in report.broken:
        say(f"   failed: {name}")
    say(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
