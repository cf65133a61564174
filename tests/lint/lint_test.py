"""Each lint finds the file that breaks it, and leaves a good one alone."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import banned  # noqa: E402
import headers  # noqa: E402
import heavy  # noqa: E402
import layers  # noqa: E402
import size  # noqa: E402
import try_place  # noqa: E402


class LintTest(unittest.TestCase):
    def setUp(self):
        self.tree = tempfile.TemporaryDirectory()
        self.root = self.tree.name

    def tearDown(self):
        self.tree.cleanup()

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def test_layers_refuses_an_upward_include(self):
        self.write("src/fabro/base/a.h", '#include "fabro/jail/jail.h"\n')
        self.assertIn("room 'base' may not use 'jail'", layers.check(self.root)[0])

    def test_layers_allows_what_the_table_names(self):
        self.write("src/fabro/jail/a.cc", '#include "fabro/base/result.h"\n#include "fabro/model/event.h"\n')
        self.assertEqual(layers.check(self.root), [])

    def test_layers_lets_workflow_see_the_interface_of_providers_only(self):
        self.write("src/fabro/workflow/engine/a.cc", '#include "fabro/provider/provider.h"\n')
        self.assertEqual(layers.check(self.root), [])
        self.write("src/fabro/workflow/engine/b.cc", '#include "fabro/provider/local/local.h"\n')
        self.assertEqual(len(layers.check(self.root)), 1)

    def test_layers_finds_a_cycle_of_headers(self):
        self.write("src/fabro/base/a.h", '#include "fabro/base/b.h"\n')
        self.write("src/fabro/base/b.h", '#include "fabro/base/a.h"\n')
        self.assertIn("include cycle", layers.check(self.root)[0])

    def test_layers_refuses_an_unknown_room(self):
        self.write("src/fabro/attic/a.cc", '#include "fabro/base/result.h"\n')
        self.assertIn("not in layers.txt", layers.check(self.root)[0])

    def test_size_refuses_a_long_file_and_a_long_header(self):
        self.write("src/fabro/base/a.cc", "int x;\n" * 401)
        self.write("src/fabro/base/b.h", "int x;\n" * 201)
        self.assertEqual(len(size.check(self.root)), 2)

    def test_size_ratchet_only_shrinks(self):
        self.write("src/fabro/base/a.cc", "int x;\n" * 500)
        self.write("tests/lint/size_ratchet.txt", "500 src/fabro/base/a.cc\n")
        self.assertEqual(size.check(self.root), [])
        self.write("src/fabro/base/a.cc", "int x;\n" * 501)
        self.assertIn("grew", size.check(self.root)[0])
        self.write("src/fabro/base/a.cc", "int x;\n")
        self.assertIn("fits now", size.check(self.root)[0])

    def test_size_has_a_hard_limit(self):
        self.write("src/fabro/base/a.cc", "int x;\n" * 900)
        self.write("tests/lint/size_ratchet.txt", "900 src/fabro/base/a.cc\n")
        self.assertIn("never allowed", size.check(self.root)[0])

    def test_try_inside_an_expression(self):
        for bad in ("return {TRY(f())};", "g(TRY(f()));", "Plan p{Fd(9), TRY(f())};", "return TRY(f());",
                    "int x = 1 + TRY(f());", "auto x = TRY(f()).y;", "if (TRY(f())) g();"):
            self.write("src/fabro/base/a.cc", f"Status h() {{\n  {bad}\n}}\n")
            self.assertEqual(len(try_place.check(self.root)), 1, bad)

    def test_try_where_it_may_stand(self):
        for good in ("TRY(f());", "const auto x = TRY(f());", "int x = TRY_IN(\"a (\", f(g(1)));",
                     "if (a) TRY(f());", "x = TRY(f());", "std::vector<int> x = TRY(f());",
                     "this->y_ = TRY(f());", "// return TRY(f());", 'const char* s = "return TRY(f())";'):
            self.write("src/fabro/base/a.cc", f"Status h() {{\n  {good}\n}}\n")
            self.assertEqual(try_place.check(self.root), [], good)

    def test_heavy_counts_translation_units(self):
        self.write("src/fabro/codec/a.cc", "#include <nlohmann/json.hpp>\n")
        self.assertEqual(heavy.check(self.root), [])
        self.write("src/fabro/codec/b.cc", "#include <nlohmann/json.hpp>\n")
        self.assertIn("2 translation units with nlohmann", heavy.check(self.root)[0])
        self.write("src/fabro/http/c.h", "#include <boost/beast/core.hpp>\n")
        self.assertIn("Beast in a header", "\n".join(heavy.check(self.root)))

    def test_banned_calls(self):
        for bad in ('system("ls");', 'std::system("ls");', 'popen("ls", "r");', "std::thread t;",
                    "std::filesystem::remove_all(p);", "throw 1;", "usleep(5);", "strcpy(a, b);"):
            self.write("src/fabro/base/a.cc", f"void f() {{ {bad} }}\n")
            self.assertEqual(len(banned.check(self.root)), 1, bad)
        self.write("src/fabro/base/a.cc", '// system("x")\nvoid f() { file_system(1); x.system(2); }\n')
        self.assertEqual(banned.check(self.root), [])

    def test_headers_must_compile_alone(self):
        self.write("src/fabro/base/a.h", "#pragma once\nstd::string x();\n")
        self.write("src/fabro/base/b.h", "#pragma once\n#include <string>\nstd::string y();\n")
        self.assertEqual(len(headers.check(self.root)), 1)


if __name__ == "__main__":
    unittest.main()
