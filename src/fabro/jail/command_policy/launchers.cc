// Programs that start the command in their arguments. What is unwrapped is judged like a command
// of its own, however deep.
#include <algorithm>
#include <array>
#include <utility>

#include "fabro/jail/command_policy/evaluator.h"
#include "fabro/jail/command_policy/operands.h"
#include "fabro/jail/command_policy/removal.h"

namespace fabro::jail::command_policy {
namespace {

// How a launcher's arguments are read up to the command: options first, as with getopt's "+".
struct Launcher {
  std::string_view names;         // Between spaces.
  std::string_view short_values;  // Letters of options that take a value.
  std::string_view long_values;   // Long options whose value is a word of its own, between spaces.
  std::size_t operands = 0;       // Words before the command: the time of `timeout`.
  bool assignments = false;       // NAME=value may stand before the command.
};

constexpr std::array kLaunchers = {
    Launcher{"nohup setsid eatmydata unbuffer dbus-run-session catchsegv", "", "config-file"},
    Launcher{"time", "fo", "format output"},
    Launcher{"fakeroot", "lsib", "lib faked"},
    Launcher{"pkexec", "", "user"},
    Launcher{"nice", "n", "adjustment"},
    Launcher{"timeout", "ks", "kill-after signal", 1},
    Launcher{"stdbuf", "ioe", "input output error"},
    Launcher{"ionice", "cnpPu", "class classdata pid pgid uid"},
    Launcher{"taskset", "", "", 1},
    Launcher{"chrt", "TPDp", "sched-runtime sched-period sched-deadline pid", 1},
    Launcher{"setarch linux32 linux64 i386 x86_64", "", ""},
    Launcher{"prlimit", "", "pid"},
    Launcher{"numactl", "imCNplFSLMD", "interleave membind cpunodebind physcpubind preferred"},
    Launcher{"sudo", "aCcDghpRrTtUu",
             "user group host chdir close-from login-class role type prompt other-user chroot "
             "command-timeout",
             0, true},
    Launcher{"doas", "aCu", "", 0, true},
    Launcher{"runuser", "ugGsw", "user group supp-group shell whitelist-environment"},
    Launcher{"setpriv", "",
             "reuid regid groups ambient-caps inh-caps bounding-set securebits pdeathsig "
             "selinux-label apparmor-profile"},
    Launcher{"capsh", "", ""},
    Launcher{"chroot", "", "groups userspec", 1},
    Launcher{"unshare", "RwSG", "root wd setuid setgid map-user map-group propagation setgroups"},
    Launcher{"nsenter", "tSG", "target setuid setgid"},
    Launcher{"strace ltrace", "abeEIoOpPsSuUX", ""},
    Launcher{"flock", "wE", "wait timeout conflict-exit-code", 1},
    Launcher{"systemd-run", "HMpSt", "unit property slice uid gid nice working-directory setenv"},
    Launcher{"systemd-inhibit", "", "what who why mode"},
    Launcher{"cgexec", "g", ""},
    Launcher{"firejail bwrap proxychains proxychains4 torsocks rlwrap entr chpst softlimit", "",
             ""},
    Launcher{"xvfb-run", "enfspw", "server-num error-file auth-file server-args wait"},
    Launcher{"faketime", "fp", "", 1},
    Launcher{"setuidgid chpst envdir", "", "", 1},
    Launcher{"start-stop-daemon", "", ""},
};

const Launcher* FindLauncher(std::string_view name) {
  for (const Launcher& launcher : kLaunchers) {
    if (Among(launcher.names, name)) return &launcher;
  }
  return nullptr;
}

}  // namespace

bool Evaluator::RunLauncher(const std::string& name, const Values& argv, Context& context) {
  if (RunSpecial(name, argv, context)) return true;
  const Launcher* launcher = FindLauncher(name);
  if (launcher == nullptr) return false;
  std::size_t at = FirstOperand(argv, 1, launcher->short_values, launcher->long_values);
  for (const Value& arg : std::span(argv).first(std::min(at, argv.size())).subspan(1)) {
    if (arg.HasUnknown()) Unclear(argv, context, "the options are known at run time only");
  }
  at += launcher->operands;
  for (; launcher->assignments && at < argv.size() && IsAssignment(argv[at].text); ++at) {
    CheckVariable(argv[at].text.substr(0, argv[at].text.find('=')), context);
  }
  if (name == "setarch" && at < argv.size() && FindLauncher(argv[at].text) == nullptr) {
    RunArgv(From(argv, at + 1), Below(context, name));  // setarch ARCH CMD
  }
  RunArgv(From(argv, at), Below(context, name));
  // -c TEXT of these is a shell's.
  const bool has_text =
      name == "flock" || name == "runuser" || name == "capsh" || name == "unshare";
  if (has_text) RunTextOption(argv, context, false);
  return true;
}

bool Evaluator::RunSpecial(const std::string& name, const Values& argv, Context& context) {
  if (name == "env") {
    RunEnv(argv, context);
  } else if (name == "xargs") {
    RunXargs(argv, context);
  } else if (name == "find" || name == "fd" || name == "fdfind") {
    RunFind(argv, context);
  } else if (name == "parallel") {
    RunParallel(argv, context);
  } else if (name == "su" || name == "script") {
    RunTextOption(argv, context, false);
  } else if (name == "watch") {
    RunTextOption(argv, context, true);
  } else if (name == "busybox" || name == "toybox" || name == "coreutils") {
    RunMultiCall(argv, context);
  } else if (name.starts_with("ld-linux") || name.starts_with("ld-musl") || name == "ld.so") {
    RunLoader(argv, context);
  } else {
    return false;
  }
  return true;
}

void Evaluator::RunEnv(const Values& argv, Context& context) {
  Context below = Below(context, "env");
  ShellState shell = *context.shell;
  below.shell = &shell;
  std::size_t at = 1;
  while (at < argv.size() && argv[at].text.starts_with('-')) {
    const std::string& word = argv[at].text;
    if (word == "--") {
      ++at;
      break;
    }
    // -S TEXT, -vS TEXT, -STEXT, --split-string=TEXT: words of the command, split here.
    const bool is_long = word.starts_with("--split-string");
    const std::size_t split =
        is_long ? 0 : (word.starts_with("--") ? std::string::npos : word.find('S'));
    if (split != std::string::npos) {
      std::size_t rest = at + 1;
      std::string text =
          is_long ? word.substr(std::min<std::size_t>(15, word.size())) : word.substr(split + 1);
      if (text.empty() && rest < argv.size()) text = argv[rest++].text;
      Values words{argv.front()};
      for (const std::string& one : SplitWords(text).value_or(std::vector<std::string>())) {
        words.push_back(Value::Of(one));
      }
      for (Value& value : From(argv, rest)) words.push_back(std::move(value));
      ++below.depth;
      if (below.depth < kDeepestNesting / 4) RunEnv(words, below);
      return;
    }
    const bool chdir = word.starts_with("-C") || word.starts_with("--chdir");
    if (chdir) shell.cwd.clear();
    at = BehindOption(argv, at, "uC", "unset chdir");
  }
  for (; at < argv.size() && IsAssignment(argv[at].text); ++at) {
    const std::size_t equals = argv[at].text.find('=');
    const std::string name = argv[at].text.substr(0, equals);
    CheckVariable(name, context);
    Value value;
    value.text = argv[at].text.substr(equals + 1);
    value.marks = argv[at].marks.substr(equals + 1);
    value.guessed = true;
    shell.variables.insert_or_assign(name, std::move(value));
  }
  RunArgv(From(argv, at), below);
}

void Evaluator::RunXargs(const Values& argv, Context& context) {
  std::string replace;
  std::size_t at = 1;
  while (at < argv.size() && argv[at].text.size() > 1 && argv[at].text[0] == '-') {
    const std::string& word = argv[at].text;
    const std::size_t next = word == "--" ? at + 1
                                          : BehindOption(argv, at, "adEILnPs",
                                                         "arg-file delimiter max-args max-chars "
                                                         "max-procs process-slot-var");
    if (word.starts_with("-I")) {
      replace =
          word.size() > 2 ? word.substr(2) : (next - 1 < argv.size() ? argv[next - 1].text : "");
    } else if (word.starts_with("-i") || word.starts_with("--replace")) {
      replace = "{}";
    }
    at = next;
    if (word == "--") break;
  }
  Values command = From(argv, at);
  if (command.empty()) return;  // echo.
  Values items{Value::Unknown()};
  if (context.in.text) {
    items.clear();
    for (const std::string& one :
         SplitWords(*context.in.text).value_or(std::vector<std::string>())) {
      items.push_back(Value::Of(one));
      items.back().guessed = true;
    }
  }
  if (!replace.empty()) {
    const Value filler = items.size() == 1 ? items.front() : Value::Unknown();
    for (Value& word : command) word = Replaced(word, replace, filler);
  } else {
    std::ranges::move(items, std::back_inserter(command));
  }
  Context below = Below(context, "xargs");
  below.in = {.redirected = true};
  RunArgv(command, below);
}

// -exec and its kin: {} is each place where the search starts, since that is found first.
void Evaluator::RunFind(const Values& argv, Context& context) {
  constexpr std::array<std::string_view, 8> kActions = {
      "-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch"};
  constexpr std::size_t kMostRoots = 8;
  Values roots;
  std::size_t at = 1;
  while (at < argv.size() &&
         (argv[at].text == "-H" || argv[at].text == "-L" || argv[at].text == "-P" ||
          argv[at].text == "-D" || argv[at].text.starts_with("-O"))) {
    at += argv[at].text == "-D" ? 2 : 1;
  }
  for (; at < argv.size() && roots.size() < kMostRoots; ++at) {
    const std::string& word = argv[at].text;
    if (word.starts_with('-') || word == "(" || word == "!") break;
    roots.push_back(argv[at]);
  }
  if (roots.empty()) roots.push_back(Value::Of("."));
  for (std::size_t i = 1; i < argv.size(); ++i) {
    if (std::ranges::find(kActions, argv[i].text) == kActions.end()) continue;
    Values command;
    for (++i; i < argv.size() && argv[i].text != ";"; ++i) {
      if (argv[i].text == "+" && !command.empty() && command.back().text == "{}") break;
      command.push_back(argv[i]);
    }
    for (const Value& root : roots) {
      Values filled = command;
      for (Value& word : filled) word = Replaced(word, "{}", root);
      RunArgv(filled,
              Below(context, "find " + argv[std::min(i, argv.size()) - command.size() - 1].text));
    }
  }
}

// parallel gives its words to a shell, with {} or at the end what stands behind ":::".
void Evaluator::RunParallel(const Values& argv, Context& context) {
  constexpr std::size_t kMostItems = 16;
  const auto is_mark = [](const Value& value) { return value.text.starts_with(":::"); };
  const auto mark = std::ranges::find_if(argv, is_mark);
  const Values head(argv.begin(), mark);
  const std::size_t at = FirstOperand(head, 1, "jILNnPSsaCdE",
                                      "jobs arg-file max-args delimiter colsep joblog timeout "
                                      "delay retries workdir sshlogin halt tmpdir");
  const Values command = From(head, at);
  Values items;
  for (auto item = mark; item != argv.end() && items.size() < kMostItems; ++item) {
    if (!is_mark(*item)) items.push_back(*item);
  }
  if (items.empty()) items.push_back(Value::Unknown());
  const Context below = Below(context, "parallel");
  for (const Value& item : items) {
    Values filled = command;
    bool used = false;
    for (Value& word : filled) {
      used = used || word.text.find("{}") != std::string::npos;
      word = Replaced(word, "{}", item);
    }
    if (!used) filled.push_back(item);
    bool known = true;
    const std::string text = Joined(filled, known);
    if (known) {
      RunShellText(text, argv, below, false);
    } else {
      Unclear(argv, below, "what parallel runs is known at run time only");
      RunArgv(filled, below);
    }
  }
}

// su -c TEXT, script -c TEXT, flock -c TEXT; watch WORDS… is TEXT as well.
void Evaluator::RunTextOption(const Values& argv, Context& context, bool joins_operands) {
  const std::string starter(BaseName(argv.front().text));
  const Context below = Below(context, starter);
  const auto run = [&](const Value& text) {
    if (text.Known()) {
      RunShellText(text.text, argv, below, true);
    } else {
      Unclear(argv, below, "the text is known at run time only");
    }
  };
  if (joins_operands) {
    const std::size_t at = FirstOperand(argv, 1, "nqd", "interval equexit");
    const Values words = From(argv, at);
    bool known = true;
    Value text = Value::Of(Joined(words, known));
    if (!known) text = Value::Unknown();
    run(text);
    RunArgv(words, below);  // watch -x
    return;
  }
  bool found = false;
  for (std::size_t i = 1; i < argv.size(); ++i) {
    const std::string& word = argv[i].text;
    const bool is_long = word.starts_with("--command");
    const bool is_short =
        word.size() > 1 && word[0] == '-' && word[1] != '-' && word.find('c') != std::string::npos;
    if (!is_long && !is_short) continue;
    found = true;
    const std::size_t attached = is_long ? word.find('=') : word.find('c');
    if (attached != std::string::npos && attached + 1 < word.size()) {
      run(Value::Of(word.substr(attached + 1)));
    } else if (i + 1 < argv.size()) {
      run(argv[++i]);
    }
  }
  if (!found && (starter == "su" || starter == "script")) {
    Unclear(argv, context, "the shell reads commands from its standard input");
  }
}

// ld.so PROGRAM …: executes what is named, whatever its mode.
void Evaluator::RunLoader(const Values& argv, Context& context) {
  const std::size_t at = FirstOperand(
      argv, 1, "",
      "library-path preload audit argv0 glibc-hwcaps-prepend glibc-hwcaps-mask inhibit-rpath");
  RunArgv(From(argv, at), Below(context, "ld.so"));
}

// busybox APPLET …; coreutils --coreutils-prog=APPLET …
void Evaluator::RunMultiCall(const Values& argv, Context& context) {
  // A link with another name to it acts by that name.
  const std::string_view own = BaseName(argv.front().text);
  if (own != "busybox" && own != "toybox" && own != "coreutils") return;
  constexpr std::string_view kProgram = "--coreutils-prog=";
  if (argv.size() < 2) return;
  Values applet = From(argv, 1);
  if (applet.front().text.starts_with(kProgram)) {
    applet.front() = Value::Of(applet.front().text.substr(kProgram.size()));
  }
  if (applet.front().text.starts_with("--")) return;  // busybox --list
  RunArgv(applet, Below(context, BaseName(argv.front().text)));
}

}  // namespace fabro::jail::command_policy
