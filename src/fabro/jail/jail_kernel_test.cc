#include "fabro/jail/jail.h"

#include <gtest/gtest.h>

#include <string>

#include "fabro/jail/relay.h"

namespace fabro::jail {
namespace {

using model::Fate;

struct Ran {
  model::Outcome outcome;
  std::string out;
  std::string err;
};

Result<Jail> MakeJail(const model::SandboxSpec& spec) {
  Jailer jailer = TRY(Jailer::Open({.mode = Jailer::Options::Mode::kChild, .program = FABER_JAILER}));
  return Jail::Create(std::move(jailer), spec);
}

Result<Ran> RunIn(Jail& jail, const model::ExecSpec& spec) {
  Ran ran;
  RelayOptions options;
  options.on_output = [&](Stream stream, std::string_view bytes) {
    (stream == Stream::kStdout ? ran.out : ran.err).append(bytes);
    return Status();
  };
  Relayed relayed = TRY(RunRelayed(jail, spec, options));
  ran.outcome = std::move(relayed.outcome);
  return ran;
}

TEST(JailTest, EchoRunsInAChildJailer) {
  auto jail = MakeJail({});
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  model::ExecSpec spec;
  spec.argv = {"/bin/echo", "hello"};
  const auto ran = RunIn(*jail, spec);
  ASSERT_TRUE(ran.ok()) << ran.error().ToString();
  EXPECT_EQ(ran->outcome.fate, Fate::kExited) << ran->outcome.message;
  EXPECT_EQ(ran->outcome.exit_code, 0);
  EXPECT_EQ(ran->out, "hello\n");
  EXPECT_TRUE(jail->Stop().ok());
}

}  // namespace
}  // namespace fabro::jail
