"""Runs the stages of `make test`, `make check-all`, `make soak` and `make bench`.

usage: test.py test|check-all|soak|bench [--module NAME]

Prints one line a stage with its seconds, what failed in full, and at the end
`N passed, N failed, N skipped`. Exit status 0 when nothing failed. The output of every stage is kept
in build/logs. What each stage may take is in tests/budgets.txt; past it the stage fails.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time
import traceback
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

    def fail(self, name, output=""):
        """One failure with its name and what there is to read about it."""
        self.add(failed=1)
        self.broken.append(name)
        say(f"   FAILED: {name}" + (f"\n{output}" if output else ""))


def say(text):
    print(text, flush=True)


def run(log, argv, **more):
    """Runs argv with output into the log; returns the exit status."""
    with open(log, "a", encoding="utf-8") as file:
        file.write("$ " + " ".join(argv) + "\n")
        file.flush()
        try:
            return subprocess.run(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file,
                                  stderr=subprocess.STDOUT, check=False, **more).returncode
        except OSError as error:
            file.write(f"{argv[0]}: {error.strerror}\n")
            return 127


def tail(log, lines=60):
    if not os.path.exists(log):
        return ""
    with open(log, encoding="utf-8", errors="replace") as file:
        return "".join(file.readlines()[-lines:])


def one(log, report, name, argv, **more):
    """One command that is one test."""
    status = run(log, argv, **more)
    if status == 77:
        report.add(skipped=1)
        say(f"   skipped: {name}")
    elif status:
        report.fail(name, f"(exit {status})\n{tail(log)}")
    else:
        report.add(passed=1)
    return status == 0


def build(log, report, preset, target="all"):
    status = run(log, ["tools/build", preset, target, f"-j{JOBS}"])
    if status:
        report.fail(f"build {preset} {target}", tail(log))
    return status == 0


def count_gtest(path):
    """Passed, failed and skipped cases of a gtest program; None when it left no (whole) results."""
    try:
        with open(path, encoding="utf-8") as file:
            suite = json.load(file)
    except (OSError, ValueError):
        return None
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
    status = run(log, ["ctest", "--test-dir", f"build/{preset}", "--output-on-failure", "-j", jobs,
                       "--timeout", "900", "--no-tests=error", "--output-junit", junit, *select],
                 env=environment)
    read_ctest(log, report, f"ctest {preset}", status, junit)


def read_ctest(log, report, name, status, junit):
    """Counts what ctest wrote; its own death, or a failure that no test explains, is a failure too."""
    try:
        cases = list(xml.parse(junit).getroot().iter("testcase"))
    except (OSError, xml.ParseError):
        cases = []
    if not cases:
        report.fail(f"{name}: no results (exit {status})", tail(log))
        return
    before = report.failed
    for case in cases:
        read_case(report, case, os.path.join(os.path.dirname(junit), case.get("name") + ".json"))
    if status and report.failed == before:
        report.fail(f"{name}: exit {status} though every test passed", tail(log))


def read_case(report, case, results):
    """One ctest test: a gtest program, whose cases count one by one, or any other program."""
    name, status, counted = case.get("name"), case.get("status"), count_gtest(results)
    output = case.findtext("system-out") or ""
    told = case.find("skipped")
    by_itself = told is not None and told.get("message", "").startswith("SKIP_")
    if status == "disabled" or (status == "notrun" and by_itself):
        report.add(skipped=1)
        say(f"   skipped: {name}")
    elif status == "run" and os.path.exists(results) and (not counted or not sum(counted) or counted[1]):
        report.fail(name, f"it ended well, but its results say {counted or 'nothing'}")
    elif status == "run":
        report.add(*(counted or (1, 0, 0)))
        if counted and counted[2]:
            say(f"   skipped: {counted[2]} of {name}")
    else:  # Failed, crashed, timed out, or was never built ("notrun").
        passed, failed, skipped = counted or (0, 0, 0)
        report.add(passed, max(failed - 1, 0), skipped)
        shown = [l for l in output.split("\n") if " OK ]" not in l and "[ RUN" not in l]
        report.fail(name, "\n".join(shown[-80:]))


def stage_lint(log, report):
    for lint in LINTS:
        one(log, report, f"lint {lint}", ["python3", f"tests/lint/{lint}.py"])
    files = subprocess.run(["git", "-C", ROOT, "ls-files", "src/*.h", "src/*.cc", "apps/*.h",
                            "apps/*.cc", "tests/*.h", "tests/*.cc"], capture_output=True,
                           text=True, check=False).stdout.split()
    one(log, report, "clang-format (mend with: make format)",
        ["clang-format-19", "--dry-run", "-Werror", *files])
    one(log, report, "lints find what they are for", ["python3", "-W", "error", "tests/lint/lint_test.py"])
    one(log, report, "tools/test.py counts right", ["python3", "-W", "error", "tests/lint/test_runner_test.py"])
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
    for script in found(report, "suites for the virtual machine", "tests/guests/vm/suite-*.sh"):
        one(log, report, os.path.basename(script), ["bash", script])


def stage_vm_full(log, report):
    """The engine's own tests, the threat matrix and the example on v2: many minutes, so not part of `make test`."""
    if not build(log, report, "release"):
        return
    for script in found(report, "long suites for the virtual machine", "tests/guests/vm/full-*.sh"):
        mine = f"{log}.{os.path.basename(script)}"
        one(mine, report, os.path.basename(script), ["bash", script])
        for line in tail(mine, 2000).splitlines():
            if line.startswith(("== ", "-- ")):
                say("   " + line)


