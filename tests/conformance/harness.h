// What the conformance table needs of a provider: fresh sandboxes. One table, every provider.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "fabro/linux/scoped_dir.h"
#include "fabro/provider/provider.h"

namespace fabro::provider::conformance {

struct ExecRow {
  std::string name;
  std::string command;
  std::string cwd = {};
  std::map<std::string, std::string> env = {};
  std::optional<Nanos> timeout = {};
  Termination termination = Termination::kExited;
  std::optional<int> exit_code = 0;
  std::string out = {};                 // "%W" stands for the working directory.
  std::optional<std::string> err = "";  // Absent: any.
};

const std::vector<ExecRow>& ExecRows();

class Harness {
 public:
  virtual ~Harness() = default;
  // Not initialized yet; ends before the Harness does.
  virtual std::unique_ptr<Sandbox> Make() = 0;
  // Told before a row runs; only a scripted provider does something with it.
  virtual void Expect(Sandbox& /*sandbox*/, const ExecRow& /*row*/) {}
};

struct Provider {
  std::string name;
  std::function<std::unique_ptr<Harness>()> make;
};

inline void PrintTo(const Provider& provider, std::ostream* out) { *out << provider.name; }
inline void PrintTo(const ExecRow& row, std::ostream* out) { *out << row.name; }

// A sandbox that is up.
class ConformanceBase : public ::testing::Test {
 protected:
  void Begin(const Provider& provider) {
    harness_ = provider.make();
    ASSERT_NE(harness_, nullptr);
    sandbox_ = harness_->Make();
    ASSERT_NE(sandbox_, nullptr);
    const Status initialized = sandbox_->Initialize();
    ASSERT_TRUE(initialized.ok()) << initialized.error().ToString();
  }
  void TearDown() override {
    if (!sandbox_) return;
    const Status cleaned = sandbox_->Cleanup();
    EXPECT_TRUE(cleaned.ok()) << cleaned.error().ToString();
    const Status again = sandbox_->Cleanup();
    EXPECT_TRUE(again.ok()) << "Cleanup is idempotent: " << again.error().ToString();
  }

  std::unique_ptr<Harness> harness_;
  std::unique_ptr<Sandbox> sandbox_;
};

class ExecTable : public ConformanceBase,
                  public ::testing::WithParamInterface<std::tuple<Provider, ExecRow>> {
 protected:
  void SetUp() override { Begin(std::get<0>(GetParam())); }
};

// Files, and the states of a sandbox.
class FileTable : public ConformanceBase, public ::testing::WithParamInterface<Provider> {
 protected:
  void SetUp() override { Begin(GetParam()); }
};

// What only a provider that runs something can show.
class RealExec : public ConformanceBase, public ::testing::WithParamInterface<Provider> {
 protected:
  void SetUp() override { Begin(GetParam()); }
};

inline std::string NameOf(const ::testing::TestParamInfo<Provider>& info) {
  return info.param.name;
}
inline std::string RowNameOf(const ::testing::TestParamInfo<std::tuple<Provider, ExecRow>>& info) {
  return std::get<0>(info.param).name + "_" + std::get<1>(info.param).name;
}

}  // namespace fabro::provider::conformance
