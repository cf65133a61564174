#include <gtest/gtest.h>

#include <string>

#include "fabro/egress/parse/dns.h"
#include "fabro/egress/parse/first_bytes.h"

namespace fabro::egress {
namespace {

using State = FirstBytes::State;

std::string Number(std::size_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}

std::string Question(const std::string& labels, std::uint16_t type = 1) {
  return Number(0x1234, 2) + Number(0x0100, 2) + Number(1, 2) + Number(0, 6) + labels +
         Number(type, 2) + Number(1, 2);
}

TEST(DnsTest, AQuestionIsReadAndAnswered) {
  const std::string message = Question(std::string("\x07"
                                                   "Example\x04test\x00",
                                                   14),
                                       28);
  const auto parsed = dns::ParseQuery(message);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->trouble, dns::Rcode::kNoError);
  EXPECT_EQ(parsed->query.name, "Example.test");
  EXPECT_EQ(parsed->query.type, dns::kTypeAaaa);
  const auto address = *model::ParseIpAddress("fd66:6b::1:2");
  const std::string answer = dns::BuildAnswer(parsed->query, dns::Rcode::kNoError, address, 30);
  EXPECT_EQ(answer.substr(0, 2), Number(0x1234, 2));
  EXPECT_EQ(static_cast<unsigned char>(answer[2]), 0x85);  // Answer, authoritative, RD again.
  EXPECT_EQ(answer.substr(12, 18), message.substr(12, 18));
  EXPECT_EQ(answer.size(), message.size() + 12 + 16);
}

TEST(DnsTest, WhatIsNoOrdinaryQuestionIsSaidSo) {
  EXPECT_FALSE(dns::ParseQuery("short"));
  std::string answer =
      Question(std::string("\x01"
                           "a\x00",
                           3));
  answer[2] = static_cast<char>(0x80);
  EXPECT_FALSE(dns::ParseQuery(answer));  // Two name servers must not talk for ever.
  const std::string pointer = Question(std::string("\xC0\x0C", 2));
  EXPECT_EQ(dns::ParseQuery(pointer)->trouble, dns::Rcode::kFormatError);
  const std::string cut = Question(std::string("\x3F"
                                               "abc",
                                               4))
                              .substr(0, 16);
  EXPECT_EQ(dns::ParseQuery(cut)->trouble, dns::Rcode::kFormatError);
  std::string two =
      Question(std::string("\x01"
                           "a\x00",
                           3));
  two[5] = 2;
  EXPECT_EQ(dns::ParseQuery(two)->trouble, dns::Rcode::kFormatError);
  std::string update =
      Question(std::string("\x01"
                           "a\x00",
                           3));
  update[2] = 0x28;
  EXPECT_EQ(dns::ParseQuery(update)->trouble, dns::Rcode::kNotImplemented);
  const std::string long_label = Question(std::string(1, '\x40') + std::string(64, 'a') + '\0');
  EXPECT_EQ(dns::ParseQuery(long_label)->trouble, dns::Rcode::kFormatError);
}

TEST(DnsTest, ALabelWithADotInsideIsNoName) {
  const auto parsed =
      dns::ParseQuery(Question(std::string("\x03"
                                           "a.b\x04test\x00",
                                           10)));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->query.name, "");
}

std::string ServerName(const std::string& name) {
  const std::string entry = Number(0, 1) + Number(name.size(), 2) + name;
  const std::string list = Number(entry.size(), 2) + entry;
  return Number(0, 2) + Number(list.size(), 2) + list;
}

std::string Hello(const std::string& extensions) {
  const std::string body = Number(0x0303, 2) + std::string(32, 'r') + Number(0, 1) + Number(2, 2) +
                           Number(0x1301, 2) + Number(1, 1) + Number(0, 1) +
                           Number(extensions.size(), 2) + extensions;
  return Number(1, 1) + Number(body.size(), 3) + body;
}

std::string Record(const std::string& bytes) {
  return Number(22, 1) + Number(0x0301, 2) + Number(bytes.size(), 2) + bytes;
}

TEST(ClientHelloTest, TheServerNameIsRead) {
  const FirstBytes seen = ReadClientHello(Record(Hello(ServerName("Allowed.Test"))));
  EXPECT_EQ(seen.state, State::kName);
  EXPECT_EQ(seen.name, "allowed.test");
  EXPECT_EQ(ReadClientHello(Record(Hello(""))).state, State::kNothing);
}

TEST(ClientHelloTest, EveryPrefixWantsMoreAndNothingElse) {
  const std::string whole = Record(Hello(ServerName("allowed.test")));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(ReadClientHello(whole.substr(0, size)).state, State::kMore) << size;
  }
}

TEST(ClientHelloTest, AMessageInSeveralRecordsIsOne) {
  const std::string hello = Hello(ServerName("allowed.test"));
  const std::string bytes =
      Record(hello.substr(0, 5)) + Record(hello.substr(5, 30)) + Record(hello.substr(35));
  EXPECT_EQ(ReadClientHello(bytes).name, "allowed.test");
}

TEST(ClientHelloTest, WhatCouldBeReadInTwoWaysIsRefused) {
  const std::string name = ServerName("allowed.test");
  EXPECT_EQ(ReadClientHello(Record(Hello(name + ServerName("evil.test")))).state, State::kOther);
  EXPECT_EQ(ReadClientHello(Record(Hello(ServerName(std::string("allowed.test\0", 13))))).state,
            State::kOther);
  EXPECT_EQ(ReadClientHello("GET / HTTP/1.1\r\n").state, State::kOther);
  EXPECT_EQ(ReadClientHello(Record(std::string("\x02\x00\x00\x00", 4))).state, State::kOther);
  std::string two_names = Number(0, 1) + Number(1, 2) + "a" + Number(0, 1) + Number(1, 2) + "b";
  two_names = Number(two_names.size(), 2) + two_names;
  two_names = Number(0, 2) + Number(two_names.size(), 2) + two_names;
  EXPECT_EQ(ReadClientHello(Record(Hello(two_names))).state, State::kOther);
  EXPECT_EQ(ReadClientHello(Record(std::string(1, '\x01') + Number(0xFFFFF, 3))
                                .append(Record(std::string(16384, 'x'))))
                .state,
            State::kOther);  // No end within reason.
}

TEST(RequestHeadTest, TheHostIsReadWithoutItsPort) {
  EXPECT_EQ(ReadRequestHead("GET / HTTP/1.1\r\nHost: Allowed.Test:80\r\n\r\nbody").name,
            "allowed.test");
  EXPECT_EQ(ReadRequestHead("GET http://a.test/x HTTP/1.1\r\nhost:a.test\r\n\r\n").name, "a.test");
  EXPECT_EQ(ReadRequestHead("GET / HTTP/1.0\r\n\r\n").state, State::kNothing);
  EXPECT_EQ(ReadRequestHead("GET / HTTP/1.1\r\nHost: a.test\r\n").state, State::kMore);
  EXPECT_EQ(ReadRequestHead("").state, State::kMore);
}

TEST(RequestHeadTest, WhatCouldBeReadInTwoWaysIsRefused) {
  for (const char* head :
       {"GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a.test\r\n\r\n", "GET / HTTP/1.1\nHost: a.test\n\r\n\r\n",
        "GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET http://a.test@b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a.test\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n", "\x16\x03\x01\x02\x00 ",
        "GET / x HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"}) {
    EXPECT_EQ(ReadRequestHead(head).state, State::kOther) << head;
  }
}

}  // namespace
}  // namespace fabro::egress
