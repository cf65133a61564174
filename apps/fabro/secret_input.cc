#include "secret_input.h"

#include <termios.h>
#include <unistd.h>

#include <utility>

#include "fabro/linux/file.h"

namespace fabro::cli {
namespace {

constexpr ByteSize kMaxSecret = 64_KiB;

// The terminal shows nothing while this lives.
class NoEcho {
 public:
  NoEcho() : known_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!known_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL;
    (void)::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;
  ~NoEcho() {
    if (known_) (void)::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }

 private:
  termios before_{};
  bool known_;
};

std::string WithoutLineEnd(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

// A line of the terminal; its driver gives lines whole.
std::string ReadLine() {
  std::string line;
  for (char c = 0; line.size() < 65536 && ::read(STDIN_FILENO, &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

}  // namespace

Result<secrets::Secret> ReadSecret(bool from_stdin, std::string_view prompt, std::string_view flag,
                                   Console& console) {
  std::string text;
  if (from_stdin) {
    text = TRY_IN("reading the secret", ReadFd(STDIN_FILENO, kMaxSecret));
  } else if (::isatty(STDIN_FILENO) == 1) {
    console.Ask(prompt);
    const NoEcho silent;
    text = ReadLine();
  } else {
    return Failure(Code::kInvalidArgument, "no terminal to ask for the secret", "secret_missing",
                   "pipe it in with " + std::string(flag));
  }
  secrets::Secret secret(WithoutLineEnd(std::move(text)));
  if (secret.empty()) {
    return Failure(Code::kInvalidArgument, "the secret is empty", "secret_missing");
  }
  return secret;
}

}  // namespace fabro::cli