def stage_hello(log, report):
    if one(log, report, "examples/hello in a namespace sandbox", ["tools/run-hello", "--test"]):
        say("   " + tail(log, 1).strip())


def stage_mcp(log, report):
    """Our client against the protocol's own suite (npm)."""
    if build(log, report, "release", "mcp_conformance_client"):
        one(log, report, "MCP conformance", ["tests/conformance/mcp/run.py", "build/release/bin/mcp_conformance_client"])


def stage_models(log, report):
    """Our clients of models beside the providers' own SDKs (npm)."""
    if build(log, report, "release", "models_ask"):
        one(log, report, "model SDKs", ["python3", "-B", "tests/conformance/models/compare.py", "build/release/bin/models_ask"])


def stage_kills(log, report):
    """The worker of every example, killed at every event and resumed."""
    if build(log, report, "release", "fabro_cases_test"):
        one(log, report, "kills", ["build/release/bin/fabro_cases_test", "--gtest_filter=*KillTest*"],
            env=dict(os.environ, FABRO_KILL_EVERYWHERE="1"))


def stage_tidy(log, report):
    if run(log, ["cmake", "--preset", "tidy"]):
        report.fail("configuring the preset tidy", tail(log))
        return
    with open(os.path.join(ROOT, "build/tidy/compile_commands.json"), encoding="utf-8") as file:
        known = {os.path.relpath(entry["file"], ROOT) for entry in json.load(file)}
    # Tests are not asked: gtest's macros are what they would be about.
    files = [f for f in subprocess.run(["git", "-C", ROOT, "ls-files", "src/*.cc", "apps/*.cc"],
                                       capture_output=True, text=True, check=False).stdout.split()
             if not f.endswith("_test.cc")]
    for file in sorted(set(files) - known):
        report.fail(f"clang-tidy {file}", "no target compiles it")

    def tidy(file):
        mine = f"{log}.{file.replace('/', '_')}"
        status = run(mine, ["clang-tidy-19", "--quiet", "-p", "build/tidy", file])
        output = tail(mine, 400)
        os.remove(mine)
        return file, status, output

    with concurrent.futures.ThreadPoolExecutor(int(JOBS)) as pool:
        for file, status, output in pool.map(tidy, sorted(set(files) & known)):
            with open(log, "a", encoding="utf-8") as kept:
                kept.write(output)
            if status:
                report.fail(f"clang-tidy {file}", output)
            else:
                report.add(passed=1)


def stage_fuzz(seconds):
    def fuzz(log, report):
        if not build(log, report, "fuzz", "fuzzers"):
            return
        for corpus in found(report, "fuzz targets", "tests/fuzz/*/corpus"):
            name = os.path.basename(os.path.dirname(corpus))
            mine, finds = f"{log}.{name}", os.path.join(ROOT, "build/fuzz/found", name)
            os.makedirs(finds, exist_ok=True)
            one(mine, report, f"fuzz {name}",
                [f"build/fuzz/bin/fuzz_{name}", f"-max_total_time={seconds}", "-timeout=10",
                 "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={finds}/", finds, corpus])
            runs = re.search(r"number_of_executed_units: (\d+)", tail(mine))
            say(f"   {name}: {runs.group(1) if runs else 'no'} inputs")
    return fuzz


