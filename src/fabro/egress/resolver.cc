#include "fabro/egress/resolver.h"

#include <ares.h>
#include <netinet/in.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

namespace fabro::egress {
namespace {

using std::chrono::steady_clock;

Error CaresFailure(std::string_view call, int status) {
  return Failure(Code::kUnavailable, std::string(call) + ": " + ares_strerror(status),
                 "network_unavailable");
}

std::vector<model::IpAddress> AddressesOf(const ares_addrinfo* result) {
  std::vector<model::IpAddress> addresses;
  for (const ares_addrinfo_node* node = result->nodes; node != nullptr; node = node->ai_next) {
    model::IpAddress address;
    if (node->ai_family == AF_INET && node->ai_addrlen >= sizeof(sockaddr_in)) {
      sockaddr_in in{};
      std::memcpy(&in, node->ai_addr, sizeof(in));
      std::memcpy(address.bytes.data(), &in.sin_addr, sizeof(in.sin_addr));
    } else if (node->ai_family == AF_INET6 && node->ai_addrlen >= sizeof(sockaddr_in6)) {
      sockaddr_in6 in{};
      std::memcpy(&in, node->ai_addr, sizeof(in));
      address.v6 = true;
      std::memcpy(address.bytes.data(), &in.sin6_addr, sizeof(in.sin6_addr));
    } else {
      continue;
    }
    addresses.push_back(model::Unmapped(address));
  }
  std::stable_sort(addresses.begin(), addresses.end(),
                   [](const auto& a, const auto& b) { return !a.v6 && b.v6; });
  return addresses;
}

}  // namespace

// One c-ares channel with its servers, its sockets in the loop and its timer.
class Resolver::Channel {
 public:
  Channel(Resolver& owner, Loop& loop) : owner_(owner), loop_(loop) {}
  ~Channel() {
    if (channel_ != nullptr) ares_destroy(channel_);
    loop_.Remove(timer_);
    for (auto& [fd, id] : watches_) loop_.Remove(id);
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  Status Open() {
    constexpr int kTimeoutMillis = 2000;
    constexpr int kTries = 2;
    char lookups[] = "b";  // Name servers; the machine's own /etc/hosts is out of our sight.
    ares_options options{};
    options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
    options.timeout = kTimeoutMillis;
    options.tries = kTries;
    options.lookups = lookups;
    options.sock_state_cb = &Channel::OnSocketState;
    options.sock_state_cb_data = this;
    constexpr int kMask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                          ARES_OPT_SOCK_STATE_CB;
    if (const int status = ares_init_options(&channel_, &options, kMask); status != ARES_SUCCESS) {
      return CaresFailure("ares_init_options", status);
    }
    return {};
  }

  // Ends what is still asked of the servers before.
  Status Use(const std::vector<model::IpAddress>& servers) {
    ares_cancel(channel_);
    std::string list;
    for (const model::IpAddress& server : servers) {
      if (!list.empty()) list += ',';
      list += server.v6 ? "[" + ToString(server) + "]" : ToString(server);
    }
    if (const int status = ares_set_servers_ports_csv(channel_, list.c_str());
        status != ARES_SUCCESS) {
      return CaresFailure("ares_set_servers_ports_csv", status);
    }
    return {};
  }

  void Ask(const std::string& name, Id id) {
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_flags = ARES_AI_NOSORT;  // Sorting would connect sockets to every address.
    ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, &Channel::OnAnswer,
                     new Question{this, id});
    ArmTimer();
  }

 private:
  struct Question {
    Channel* channel;
    Id id;
  };

  static void OnAnswer(void* data, int status, int /*timeouts*/, ares_addrinfo* result) {
    const std::unique_ptr<Question> question(static_cast<Question*>(data));
    std::vector<model::IpAddress> addresses;
    if (status == ARES_SUCCESS && result != nullptr) addresses = AddressesOf(result);
    if (result != nullptr) ares_freeaddrinfo(result);
    question->channel->owner_.Finish(question->id, std::move(addresses));
  }

  static void OnSocketState(void* data, ares_socket_t fd, int readable, int writable) {
    static_cast<Channel*>(data)->OnSocket(fd, readable != 0, writable != 0);
  }

