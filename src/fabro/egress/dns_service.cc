#include "fabro/egress/dns_service.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <iterator>
#include <optional>
#include <utility>

#include "fabro/egress/parse/dns.h"
#include "fabro/egress/policy.h"

namespace fabro::egress {
namespace {

using model::DenyReason;
using std::chrono::steady_clock;

constexpr std::uint32_t kTtlSeconds = 30;
constexpr std::uint64_t kQuestionsPerSecond = 2000;
constexpr int kQuestionsPerTurn = 32;
constexpr std::size_t kMostStreams = 16;
constexpr std::chrono::seconds kStreamLimit{5};
constexpr std::chrono::milliseconds kPause{20};

}  // namespace

DnsService::DnsService(Loop& loop, const model::EgressPolicy& policy, NameTable& names,
                       wire::Ledger& ledger, bool ipv6, int udp, int tcp)
    : loop_(loop),
      policy_(policy),
      names_(names),
      ledger_(ledger),
      ipv6_(ipv6),
      udp_(udp),
      tcp_(tcp),
      questions_(kQuestionsPerSecond, kQuestionsPerSecond) {
  udp_watch_ = loop_.Watch(udp_, EPOLLIN, [this](std::uint32_t) { OnDatagrams(); });
  tcp_watch_ = loop_.Watch(tcp_, EPOLLIN, [this](std::uint32_t) { OnListener(); });
}

DnsService::~DnsService() {
  loop_.Remove(udp_watch_);
  loop_.Remove(tcp_watch_);
  loop_.Remove(pause_);
  for (auto& [id, stream] : streams_) loop_.Remove(stream.watch);
}

std::string DnsService::Answer(std::string_view message) {
  const std::optional<dns::Parsed> parsed = dns::ParseQuery(message);
  if (!parsed) return {};
  const dns::Query& query = parsed->query;
  const auto answer = [&](dns::Rcode rcode, std::optional<model::IpAddress> address = {}) {
    return dns::BuildAnswer(query, rcode, address, kTtlSeconds);
  };
  if (parsed->trouble != dns::Rcode::kNoError) return answer(parsed->trouble);
  const std::optional<std::string> name = model::NormalName(query.name);
  if (!name || query.qclass != dns::kClassIn || !MatchName(policy_, *name)) {
    ledger_.Deny(query.name.empty() ? "?" : query.name, 0, DenyReason::kNameNotAllowed);
    return answer(dns::Rcode::kRefused);
  }
  // Other types: there is such a name, and nothing of that kind.
  const bool v6 = query.type == dns::kTypeAaaa;
  if (query.type != dns::kTypeA && !(v6 && ipv6_)) return answer(dns::Rcode::kNoError);
  const auto addresses = names_.Give(*name);
  if (!addresses) {
    ledger_.Deny(*name, 0, DenyReason::kNameLimit);
    return answer(dns::Rcode::kServerFailure);
  }
  return answer(dns::Rcode::kNoError, v6 ? addresses->v6 : addresses->v4);
}

void DnsService::Pause() {
  if (pause_ != 0) return;
  loop_.Change(udp_watch_, 0);
  loop_.Change(tcp_watch_, 0);
  pause_ = loop_.At(steady_clock::now() + kPause, [this] {
    pause_ = 0;
    loop_.Change(udp_watch_, EPOLLIN);
    loop_.Change(tcp_watch_, EPOLLIN);
  });
}

void DnsService::OnDatagrams() {
  for (int i = 0; i < kQuestionsPerTurn; ++i) {
    if (questions_.Left(steady_clock::now()) == 0) return Pause();
    char buffer[dns::kMaxMessage + 1];
    sockaddr_storage from{};
    socklen_t size = sizeof(from);
    const ssize_t got = ::recvfrom(udp_, buffer, sizeof(buffer), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) return;
    questions_.Take(1);
    const std::string reply = Answer({buffer, static_cast<std::size_t>(got)});
    if (reply.empty()) continue;
    // One that nobody reads is lost, as in any network.
    (void)::sendto(udp_, reply.data(), reply.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                   reinterpret_cast<const sockaddr*>(&from), size);
  }
}

void DnsService::OnListener() {
  if (questions_.Left(steady_clock::now()) == 0) return Pause();
  UniqueFd socket(::accept4(tcp_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) {
    if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) Pause();
    return;
  }
  questions_.Take(1);
  if (streams_.size() >= kMostStreams) End(streams_.begin()->first);  // The oldest makes room.
  const std::uint64_t id = ++last_;
  const Loop::Id watch =
      loop_.Watch(socket.get(), EPOLLIN, [this, id](std::uint32_t) { OnStream(id); });
  streams_.emplace(id, Stream{std::move(socket), watch, {}, steady_clock::now() + kStreamLimit});
}

void DnsService::End(std::uint64_t id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  loop_.Remove(found->second.watch);
  streams_.erase(found);
}

// Each message has its length before it (RFC 1035, 4.2.2). False: the stream is of no more use.
bool DnsService::TakeMessages(Stream& stream) {
  constexpr std::size_t kPrefix = 2;
  while (stream.bytes.size() >= kPrefix) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(stream.bytes[i]); };
    const std::size_t length = static_cast<std::size_t>(byte(0)) << 8U | byte(1);
    if (length > dns::kMaxMessage) return false;
    if (stream.bytes.size() < kPrefix + length) return true;
    if (questions_.Left(steady_clock::now()) == 0) return false;
    questions_.Take(1);
    const std::string reply = Answer(std::string_view(stream.bytes).substr(kPrefix, length));
    if (reply.empty()) return false;
    std::string framed = {static_cast<char>(reply.size() >> 8U), static_cast<char>(reply.size())};
    framed += reply;
    const ssize_t sent =
        ::send(stream.socket.get(), framed.data(), framed.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(framed.size())) return false;
    stream.bytes.erase(0, kPrefix + length);
  }
  return true;
}

void DnsService::OnStream(std::uint64_t id) {
  Stream& stream = streams_.at(id);
  char buffer[dns::kMaxMessage];
  const ssize_t got = ::recv(stream.socket.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return End(id);
  stream.bytes.append(buffer, static_cast<std::size_t>(got));
  stream.deadline = steady_clock::now() + kStreamLimit;
  if (!TakeMessages(stream)) End(id);
}

void DnsService::CheckDeadlines(steady_clock::time_point now) {
  for (auto at = streams_.begin(); at != streams_.end();) {
    const auto next = std::next(at);
    if (now >= at->second.deadline) End(at->first);
    at = next;
  }
}

}  // namespace fabro::egress