def found(report, what, pattern):
    """The files of a pattern; that there is none is a failure, for then nothing would be tested."""
    files = sorted(glob.glob(os.path.join(ROOT, pattern)))
    if not files:
        report.fail(f"there are no {what} ({pattern})")
    return files


def stage_soak(log, report):
    if build(log, report, "release"):
        environment = dict(os.environ, FABRO_SOAK="1")
        for program in found(report, "soak programs", "build/release/bin/*_soak"):
            one(log, report, os.path.basename(program), [program], env=environment)


def stage_bench(log, report):
    if not build(log, report, "release"):
        return
    os.makedirs(os.path.join(ROOT, "build/bench"), exist_ok=True)
    for program in found(report, "benchmarks", "build/release/bin/*_bench"):
        name = os.path.basename(program).removesuffix("_bench")
        mine = log + "." + name
        if one(mine, report, f"bench {name}", [program, "--out", f"build/bench/{name}.json"]):
            say(tail(mine))


def stage_leftovers(before):
    def check(log, report):
        left = leftovers.since(before)
        with open(log, "a", encoding="utf-8") as file:
            file.write("\n".join(left) + "\n")
        if left:
            report.fail("leftovers: the tests left behind", "   " + "\n   ".join(left))
        else:
            report.add(passed=1)
    return check


def stage_module(module):
    def test(log, report):
        tested = False
        for preset, jobs in (("dev", JOBS), ("release", "1")):
            if run(log, ["cmake", "--preset", preset]):
                report.fail(f"configuring the preset {preset}", tail(log))
                continue
            names = names_of(preset, f"^(fuzz_)?{module}")
            if not names:
                continue
            tested = True
            # A test that is no program of ours (a check of the tables) has nothing to build.
            targets = [n for n in names if n in targets_of(preset)]
            programs = targets + (["programs"] if preset == "release" else [])
            if all(build(log, report, preset, name) for name in programs):
                ctest(log, report, preset, "-R", f"^(fuzz_)?{module}", jobs=jobs)
        if not tested:
            report.fail(f"no test has a name that begins with {module}")
    return test


def names_of(preset, pattern):
    listed = subprocess.run(["ctest", "--test-dir", f"build/{preset}", "--show-only=json-v1", "-R", pattern],
                            cwd=ROOT, capture_output=True, text=True, check=False).stdout
    return [test["name"] for test in json.loads(listed or "{}").get("tests", [])]


def targets_of(preset):
    listed = subprocess.run(["cmake", "--build", f"build/{preset}", "--target", "help"], cwd=ROOT,
                            capture_output=True, text=True, check=False).stdout
    return {line.split(":")[0] for line in listed.splitlines()}


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
            "check-all": test + [("vm-full", stage_vm_full), ("mcp", stage_mcp), ("models", stage_models), ("kills", stage_kills), ("tidy", stage_tidy), ("fuzz", stage_fuzz(30))] + last,
            "soak": [("soak", stage_soak), ("fuzz-long", stage_fuzz(600))] + last,
            "bench": [("bench", stage_bench)] + last}[mode]


def run_stage(name, stage, log, report, allowed):
    """One stage with its line at the end. A fault in the stage itself is a failure, not the end of the run."""
    say(f"== {name}")
    start, passed, failed = time.monotonic(), report.passed, report.failed
    try:
        stage(log, report)
    except Exception:  # Whatever it is, the other stages still have something to say.
        report.fail(f"{name}: the stage itself", traceback.format_exc())
    seconds = time.monotonic() - start
    if seconds > allowed.get(name, float("inf")):
        report.fail(f"{name}: {seconds:.0f} s, its budget is {allowed[name]:.0f} s")
    say(f"   {report.passed - passed} passed, {report.failed - failed} failed in {seconds:.0f} s")


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
        for old in glob.glob(glob.escape(log) + "*"):
            os.remove(old)
        run_stage(name, stage, log, report, allowed)
    say(f"== {options.mode}: {time.monotonic() - began:.0f} s; logs in build/logs")
    for name in report.broken:
        say(f"   failed: {name}")
    say(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