  void OnSocket(int fd, bool readable, bool writable) {
    const std::uint32_t events = (readable ? EPOLLIN : 0U) | (writable ? EPOLLOUT : 0U);
    const auto found = watches_.find(fd);
    if (events == 0) {  // About to be closed.
      if (found == watches_.end()) return;
      loop_.Remove(found->second);
      watches_.erase(found);
    } else if (found != watches_.end()) {
      loop_.Change(found->second, events);
    } else {
      watches_[fd] = loop_.Watch(fd, events, [this, fd](std::uint32_t seen) {
        const bool failed = (seen & (EPOLLERR | EPOLLHUP)) != 0;
        const ares_socket_t none = ARES_SOCKET_BAD;
        ares_process_fd(channel_, (seen & EPOLLIN) != 0 || failed ? fd : none,
                        (seen & EPOLLOUT) != 0 ? fd : none);
        ArmTimer();
      });
    }
  }

  void ArmTimer() {
    loop_.Remove(timer_);
    timeval left{};
    if (ares_timeout(channel_, nullptr, &left) == nullptr) return;
    const auto span = std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
    timer_ = loop_.At(steady_clock::now() + span, [this] {
      ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      ArmTimer();
    });
  }

  Resolver& owner_;
  Loop& loop_;
  ares_channel channel_ = nullptr;
  Loop::Id timer_ = 0;
  std::map<int, Loop::Id> watches_;
};

std::vector<model::IpAddress> NameServers(std::string_view resolv_conf) {
  constexpr std::size_t kMost = 3;  // MAXNS, resolv.conf(5).
  constexpr std::string_view kBlank = " \t\r";
  std::vector<model::IpAddress> servers;
  while (!resolv_conf.empty() && servers.size() < kMost) {
    const std::size_t stop = std::min(resolv_conf.find('\n'), resolv_conf.size());
    std::string_view line = resolv_conf.substr(0, stop);
    resolv_conf.remove_prefix(std::min(stop + 1, resolv_conf.size()));
    constexpr std::string_view kWord = "nameserver";
    if (!line.starts_with(kWord)) continue;
    line.remove_prefix(kWord.size());
    const std::size_t begin = line.find_first_not_of(kBlank);
    if (begin == 0 || begin == std::string_view::npos) continue;
    line.remove_prefix(begin);
    line = line.substr(0, line.find_first_of(kBlank));
    if (const auto address = model::ParseIpAddress(line)) servers.push_back(*address);
  }
  if (servers.empty()) servers.push_back(model::IpAddress::V4(0x7F000001));
  return servers;
}

Resolver::Resolver(Loop& loop) : loop_(loop) {}
Result<std::unique_ptr<Resolver>> Resolver::Make(Loop& loop) {
  std::unique_ptr<Resolver> resolver(new Resolver(loop));
  for (std::unique_ptr<Channel>& channel : resolver->channels_) {
    channel = std::make_unique<Channel>(*resolver, loop);
    TRY(channel->Open());
  }
  return resolver;
}

Resolver::~Resolver() {
  waiting_.clear();  // Whom the channels tell of their end.
  for (std::unique_ptr<Channel>& channel : channels_) channel.reset();
}

Status Resolver::Use(const std::vector<model::IpAddress>& servers) {
  const std::size_t other = 1 - used_;
  TRY(channels_[other]->Use(servers));
  used_ = other;
  return {};
}

Resolver::Id Resolver::Resolve(const std::string& name, Done done) {
  const Id id = ++last_;
  waiting_.emplace(id, std::move(done));
  channels_[used_]->Ask(name, id);
  return id;
}

void Resolver::Forget(Id& id) { waiting_.erase(std::exchange(id, 0)); }

// c-ares may answer before Ask() returns, when it knows by itself; the loop makes it later.
void Resolver::Finish(Id id, std::vector<model::IpAddress> addresses) {
  if (!waiting_.contains(id)) return;
  loop_.At(steady_clock::now(), [this, id, addresses = std::move(addresses)] {
    const auto node = waiting_.extract(id);
    if (!node.empty()) node.mapped()(addresses);
  });
}

}  // namespace fabro::egress
