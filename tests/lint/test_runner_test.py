"""tools/test.py counts what happened: a test that died, or was never built, is not a skip."""
import contextlib
import importlib.util
import io
import json
import os
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
SPEC = importlib.util.spec_from_file_location("fabro_test_runner", os.path.join(ROOT, "tools/test.py"))
runner = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(runner)


class RunnerTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.log = os.path.join(self.folder.name, "log")
        self.report = runner.Report()
        self.said = io.StringIO()

    def counts(self):
        return self.report.passed, self.report.failed, self.report.skipped

    def gtest(self, name, text):
        with open(os.path.join(self.folder.name, name + ".json"), "w", encoding="utf-8") as file:
            file.write(text if isinstance(text, str) else json.dumps(text))

    def cases(self, *outcomes, failures=0):
        return {"tests": len(outcomes), "failures": failures, "errors": 0,
                "testsuites": [{"testsuite": [{"result": outcome} for outcome in outcomes]}]}

    def read(self, body, status=0):
        junit = os.path.join(self.folder.name, "ctest.xml")
        if body is not None:
            with open(junit, "w", encoding="utf-8") as file:
                file.write(f"<testsuite>{body}</testsuite>")
        with contextlib.redirect_stdout(self.said):
            runner.read_ctest(self.log, self.report, "ctest dev", status, junit)
        return self.counts()

    def test_cases_of_a_gtest_program_count_one_by_one(self):
        self.gtest("a", self.cases("COMPLETED", "COMPLETED", "SKIPPED"))
        self.assertEqual(self.read('<testcase name="a" status="run"/>'), (2, 0, 1))

    def test_another_program_that_ends_well_is_one_passed_test(self):
        self.assertEqual(self.read('<testcase name="a" status="run"/>'), (1, 0, 0))

    def test_a_failed_case_fails_with_its_output(self):
        self.gtest("a", self.cases("COMPLETED", "COMPLETED", failures=1))
        body = '<testcase name="a" status="fail"><system-out>expected 4</system-out></testcase>'
        self.assertEqual(self.read(body, 8), (1, 1, 0))
        self.assertIn("expected 4", self.said.getvalue())
        self.assertEqual(self.report.broken, ["a"])

    def test_a_crash_without_results_fails(self):
        self.assertEqual(self.read('<testcase name="a" status="fail"/>', 8), (0, 1, 0))

    def test_a_crash_after_good_results_fails(self):
        self.gtest("a", self.cases("COMPLETED"))
        self.assertEqual(self.read('<testcase name="a" status="fail"/>', 8), (1, 1, 0))

    def test_half_written_results_fail(self):
        self.gtest("a", '{"tests": 3, "fail')
        self.assertEqual(self.read('<testcase name="a" status="run"/>'), (0, 1, 0))

    def test_a_program_that_ran_no_case_fails(self):
        self.gtest("a", self.cases())
        self.assertEqual(self.read('<testcase name="a" status="run"/>'), (0, 1, 0))

    def test_a_failure_that_the_exit_status_hides_fails(self):
        self.gtest("a", self.cases("COMPLETED", failures=1))
        self.assertEqual(self.read('<testcase name="a" status="run"/>'), (0, 1, 0))

    def test_a_test_that_says_so_is_skipped(self):
        body = '<testcase name="a" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></testcase>'
        self.assertEqual(self.read(body), (0, 0, 1))
        self.assertIn("skipped: a", self.said.getvalue())

    def test_a_program_that_was_never_built_fails(self):
        body = '<testcase name="a" status="notrun"><skipped message="Unable to find executable"/></testcase>'
        self.assertEqual(self.read(body, 8), (0, 1, 0))

    def test_a_ctest_that_died_fails(self):
        self.assertEqual(self.read(None, -9), (0, 1, 0))

    def test_no_test_at_all_fails(self):
        self.assertEqual(self.read("", 8), (0, 1, 0))

    def test_a_failure_of_ctest_that_no_test_explains_fails(self):
        self.assertEqual(self.read('<testcase name="a" status="run"/>', 8), (1, 1, 0))

    def one(self, *argv):
        with contextlib.redirect_stdout(self.said):
            runner.one(self.log, self.report, "it", list(argv))
        return self.counts()

    def test_a_command_passes_fails_or_skips_by_its_exit_status(self):
        self.assertEqual(self.one("true"), (1, 0, 0))
        self.assertEqual(self.one("false"), (1, 1, 0))
        self.assertEqual(self.one("sh", "-c", "exit 77"), (1, 1, 1))

    def test_a_missing_command_fails_and_is_named(self):
        self.assertEqual(self.one("no-such-command"), (0, 1, 0))
        self.assertIn("no-such-command", self.said.getvalue())

    def stage(self, stage, allowed):
        with contextlib.redirect_stdout(self.said):
            runner.run_stage("it", stage, self.log, self.report, allowed)
        return self.counts()

    def test_a_fault_in_a_stage_is_a_failure_and_not_the_end(self):
        self.assertEqual(self.stage(lambda log, report: {}["absent"], {}), (0, 1, 0))

    def test_a_stage_past_its_budget_fails(self):
        self.assertEqual(self.stage(lambda log, report: report.add(passed=1), {"it": -1.0}), (1, 1, 0))

    def test_nothing_to_run_fails(self):
        with contextlib.redirect_stdout(self.said):
            self.assertEqual(runner.found(self.report, "soak programs", "build/no-such-*"), [])
        self.assertEqual(self.counts(), (0, 1, 0))
        self.assertIn("there are no soak programs", self.said.getvalue())

    def test_every_stage_of_every_mode_has_a_budget(self):
        allowed = runner.budgets()
        for mode in ("test", "check-all", "soak", "bench"):
            for name, _ in runner.plan_of(mode, "", None):
                self.assertIn(name, allowed)


if __name__ == "__main__":
    unittest.main()
