#include "fabro/jail/protocol/messages.h"

#include <gtest/gtest.h>

namespace fabro::jail::protocol {
namespace {

model::SandboxSpec FullSpec() {
  model::SandboxSpec spec;
  spec.level = model::Level::kHigh;
  spec.network = model::NetworkMode::kLoopback;
  spec.launch = model::Launch::kStrict;
  spec.fresh = true;
  spec.tty = true;
  spec.root.kind = model::RootSource::Kind::kDir;
  spec.binds = {{.source = HostPath("/srv/a"), .target = GuestPath("/a"), .writable = true}};
  spec.workspace.size = 8_MiB;
  spec.workspace.inodes = 20;
  spec.limits = model::DefaultLimits();
  spec.limits.cpu_set = "0-2,5";
  spec.limits.io_read_rate = 1_MiB;
  spec.limits.io_write_rate = 2_MiB;
  spec.degrade = {"landlock"};
  spec.syscalls.deny_jit = true;
  spec.capabilities = {"CAP_CHOWN", "CAP_FOWNER"};
  spec.monotonic_start = Nanos(7);
  spec.boottime_start = Nanos(-9);
  spec.syscalls.allow = {"mount"};
  spec.syscalls.deny = {"symlink", "link"};
  spec.syscalls.learn = model::Level::kHigh;
  return spec;
}

TEST(MessagesTest, SandboxSpecComesBackWithoutItsHostPaths) {
  model::SandboxSpec expected = FullSpec();
  const auto decoded = DecodeSandboxSpec(Encode(expected));
  ASSERT_TRUE(decoded.ok());
  expected.binds[0].source = HostPath();
  EXPECT_EQ(*decoded, expected);
}

TEST(MessagesTest, OutcomeComesBackWhole) {
  model::Outcome outcome;
  outcome.fate = model::Fate::kPolicyViolation;
  outcome.signal = 9;
  outcome.no_work_dir = true;
  outcome.usage.memory_peak = 3_MiB;
  outcome.usage.io_read = 1_MiB;
  outcome.usage.io_written = 2_MiB;
  outcome.violations = {
      {.syscall = "mount", .call = "mount", .pid = 7, .comm = "sh", .killed = true},
      {.syscall = "bpf", .call = "bpf", .pid = 8, .comm = "sh", .sys_errno = 1, .guest_pid = 3}};
  outcome.violations_dropped = 3;
  const auto decoded = DecodeOutcome(Encode(outcome));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, outcome);
}

TEST(MessagesTest, EveryTruncationIsRefused) {
  const std::string whole = Encode(FullSpec());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(DecodeSandboxSpec(std::string_view(whole).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeSandboxSpec(whole + "x").ok());
}

TEST(MessagesTest, AnotherVersionIsNamed) {
  std::string packet = EncodeFrame(Type::kHello, 1);
  packet[4] = 9;
  const auto frame = DecodeFrame(packet);
  ASSERT_FALSE(frame.ok());
  EXPECT_EQ(frame.error().reason, "protocol_error");
  EXPECT_NE(frame.error().message.find("version 9"), std::string::npos);
}

TEST(MessagesTest, FrameGivesTypeNumberAndBody) {
  const std::string packet = EncodeFrame(Type::kStop, 77, "body");
  const auto frame = DecodeFrame(packet);
  ASSERT_TRUE(frame.ok());
  EXPECT_EQ(frame->type, Type::kStop);
  EXPECT_EQ(frame->request, 77U);
  EXPECT_EQ(frame->body, "body");
}

TEST(MessagesTest, ErrorsKeepReasonFixAndContext) {
  Error error = Failure(Code::kUnavailable, "m", "isolation_unavailable", "f");
  error.sys_errno = 1;
  error.In("starting");
  EXPECT_EQ(DecodeError(Encode(error)).ToString(), error.ToString());
  EXPECT_EQ(DecodeError("x").reason, "protocol_error");
}

}  // namespace
}  // namespace fabro::jail::protocol
