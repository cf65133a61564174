#include "fabro/linux/seccomp/bpf.h"

#include <array>
#include <cstring>
#include <string>
#include <vector>

namespace fabro::seccomp {
namespace {

struct Machine {
  std::uint32_t a = 0;
  std::uint32_t x = 0;
  std::array<std::uint32_t, BPF_MEMWORDS> cells{};
};

Error Bad(std::size_t index, const char* why) {
  return Failure(Code::kInvalidArgument, "BPF instruction " + std::to_string(index) + ": " + why,
                 "bad_bpf");
}

bool IsConditional(std::uint16_t code) {
  return BPF_CLASS(code) == BPF_JMP && BPF_OP(code) != BPF_JA;
}

// The instructions that seccomp takes; those of packet filters (byte loads, indirect loads) are not
// among them.
bool IsKnown(std::uint16_t code) {
  switch (code) {
    case BPF_LD | BPF_W | BPF_ABS:
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
    case BPF_ALU | BPF_NEG:
    case BPF_JMP | BPF_JA:
      return true;
    default:
      break;
  }
  if ((code & ~(BPF_CLASS(0xFFFF) | 0xF0 | BPF_X)) != 0) return false;
  const auto op = BPF_OP(code);
  if (BPF_CLASS(code) == BPF_JMP) {
    return op == BPF_JEQ || op == BPF_JGT || op == BPF_JGE || op == BPF_JSET;
  }
  return BPF_CLASS(code) == BPF_ALU &&
         (op == BPF_ADD || op == BPF_SUB || op == BPF_MUL || op == BPF_DIV || op == BPF_AND ||
          op == BPF_OR || op == BPF_XOR || op == BPF_LSH || op == BPF_RSH);
}

bool UsesCell(std::uint16_t code) {
  return code == (BPF_LD | BPF_MEM) || code == (BPF_LDX | BPF_MEM) || code == BPF_ST ||
         code == BPF_STX;
}

const char* WhyBad(const sock_filter& insn, std::size_t left) {
  const std::uint16_t code = insn.code;
  if (!IsKnown(code)) return "unknown to seccomp";
  if (code == (BPF_LD | BPF_W | BPF_ABS) && (insn.k % 4 != 0 || insn.k >= sizeof(seccomp_data))) {
    return "loads from outside seccomp_data";
  }
  if (UsesCell(code) && insn.k >= BPF_MEMWORDS) return "no such scratch cell";
  if (code == (BPF_ALU | BPF_DIV | BPF_K) && insn.k == 0) return "divides by zero";
  if ((code == (BPF_ALU | BPF_LSH | BPF_K) || code == (BPF_ALU | BPF_RSH | BPF_K)) &&
      insn.k >= 32) {
    return "shifts by more than a word";
  }
  if (code == (BPF_JMP | BPF_JA) && insn.k >= left) return "jumps out of the program";
  if (IsConditional(code) && (insn.jt >= left || insn.jf >= left)) {
    return "jumps out of the program";
  }
  return nullptr;
}

// Scratch cells must be written on every way to where they are read; `written` holds what is sure
// at each instruction, as in the kernel's check_load_and_stores.
Status CheckCells(std::span<const sock_filter> program) {
  std::vector<std::uint32_t> sure(program.size(), 0xFFFF);
  std::uint32_t written = 0;
  for (std::size_t i = 0; i < program.size(); ++i) {
    const sock_filter& insn = program[i];
    written &= sure[i];
    if (insn.code == BPF_ST || insn.code == BPF_STX) written |= 1U << insn.k;
    if ((insn.code == (BPF_LD | BPF_MEM) || insn.code == (BPF_LDX | BPF_MEM)) &&
        (written & (1U << insn.k)) == 0) {
      return Bad(i, "reads a scratch cell that may be unset");
    }
    if (insn.code == (BPF_JMP | BPF_JA)) {
      sure[i + 1 + insn.k] &= written;
      written = ~0U;
    } else if (IsConditional(insn.code)) {
      sure[i + 1 + insn.jt] &= written;
      sure[i + 1 + insn.jf] &= written;
      written = ~0U;
    }
  }
  return {};
}

std::uint32_t LoadWord(const seccomp_data& data, std::uint32_t offset) {
  std::uint32_t word = 0;
  std::memcpy(&word, reinterpret_cast<const char*>(&data) + offset, sizeof word);
  return word;
}

bool Jumps(const sock_filter& insn, const Machine& m) {
  const std::uint32_t operand = BPF_SRC(insn.code) == BPF_X ? m.x : insn.k;
  switch (BPF_OP(insn.code)) {
    case BPF_JEQ:
      return m.a == operand;
    case BPF_JGT:
      return m.a > operand;
    case BPF_JGE:
      return m.a >= operand;
    default:
      return (m.a & operand) != 0;
  }
}

// False for a division by zero.
bool Calculate(const sock_filter& insn, Machine& m) {
  const std::uint32_t operand = BPF_SRC(insn.code) == BPF_X ? m.x : insn.k;
  switch (BPF_OP(insn.code)) {
    case BPF_ADD:
      m.a += operand;
      return true;
    case BPF_SUB:
      m.a -= operand;
      return true;
    case BPF_MUL:
      m.a *= operand;
      return true;
    case BPF_DIV:
      if (operand == 0) return false;
      m.a /= operand;
      return true;
    case BPF_AND:
      m.a &= operand;
      return true;
    case BPF_OR:
      m.a |= operand;
      return true;
    case BPF_XOR:
      m.a ^= operand;
      return true;
    case BPF_LSH:
      m.a <<= operand & 31U;  // The kernel masks a shift by register, too.
      return true;
    case BPF_RSH:
      m.a >>= operand & 31U;
      return true;
    default:
      m.a = 0U - m.a;  // BPF_NEG
      return true;
  }
}

void Move(const sock_filter& insn, const seccomp_data& data, Machine& m) {
  switch (insn.code) {
    case BPF_LD | BPF_W | BPF_ABS:
      m.a = LoadWord(data, insn.k);
      break;
    case BPF_LD | BPF_W | BPF_LEN:
      m.a = sizeof(seccomp_data);
      break;
    case BPF_LDX | BPF_W | BPF_LEN:
      m.x = sizeof(seccomp_data);
      break;
    case BPF_LD | BPF_IMM:
      m.a = insn.k;
      break;
    case BPF_LDX | BPF_IMM:
      m.x = insn.k;
      break;
    case BPF_LD | BPF_MEM:
      m.a = m.cells[insn.k];
      break;
    case BPF_LDX | BPF_MEM:
      m.x = m.cells[insn.k];
      break;
    case BPF_ST:
      m.cells[insn.k] = m.a;
      break;
    case BPF_STX:
      m.cells[insn.k] = m.x;
      break;
    case BPF_MISC | BPF_TAX:
      m.x = m.a;
      break;
    default:
      m.a = m.x;  // BPF_MISC | BPF_TXA
      break;
  }
}

}  // namespace

Status ValidateBpf(std::span<const sock_filter> program) {
  if (program.empty() || program.size() > BPF_MAXINSNS) {
    return Failure(
        Code::kInvalidArgument,
        "a BPF program has 1 to 4096 instructions, not " + std::to_string(program.size()),
        "bad_bpf");
  }
  for (std::size_t i = 0; i < program.size(); ++i) {
    const char* why = WhyBad(program[i], program.size() - 1 - i);
    if (why != nullptr) return Bad(i, why);
  }
  if (BPF_CLASS(program.back().code) != BPF_RET) {
    return Bad(program.size() - 1, "the last one is no return");
  }
  return CheckCells(program);
}

std::uint32_t RunValidBpf(std::span<const sock_filter> program, const seccomp_data& data) {
  Machine m;
  for (std::size_t pc = 0; pc < program.size(); ++pc) {
    const sock_filter& insn = program[pc];
    switch (BPF_CLASS(insn.code)) {
      case BPF_RET:
        return insn.code == (BPF_RET | BPF_A) ? m.a : insn.k;
      case BPF_JMP:
        if (BPF_OP(insn.code) == BPF_JA) {
          pc += insn.k;
        } else {
          pc += Jumps(insn, m) ? insn.jt : insn.jf;
        }
        break;
      case BPF_ALU:
        if (!Calculate(insn, m)) return 0;
        break;
      default:
        Move(insn, data, m);
        break;
    }
  }
  return 0;  // Not reached: the last instruction is a return.
}

Result<std::uint32_t> RunBpf(std::span<const sock_filter> program, const seccomp_data& data) {
  TRY(ValidateBpf(program));
  return RunValidBpf(program, data);
}

}  // namespace fabro::seccomp
