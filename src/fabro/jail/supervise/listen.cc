#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <map>
#include <memory>
#include <utility>

#include "fabro/jail/protocol/messages.h"
#include "fabro/jail/supervise/egress.h"
#include "fabro/jail/supervise/jailer.h"
#include "fabro/jail/supervise/loop.h"
#include "fabro/jail/supervise/peer.h"
#include "fabro/jail/supervise/session.h"
#include "fabro/jail/supervise/slot_pool.h"
#include "fabro/linux/file.h"
#include "fabro/linux/socket.h"

namespace fabro::jail::supervise {
namespace {

using std::chrono::steady_clock;

// Ours, a directory and closed to everybody else; locked, so that two jailers never race for it.
Result<DirFd> ClaimDirectory(const std::string& path) {
  TRY(MakeDirs(path, 0700));
  DirFd directory = TRY(OpenDir(path));
  struct stat status{};
  if (::fstat(directory.get(), &status) != 0) return SysFailure("fstat", path);
  if (status.st_uid != ::geteuid() || (status.st_mode & 077) != 0) {
    return Failure(Code::kPermissionDenied, path + " is not ours alone", "jailer_refused",
                   "chmod 700 " + path + " and give it to the user of the jailer");
  }
  if (::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) {
    return Failure(Code::kAlreadyExists, "another jailer listens in " + path, "jailer_refused",
                   "use the one that is there");
  }
  return directory;
}

Result<UniqueFd> StopSignals() {
  sigset_t stop;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTERM);
  ::sigaddset(&stop, SIGINT);
  if (::sigprocmask(SIG_BLOCK, &stop, nullptr) != 0) return SysFailure("sigprocmask");
  UniqueFd fd(::signalfd(-1, &stop, SFD_CLOEXEC));
  if (!fd) return SysFailure("signalfd");
  return fd;
}

class Listener {
 public:
  Listener(Loop& loop, SlotPool& pool, std::string egress_program, UniqueFd socket,
           UniqueFd signals, std::chrono::seconds idle, Logger log)
      : loop_(loop),
        pool_(pool),
        log_(std::move(log)),
        egress_(loop_, std::move(egress_program), [&pool] { return pool.LeaseIds(); }),
        socket_(std::move(socket)),
        signals_(std::move(signals)),
        idle_(idle) {
    WatchSocket();
    loop_.Watch(signals_.get(), POLLIN, [this](short) { stopping_ = true; });
    ArmIdle();
    log_.Write({.event = "service.start", .message = "faber-jailer listens"});
  }
  ~Listener() { log_.Write({.event = "service.stop", .message = "faber-jailer ends"}); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  Status Run() {
    while (!stopping_) {
      TRY(loop_.RunOnce());
      gone_.clear();  // Not while one of its own handlers runs.
    }
    sessions_.clear();
    return {};
  }

 private:
  void ArmIdle() {
    if (idle_.count() == 0 || !sessions_.empty()) return;
    idle_timer_ = loop_.At(steady_clock::now() + idle_, [this] { stopping_ = true; });
  }

  static void Refuse(int connection, const Error& why) {
    (void)SendMessage(connection,
                      protocol::EncodeFrame(protocol::Type::kError, 0, protocol::Encode(why)));
  }

  // Handlers are called in the order of their watches: callers that have gone make room before a
  // new one is looked at.
  void WatchSocket() {
    loop_.Remove(socket_watch_);
    socket_watch_ = loop_.Watch(socket_.get(), POLLIN, [this](short) { OnCaller(); });
  }

  void OnCaller() {
    Result<UniqueFd> connection = Accept(socket_.get());
    if (!connection) return;  // Gone before we looked.
    // A caller that never reads its answers must not hold up the others.
    const int flags = ::fcntl(connection->get(), F_GETFL);
    if (::fcntl(connection->get(), F_SETFL, flags | O_NONBLOCK) != 0) return;
    const Status allowed = CheckPeer(connection->get());
    if (!allowed) {
      log_.Write({.level = LogLevel::kWarn,
                  .event = kAuthFailure,
                  .message = allowed.error().message,
                  .fields = {{"reason", allowed.error().reason}}});
      return Refuse(connection->get(), allowed.error());
    }
    auto share = pool_.descriptors().Take(DescriptorBudget::Use::kSession);
    if (!share) return Refuse(connection->get(), share.error());
    loop_.Remove(idle_timer_);
    const std::uint64_t id = ++last_;
    sessions_.emplace(id, std::make_unique<Session>(
                              loop_, pool_, egress_, *std::move(connection),
                              [this, id] { OnGone(id); }, *std::move(share)));
    WatchSocket();
  }

  void OnGone(std::uint64_t id) {
    const auto found = sessions_.find(id);
    gone_.push_back(std::move(found->second));
    sessions_.erase(found);
    ArmIdle();
  }

  Loop& loop_;
  SlotPool& pool_;
  Logger log_;
  Egress egress_;
  UniqueFd socket_;
  UniqueFd signals_;
  std::chrono::seconds idle_;
  Loop::Id socket_watch_ = 0;
  Loop::Id idle_timer_ = 0;
  bool stopping_ = false;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Session>> sessions_;
  std::vector<std::unique_ptr<Session>> gone_;
};

}  // namespace

Status Listen(ListenOptions options) {
  if (::geteuid() != 0) {
    return Failure(Code::kUnimplemented,
                   "a jailer that listens for a user other than root is not built yet",
                   "isolation_unavailable",
                   "run it as root, or do without: each run starts a jailer of its own");
  }
  const DirFd directory = TRY(ClaimDirectory(options.directory));
  UniqueFd signals = TRY(StopSignals());
  Loop loop;
  const std::unique_ptr<SlotPool> pool =
      TRY(SlotPool::Open(loop, options.init_program, options.slots, Identity()));
  const std::string path = options.directory + "/" + kSocketName;
  UniqueFd socket = TRY(ListenUnix(path, SocketType::kSeqPacket, 0600));
  Status done;
  {
    Listener listener(loop, *pool, EgressProgram(options.init_program), std::move(socket),
                      std::move(signals), options.idle, std::move(options.log));
    done = listener.Run();
  }
  ::unlink(path.c_str());
  return done;
}

}  // namespace fabro::jail::supervise
