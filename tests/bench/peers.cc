#include "tests/bench/peers.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "fabro/linux/file.h"

namespace fabro::bench {
namespace {

using Words = std::vector<std::string>;

std::string Installed(const std::string& name) {
  for (const char* dir : {"/usr/bin/", "/usr/sbin/", "/usr/local/bin/"}) {
    if (::access((dir + name).c_str(), X_OK) == 0) return dir + name;
  }
  return "";
}

Words With(Words words) {
  const Words program = StaticTrue();
  words.insert(words.end(), program.begin(), program.end());
  return words;
}

Peer Bwrap() {
  const std::string path = Installed("bwrap");
  if (path.empty()) return {"bwrap", {}};
  return {"bwrap", With({path,        "--unshare-all", "--ro-bind",  "/usr",      "/usr",
                         "--symlink", "usr/bin",       "/bin",       "--symlink", "usr/lib",
                         "/lib",      "--symlink",     "usr/lib64",  "/lib64",    "--proc",
                         "/proc",     "--dev",         "/dev",       "--tmpfs",   "/tmp",
                         "--tmpfs",   "/work",         "--cap-drop", "ALL",       "--new-session",
                         "--"})};
}

Peer Unshare() {
  const std::string path = Installed("unshare");
  if (path.empty()) return {"unshare", {}};
  return {"unshare", With({path, "-UrmnpfiuC", "--mount-proc"})};
}

// An OCI bundle with what our medium level has: seven namespaces, a read-only root, /proc, /dev,
// two tmpfs, no capability, no_new_privs. Without control groups, which crun and runc do not agree
// on for hybrid hosts.
std::string Bundle(const std::string& scratch) {
  const std::string root = scratch + "/bundle/rootfs";
  for (const char* dir : {"/usr", "/proc", "/dev", "/tmp", "/work", "/bin"}) {
    if (!MakeDirs(root + dir).ok()) return "";
  }
  std::string args;
  for (const std::string& word : StaticTrue()) args += (args.empty() ? "\"" : ",\"") + word + "\"";
  const std::string config = R"({"ociVersion":"1.0.2","process":{"terminal":false,"user":{"uid":0,
"gid":0},"args":[)" + args + R"(],"env":["PATH=/usr/bin"],"cwd":"/","capabilities":{},
"noNewPrivileges":true},"root":{"path":"rootfs","readonly":true},"hostname":"sandbox","mounts":[
{"destination":"/proc","type":"proc","source":"proc"},
{"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755"]},
{"destination":"/usr","type":"bind","source":"/usr","options":["rbind","ro"]},
{"destination":"/tmp","type":"tmpfs","source":"tmpfs"},
{"destination":"/work","type":"tmpfs","source":"tmpfs"}],
"linux":{"namespaces":[{"type":"pid"},{"type":"network"},{"type":"ipc"},{"type":"uts"},
{"type":"mount"},{"type":"cgroup"}],"maskedPaths":["/proc/kcore"],"readonlyPaths":["/proc/sys"]}})";
  return WriteFile(scratch + "/bundle/config.json", config).ok() ? scratch + "/bundle" : "";
}

Peer Oci(const std::string& name, const Words& options, const std::string& scratch) {
  const std::string path = Installed(name);
  const std::string bundle = Bundle(scratch);
  if (path.empty() || bundle.empty()) return {name, {}};
  Words argv = {path, "--root", scratch + "/" + name};
  argv.insert(argv.end(), options.begin(), options.end());
  // The name may be the same each time: the container is gone when `run` returns.
  argv.insert(argv.end(), {"run", "--bundle", bundle, "faber-bench"});
  // crun's mode without control groups still stumbles over a hybrid mount of them.
  return {name, argv, name == "crun"};
}

Peer Firejail() {
  const std::string path = Installed("firejail");
  if (path.empty()) return {"firejail", {}};
  return {"firejail", With({path, "--quiet", "--noprofile", "--net=none", "--seccomp",
                            "--caps.drop=all", "--private", "--private-tmp", "--private-dev"})};
}

Peer Nspawn() {
  const std::string path = Installed("systemd-nspawn");
  if (path.empty()) return {"systemd-nspawn", {}};
  return {"systemd-nspawn", With({path, "--quiet", "--register=no", "--keep-unit",
                                  "--private-network", "--read-only", "--directory=/"})};
}

// Programs that Debian does not have; the variable names one.
Peer Named(const std::string& name, const char* variable, Words (*arguments)(const std::string&)) {
  const char* path = std::getenv(variable);
  if (path == nullptr || ::access(path, X_OK) != 0) return {name, {}};
  return {name, With(arguments(path))};
}

}  // namespace

std::vector<std::string> StaticTrue() { return {"/usr/bin/busybox", "true"}; }

std::vector<Peer> FindPeers(const std::string& scratch) {
  return {
      Bwrap(),
      Unshare(),
      Oci("crun", {"--cgroup-manager=disabled"}, scratch),
      Oci("runc", {}, scratch),
      Firejail(),
      Nspawn(),
      Named("nsjail", "PEER_NSJAIL",
            [](const std::string& path) {
              return Words{path, "-Mo", "-Q", "-R", "/usr", "-T", "/tmp", "-T", "/work", "--"};
            }),
      Named("isolate", "PEER_ISOLATE",
            [](const std::string& path) { return Words{path, "--run", "--"}; }),
  };
}

}  // namespace fabro::bench
