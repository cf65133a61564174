#include "fabro/linux/seccomp/bpf.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace fabro::seccomp {
namespace {

constexpr sock_filter kReturnA = BPF_STMT(BPF_RET | BPF_A, 0);

seccomp_data Call(int nr, std::uint64_t arg0 = 0) {
  seccomp_data data{};
  data.nr = nr;
  data.args[0] = arg0;
  return data;
}

TEST(BpfTest, LoadsWordsOfTheCall) {
  const std::vector<sock_filter> low = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)), kReturnA};
  const std::vector<sock_filter> high = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + 4), kReturnA};

  EXPECT_EQ(RunBpf(low, Call(0, 0x1122334455667788)).value(), 0x55667788U);
  EXPECT_EQ(RunBpf(high, Call(0, 0x1122334455667788)).value(), 0x11223344U);
}

TEST(BpfTest, CalculatesAndUsesScratchCells) {
  const std::vector<sock_filter> program = {BPF_STMT(BPF_LD | BPF_IMM, 6),
                                            BPF_STMT(BPF_ST, 3),
                                            BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 7),
                                            BPF_STMT(BPF_LDX | BPF_MEM, 3),
                                            BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0),
                                            BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 2),
                                            kReturnA};

  EXPECT_EQ(RunBpf(program, Call(0)).value(), 9U);  // (6 * 7 - 6) >> 2
}

TEST(BpfTest, JumpsForwardByOutcome) {
  const std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 10, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 1), BPF_STMT(BPF_RET | BPF_K, 2)};

  EXPECT_EQ(RunBpf(program, Call(10)).value(), 1U);
  EXPECT_EQ(RunBpf(program, Call(9)).value(), 2U);
  EXPECT_EQ(RunBpf(program, Call(-1)).value(), 1U) << "compares are unsigned";
}

TEST(BpfTest, DivisionByRegisterZeroKillsTheThread) {
  const std::vector<sock_filter> program = {BPF_STMT(BPF_LD | BPF_IMM, 5),
                                            BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
                                            BPF_STMT(BPF_RET | BPF_K, 7)};

  EXPECT_EQ(RunBpf(program, Call(0)).value(), 0U);
}

TEST(BpfTest, RefusesWhatTheKernelWouldNotLoad) {
  const sock_filter ret = BPF_STMT(BPF_RET | BPF_K, 0);
  const std::vector<std::vector<sock_filter>> bad = {
      {},
      {BPF_STMT(BPF_LD | BPF_IMM, 0)},
      {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), ret},
      {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), ret},
      {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), ret},
      {BPF_STMT(BPF_LD | BPF_MEM, 16), ret},
      {BPF_STMT(BPF_LD | BPF_MEM, 0), ret},
      {BPF_STMT(BPF_JMP | BPF_JA, 1), ret},
      {BPF_STMT(BPF_JMP | BPF_JA, 0xFFFFFFFF), ret},
      {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), ret},
      {BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), ret},
      {BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), ret},
      {BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), ret},
      std::vector<sock_filter>(BPF_MAXINSNS + 1, ret),
  };
  for (std::size_t i = 0; i < bad.size(); ++i) {
    const auto result = RunBpf(bad[i], Call(0));
    ASSERT_FALSE(result.ok()) << "program " << i;
    EXPECT_EQ(result.error().reason, "bad_bpf");
  }
}

TEST(BpfTest, KnowsWhenACellIsSetOnOneWayOnly) {
  const std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1),
      BPF_STMT(BPF_ST, 0), BPF_STMT(BPF_LD | BPF_MEM, 0), kReturnA};

  EXPECT_FALSE(ValidateBpf(program).ok());
}

}  // namespace
}  // namespace fabro::seccomp
