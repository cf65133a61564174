"""The rest of the world, for tests of network mode egress: a name server and servers of HTTP, TLS
and plain TCP on addresses that are public, private and a metadata service's, in a network namespace
of its own. Commands on standard input, one answer line each; ends with its input.

  up           the link `inet0` is there: addresses, routes and servers
  set NAME ADDRESS…     what NAME resolves to from now on
  rotate NAME ADDRESS…  one of them each time, in turn, TTL 0
  queries      the names that were asked for so far
  connections  the local addresses and ports that were connected to so far
"""
import ctypes
import http.server
import ipaddress
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading

CLONE_NEWNET = 0x40000000
ADDRESSES = ["93.184.216.34/32", "93.184.216.35/32", "169.254.169.254/32", "10.0.0.5/32",
             "192.168.7.7/32", "2606:2800:220:1::34/128"]
table, rotating, queries, connections = {}, {}, [], []


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def addresses_of(name):
    if name in rotating:
        return [rotating[name][0]]
    if name in table:
        return table[name]
    wildcard = "*." + name.partition(".")[2]
    return table.get(wildcard, [])


def answer(packet):
    end, labels = 12, []
    while packet[end]:
        labels.append(packet[end + 1:end + 1 + packet[end]].decode())
        end += packet[end] + 1
    end += 1
    name, kind = ".".join(labels).lower(), struct.unpack(">H", packet[end:end + 2])[0]
    queries.append(name)
    if name in rotating and kind == 1:
        rotating[name].append(rotating[name].pop(0))
    records = b""
    count = 0
    for text in addresses_of(name):
        address = ipaddress.ip_address(text)
        if (kind, address.version) in ((1, 4), (28, 6)):
            data = address.packed
            records += struct.pack(">HHHIH", 0xC00C, kind, 1, 0, len(data)) + data
            count += 1
    known = name in table or name in rotating or addresses_of(name)
    flags = 0x8180 | (0 if known else 3)
    return packet[:2] + struct.pack(">HHHHH", flags, 1, count, 0, 0) + packet[12:end + 4] + records


def serve_names():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("10.77.0.2", 53))
    while True:
        packet, peer = server.recvfrom(2048)
        try:
            server.sendto(answer(packet), peer)
        except (IndexError, ValueError, UnicodeError):
            pass


class Hello(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        size = int(self.path[6:]) if self.path.startswith("/size/") else 0
        here = self.connection.getsockname()[0].removeprefix("::ffff:")
        body = b"x" * size or f"hello {self.headers.get('Host')} at {here}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 512

    def get_request(self):
        taken, peer = self.socket.accept()
        connections.append([taken.getsockname()[0].removeprefix("::ffff:"), self.server_address[1]])
        return taken, peer


class TlsServer(Server):
    context = None

    def finish_request(self, request, client_address):
        request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)


def tls_context():
    """A key and a self-signed certificate; the certificate goes to FABER_TEST_CA for clients."""
    folder = tempfile.mkdtemp()
    key, cert = folder + "/key", os.environ.get("FABER_TEST_CA", folder + "/cert")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=allowed.test", "-addext",
        "subjectAltName=DNS:allowed.test,DNS:*.zone.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    os.unlink(key)
    return context


def echo():
    listener = socket.create_server(("::", 9000), family=socket.AF_INET6, dualstack_ipv6=True, backlog=512)

    def one(peer):
        while data := peer.recv(65536):
            peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)

    def quiet(peer):
        try:
            one(peer)
        except OSError:
            pass

    while True:
        threading.Thread(target=quiet, args=(listener.accept()[0],), daemon=True).start()


def start(target, *args):
    threading.Thread(target=target, args=args, daemon=True).start()


def up():
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "set", "inet0", "up")
    run("ip", "addr", "add", "10.77.0.2/24", "dev", "inet0")
    run("ip", "addr", "add", "fd77::2/64", "dev", "inet0", "nodad")
    for address in ADDRESSES:
        run("ip", "addr", "add", address, "dev", "lo")
    TlsServer.context = tls_context()
    for kind, port in ((Server, 80), (Server, 8080), (TlsServer, 443)):
        start(kind(("::", port), Hello).serve_forever)
    start(echo)
    start(serve_names)


def main():
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        sys.exit("unshare: " + os.strerror(ctypes.get_errno()))
    print("ready", flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        reply = "ok"
        if word == "up":
            up()
        elif word == "set":
            table[rest[0]] = rest[1:]
        elif word == "rotate":
            rotating[rest[0]] = rest[1:]
        elif word == "queries":
            reply = json.dumps(queries)
        elif word == "connections":
            reply = json.dumps(connections)
        print(reply, flush=True)


main()
