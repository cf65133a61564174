#include "apps/faber/options.h"

#include <array>

namespace fabro::faber {
namespace {

constexpr std::string_view kSandbox = "Sandbox";
constexpr std::string_view kFiles = "Files";
constexpr std::string_view kLimits = "Limits (all processes of the command together, unless said)";
constexpr std::string_view kCalls = "System calls (docs/user/syscalls.md has them all)";
constexpr std::string_view kNetwork = "Network (each means --network egress)";
constexpr std::string_view kOutput = "Output";
constexpr OptionInfo kHelp{"--help", "", kOutput, "Show this text"};

constexpr std::array kRun = {
    OptionInfo{"--level", "LEVEL", kSandbox, "Security level: low, medium or high (default medium)",
               "low medium high"},
    OptionInfo{
        "--network", "MODE", kSandbox,
        "none: no socket can be made; loopback: a loopback of its own; egress: that, and the "
        "hosts that are allowed (default: loopback, at high none)",
        "none loopback egress"},
    OptionInfo{"--fresh", "", kSandbox, "Share nothing with earlier runs of a running jailer"},
    OptionInfo{"--degrade", "LAYER", kSandbox,
               "This layer may be missing on the host; the result says if it was",
               "identity landlock workspace_limit", true},
    OptionInfo{"--require", "LAYERS", kSandbox,
               "These layers must hold: seen from inside before CMD starts, or nothing starts",
               "namespaces identity capabilities seccomp landlock cgroup root proc time_ns network "
               "workspace_limit",
               true},
    OptionInfo{"--config", "FILE", kSandbox, "YAML file with defaults for these options", "<file>"},
    OptionInfo{"--set", "KEY=VALUE", kSandbox, "Set one key of the configuration", "", true},
    OptionInfo{"--limits-profile", "NAME", kSandbox,
               "Take the limits from resource_limits.NAME of the configuration (default: default)"},
    OptionInfo{
        "--command-policy", "MODE", kSandbox,
        "What rules may say of the command line: off, audit, block or allow (default block); a "
        "guardrail, not a boundary",
        "off audit block allow"},
    OptionInfo{"--env", "K=V", kSandbox,
               "Set a variable; nothing of the caller's environment goes in by itself", "", true},
    OptionInfo{"--monotonic-offset", "D", kSandbox,
               "What the monotonic clock says when CMD starts (default 0s)"},
    OptionInfo{"--boottime-offset", "D", kSandbox,
               "What the boot clock (uptime) says when CMD starts (default 0s)"},
    OptionInfo{"--rootfs", "SOURCE", kFiles,
               "host-dirs: this machine's /usr, /bin, /lib and some of /etc; dir:PATH: an unpacked "
               "tree; tar:FILE or oci:LAYOUT[:TAG]: an image, unpacked once (default host-dirs)",
               "host-dirs dir: tar: oci:"},
    OptionInfo{"--bind", "SRC:DST[:ro|rw]", kFiles,
               "Show a file or directory of this machine at DST, read-only unless rw is written",
               "<file>", true},
    OptionInfo{
        "--allow-path", "PATH", kFiles,
        "A private directory that may be written, in place of the default ones (/tmp, /var/tmp, "
        "/dev/shm, home); none: the workspace alone",
        "", true},
    OptionInfo{"--block-path", "PATH", kFiles,
               "Nothing of this machine or the image is visible at PATH and below", "", true},
    OptionInfo{"--workspace", "KIND", kFiles,
               "memory: a tmpfs that goes with the sandbox; disk:DIR: a directory that stays "
               "(default memory)",
               "memory disk:"},
    OptionInfo{"--cwd", "PATH", kFiles, "Working directory inside (default: the workspace, /work)"},
    OptionInfo{"--tmpfs", "SIZE", kFiles,
               "Size of the memory workspace with /tmp and the home directory (default: 100MiB, at "
               "most half of --memory)"},
    OptionInfo{"--allow-host", "HOST", kNetwork,
               "What may be reached: example.com, *.example.com (all below it), 192.0.2.7, "
               "10.1.0.0/16",
               "", true},
    OptionInfo{"--allow-private-host", "NAME", kNetwork,
               "The same for a name that may resolve to private addresses", "", true},
    OptionInfo{"--allow-all-hosts", "", kNetwork,
               "Every host but private, link-local, metadata and other special addresses"},
    OptionInfo{"--allow-port", "PORTS", kNetwork,
               "TCP ports, such as 443 or 8000-8010 (default 80 and 443)", "", true},
    OptionInfo{"--network-check", "CHECK", kNetwork,
               "tls_sni: TLS must ask for the name that was connected to, and every port but 80 "
               "is TLS; http_host: the same for HTTP on port 80",
               "tls_sni http_host", true},
    OptionInfo{"--network-connections", "N", kNetwork, "Connections at once (default 256)"},
    OptionInfo{"--network-bytes", "SIZE", kNetwork, "Bytes in both directions together"},
    OptionInfo{"--network-rate", "SIZE", kNetwork, "Bytes a second in both directions together"},
    OptionInfo{"--memory", "SIZE", kLimits, "Memory without swap (default 512MiB)"},
    OptionInfo{"--pids", "N", kLimits, "Processes and threads (default 10)"},
    OptionInfo{"--cpus", "N", kLimits,
               "CPU bandwidth in cores, 0.5 is half of one (default: none)"},
    OptionInfo{"--cpu-set", "LIST", kLimits,
               "Cores that it may run on, as 0-2,5 (default: all; control groups v2)"},
    OptionInfo{"--cpu-time", "D", kLimits, "CPU time (default 30s)"},
    OptionInfo{"--wall-time", "D", kLimits, "Time on the clock (default 60s)"},
    OptionInfo{"--fds", "N", kLimits, "Open files of each process (default 100)"},
    OptionInfo{"--inodes", "N", kLimits,
               "Files and directories in the memory workspace (default: one for 16KiB)"},
    OptionInfo{"--io-read", "SIZE", kLimits,
               "Bytes a second from each disk (default: no limit; control groups v2)"},
    OptionInfo{"--io-write", "SIZE", kLimits, "Bytes a second to each disk (likewise)"},
    OptionInfo{"--output", "SIZE", kLimits, "Bytes on stdout, and on stderr (default 1MiB)"},
    OptionInfo{"--allow-ptrace", "", kCalls, "Level medium: debuggers inside (gdb, strace)"},
    OptionInfo{
        "--allow-syscall", "NAME", kCalls,
        "Level medium: this call is answered as at level low; what low refuses too is refused", "",
        true},
    OptionInfo{"--deny-syscall", "NAME", kCalls, "This call fails with EPERM and is reported", "",
               true},
    OptionInfo{"--deny-process-creation", "", kCalls, "Threads alone: fork and its like fail"},
    OptionInfo{"--deny-jit", "", kCalls,
               "No memory that is written and then executed (PR_SET_MDWE, Linux 6.3)"},
    OptionInfo{"--deny-file-locks", "", kCalls,
               "Locks fail: on files that several sandboxes see they are a channel"},
    OptionInfo{"--cap-add", "CAP", kCalls,
               "A capability over the sandbox's own files and processes (CAP_CHOWN, "
               "CAP_SYS_CHROOT, …); none at level high",
               "", true},
    OptionInfo{
        "--explain", "", kOutput,
        "Say of each refused system call what it is for, why it is refused and what allows it"},
    OptionInfo{"--json", "", kOutput,
               "Print one JSON object with the outcome, the usage and the output, instead of the "
               "output"},
    OptionInfo{"--print", "STEP", kOutput,
               "Print a value as JSON and run nothing: request (what the options say), plan (with "
               "all defaults), jail (what the jailer is told)",
               "request plan jail"},
    kHelp,
};

constexpr std::array kCheck = {
    OptionInfo{"--level", "LEVEL", kSandbox, "The level that is wanted (default medium)",
               "low medium high"},
    OptionInfo{"--json", "", kOutput, "Print one JSON object"},
    kHelp,
};

constexpr std::array kSelftest = {
    OptionInfo{"--level", "LEVEL", kSandbox, "The level to attack (default medium)",
               "low medium high"},
    OptionInfo{"--degrade", "LAYER", kSandbox, "This layer may be missing on the host",
               "landlock workspace_limit", true},
    OptionInfo{"--json", "", kOutput, "Print one JSON object"},
    kHelp,
};

constexpr std::array kPolicyShow = {
    OptionInfo{"--level", "LEVEL", kCalls, "low, medium or high (default medium)",
               "low medium high"},
    OptionInfo{"--arch", "ARCH", kCalls, "x86_64 or aarch64 (default: this machine's)",
               "x86_64 aarch64"},
    OptionInfo{"--json", "", kOutput, "Print one JSON object"},
    kHelp,
};

constexpr std::array kConfig = {
    OptionInfo{"--config", "FILE", kSandbox, "YAML file to read", "<file>"},
    OptionInfo{"--set", "KEY=VALUE", kSandbox, "Set one key", "", true},
    OptionInfo{"--limits-profile", "NAME", kSandbox, "The set of resource_limits that counts"},
    OptionInfo{"--default", "", kOutput, "Print the built-in values alone"},
    OptionInfo{"--json", "", kOutput, "Print one JSON object"},
    kHelp,
};

constexpr std::array kPolicyLearn = {
    OptionInfo{"--for", "LEVEL", kCalls,
               "The level that is wanted: medium or high (default medium)", "medium high"},
    OptionInfo{"--env", "K=V", kSandbox, "Set a variable", "", true},
    OptionInfo{"--bind", "SRC:DST[:ro|rw]", kFiles,
               "Show a file or directory of this machine at DST", "<file>", true},
    OptionInfo{"--rootfs", "SOURCE", kFiles, "host-dirs or dir:PATH (default host-dirs)",
               "host-dirs dir:"},
    OptionInfo{"--cwd", "PATH", kFiles, "Working directory inside (default: the workspace, /work)"},
    OptionInfo{"--memory", "SIZE", kLimits, "Memory without swap (default 512MiB)"},
    OptionInfo{"--pids", "N", kLimits, "Processes and threads (default 10)"},
    OptionInfo{"--wall-time", "D", kLimits, "Time on the clock (default 60s)"},
    OptionInfo{"--cpu-time", "D", kLimits, "CPU time (default 30s)"},
    OptionInfo{"--json", "", kOutput, "Print one JSON object instead of the command's output"},
    kHelp,
};

constexpr std::array kValidate = {
    OptionInfo{"--json", "", kOutput, "Print one JSON object"},
    kHelp,
};

constexpr std::array kPolicyTest = {
    OptionInfo{"--command-policy", "MODE", kSandbox, "off, audit, block or allow (default block)",
               "off audit block allow"},
    OptionInfo{"--preset", "NAME", kSandbox,
               "seed blocks every dd, precise one that opens a device (default seed)",
               "seed precise"},
    OptionInfo{
        "--on-indeterminate", "ACTION", kSandbox,
        "What becomes of a command that cannot be judged before it runs: allow, audit or deny "
        "(default audit)",
        "allow audit deny"},
    OptionInfo{"--config", "FILE", kSandbox, "YAML file with the policy", "<file>"},
    OptionInfo{"--set", "KEY=VALUE", kSandbox, "Set one key of the configuration", "", true},
    OptionInfo{"--env", "K=V", kSandbox, "Set a variable", "", true},
    OptionInfo{"--rootfs", "SOURCE", kFiles,
               "Where programs are looked up: host-dirs or dir:PATH (default host-dirs)",
               "host-dirs dir:"},
    OptionInfo{"--bind", "SRC:DST[:ro|rw]", kFiles, "A file or directory that will be at DST",
               "<file>", true},
    OptionInfo{"--cwd", "PATH", kFiles, "Working directory inside (default /work)"},
    OptionInfo{"--json", "", kOutput, "Print one JSON object"},
    kHelp,
};

constexpr std::array kJailer = {
    OptionInfo{"--slots", "N", kSandbox, "Prepared sandboxes to keep at most (default 4)"},
    OptionInfo{"--idle", "D", kSandbox, "End after this long without a caller (default: never)"},
    OptionInfo{"--config", "FILE", kOutput, "YAML file; of it logging.* counts", "<file>"},
    OptionInfo{"--set", "KEY=VALUE", kOutput, "Set one key of the configuration", "", true},
    kHelp,
};

constexpr std::array kHelpOnly = {kHelp};

constexpr std::array kCommands = {
    CommandInfo{
        "run", "execute", "[options] -- CMD [ARG…]", "Run a command in a sandbox made for it",
        "Makes a sandbox with eight namespaces of its own, a read-only root, a private /proc, no\n"
        "capability, a system call filter and limits, runs CMD in it and ends everything that CMD "
        "left\n"
        "behind. Needs no server; a running `faber jailer` of the same user makes it faster.\n"
        "\n"
        "Standard input, output and error are relayed. When all three are terminals the command "
        "gets "
        "a\n"
        "terminal of its own. SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 go to the "
        "command;\n"
        "a second SIGINT kills it.\n"
        "\n"
        "SIZE is a whole number with a unit: 512MiB, 4GB, 64k. D is a whole number with ms, s, m, "
        "h "
        "or d.\n"
        "\n"
        "Exit status: the command's own; 124 a time limit; 125 faber failed or refused; 126 not\n"
        "executable; 127 not found; 128+N ended by signal N; 137 out of memory; 143 cancelled; "
        "153\n"
        "output limit; 159 policy violation.",
        kRun,
        "faber run -- python3 -c 'print(6 * 7)'\n"
        "faber run --bind $PWD:/src:rw --cwd /src --pids 64 --wall-time 10m -- make\n"
        "faber run --level high --degrade landlock --json -- ./answer <question.txt\n"
        "faber run --allow-host '*.debian.org' --pids 64 -- curl -sI https://www.debian.org\n"
        "faber run --memory 64MiB --print=plan -- true",
        "", true},
    CommandInfo{
        "check", "", "[options]", "Say what this machine can do, layer by layer",
        "Tries each layer for real and says ok, missing (with cause and fix) or not yet "
        "built.\n"
        "Leaves nothing behind.\n"
        "\n"
        "Exit status: 0 when the level can be had, 2 when not, 1 when the check itself failed.",
        kCheck,
        "faber check\n"
        "faber check --level high --json"},
    CommandInfo{"config", "", "[options]",
                "Print the configuration in force, each value with its source",
                "Lays the file over the built-in values, the variables FABER_SECTION_KEY over "
                "those and --set\n"
                "over all, and prints YAML that can be read again. Secrets are shown as ***.\n"
                "\n"
                "Exit status: 0; 2 the file cannot be read or a wrong option; 3 a value is wrong.",
                kConfig,
                "faber config --default\n"
                "FABER_LOGGING_LEVEL=debug faber config --config faber.yaml --json"},
    CommandInfo{"validate", "", "[options] FILE", "Say whether a configuration file can be used",
                "Names every mistake with line, column and fix, and every key whose layer this "
                "build does not\n"
                "have. The environment is not looked at.\n"
                "\n"
                "Exit status: 0 valid, perhaps with warnings; 2 no readable YAML; 3 not valid.",
                kValidate, "faber validate examples/production.yaml", "<file>"},
    CommandInfo{
        "policy test", "", "[options] -- CMD [ARG…]",
        "Say what the command policy makes of a command",
        "Reads CMD as `faber run` does before it starts anything: shell text is parsed, what "
        "starts\n"
        "other commands (sudo, xargs, find -exec, sh -c) is unwrapped, and each command found is "
        "held\n"
        "against the rules. Nothing is run. A guardrail, not a boundary: an interpreter can do "
        "anything "
        "that\n"
        "the sandbox allows.\n"
        "\n"
        "Exit status: 0 when faber run would start it, 3 when it would refuse it, 2 a wrong "
        "option.",
        kPolicyTest,
        "faber policy test -- sh -c 'cd / && rm -rf *'\n"
        "faber policy test --json --preset precise -- dd if=/dev/zero of=disk.img",
        "", true},
    CommandInfo{"selftest", "", "[options]", "Attack a sandbox of this machine from inside",
                "Makes a sandbox of the level, looks at each layer from inside, then attacks it, "
                "and prints\n"
                "one line an invariant with what the kernel said: PASS, FAIL, or DEGRADED for a "
                "layer that\n"
                "--degrade gave up. Leaves nothing behind.\n"
                "\n"
                "Exit status: 0 every invariant holds; 3 one does not; 2 the level cannot be had "
                "here, or a\n"
                "wrong option; 1 the self-test itself failed.",
                kSelftest,
                "faber selftest\n"
                "faber selftest --level high --json"},
    CommandInfo{
        "policy show", "", "[options]", "Print what a level makes of each system call",
        "By class: allowed, refused softly (programs expect it), refused and reported, killed, "
        "and\n"
        "those that the arguments decide, with the conditions and why.",
        kPolicyShow,
        "faber policy show --level high\n"
        "faber policy show --level low --arch aarch64 --json"},
    CommandInfo{
        "policy learn", "", "[options] -- CMD [ARG…]",
        "Run a trusted command at level low and print the options that it needs",
        "Lets go on what level low allows, and notes each call that the wanted level would not.\n"
        "What low refuses is refused here as well. A run shows one way through a program, not "
        "all.\n"
        "\n"
        "Exit status: the command's own, as of faber run; 125 faber failed or refused.",
        kPolicyLearn,
        "faber policy learn -- strace -f true\n"
        "faber policy learn --for high --json -- make test",
        "", true},
    CommandInfo{
        "jailer", "", "[options]", "Keep prepared sandboxes for `faber run`, in the foreground",
        "Listens in $XDG_RUNTIME_DIR/faber (root: /run/faber) for programs of the same user,\n"
        "until SIGTERM or SIGINT. A unit file for systemd is in dist/systemd.",
        kJailer, "faber jailer --slots 4 --idle 5m"},
    CommandInfo{"completion", "", "bash|zsh|fish", "Print a completion script for a shell",
                "Load it from the shell's start-up file.", kHelpOnly,
                "source <(faber completion bash)\n"
                "faber completion fish >~/.config/fish/completions/faber.fish",
                "bash zsh fish"},
    CommandInfo{"version", "", "", "Print the version", "The same as faber --version.", kHelpOnly,
                "faber version"},
};

}  // namespace

std::span<const CommandInfo> Commands() { return kCommands; }

const CommandInfo* FindCommand(std::string_view word) {
  for (const CommandInfo& command : kCommands) {
    if (command.name == word || (!command.alias.empty() && command.alias == word)) return &command;
  }
  return nullptr;
}

}  // namespace fabro::faber
