"""An imitation of the four wire formats of language models, for tests: no model, but answers in their form.

    server.py [--port N] [--tls CERT KEY]      prints "listening PORT"

What it answers is told by whoever tests:
    POST /imitation/answers   a JSON list of turns; each call of a model takes the next one, the last one repeats
    GET  /imitation/requests  what was asked since the last time: [{method, path, query, headers, body}]
A turn is an object with any of
    text, reasoning, tools [{name, args}]       what is said; a tool's args may be a string: sent as it is
    usage {input, output, reasoning, cached, written}
    finish      "length" or "content_filter"
    status      an error of that status; with retry_after (seconds or a date), message and code
    hang        true: never answers;  "middle": stops in the middle of the stream and keeps the line open
    drop        n: the connection is cut after n events of the stream
    garbage     true: bytes that are not the format
    huge        n: n bytes of text
    error_event true: the stream reports an error in its middle
    split       n: bytes go out n at a time, wherever that cuts;  crlf: lines end with CRLF
    no_stream   true: answers in one piece whatever was asked
Requests are checked as the providers check them, and refused with their kind of error. No key is checked but "wrong"."""
import argparse
import json
import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import chat
import gemini
import messages
import responses
from common import Refused

FORMATS = (messages, responses, chat, gemini)


class State:
    def __init__(self):
        self.lock = threading.Lock()
        self.turns, self.requests = [{}], []
        self.closing = threading.Event()

    def next_turn(self):
        with self.lock:
            return self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state = None

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path == "/imitation/requests":
            with self.state.lock:
                seen, self.state.requests = self.state.requests, []
            return self.reply(200, seen)
        return self.reply(404, {"error": {"message": "no such page"}})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/imitation/answers":
            with self.state.lock:
                self.state.turns = json.loads(body) or [{}]
            return self.reply(200, {})
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        fmt = next((f for f in FORMATS if f.matches(url.path)), None)
        if fmt is None:
            return self.reply(404, {"error": {"message": f"no such path: {url.path}", "type": "not_found_error"}})
        try:
            request = json.loads(body)
        except ValueError:
            return self.refuse(fmt, Refused(400, "the body is not JSON"))
        with self.state.lock:
            self.state.requests.append({"method": "POST", "path": url.path, "query": query, "body": request,
                                        "headers": {k.lower(): v for k, v in self.headers.items()}})
        turn = {}
        try:
            key = fmt.key_of(self.headers)
            if key == "wrong":
                raise Refused(401, "invalid key: wrong", "authentication_error")
            fmt.check(request, {k.lower(): v for k, v in self.headers.items()})
            turn = self.state.next_turn()
            if "status" in turn:
                raise Refused(turn["status"], turn.get("message", "as it was told to"), turn.get("code", "error"))
        except Refused as refused:
            return self.refuse(fmt, refused, turn)
        except (KeyError, TypeError, AttributeError) as error:
            return self.refuse(fmt, Refused(400, f"missing or of the wrong type: {error!r}"))
        return self.answer(fmt, request, url.path, turn)

    def answer(self, fmt, request, path, turn):
        if turn.get("hang") is True:
            self.state.closing.wait()
            return None
        if turn.get("garbage"):
            self.start(200, "text/event-stream" if fmt.streams(request, path) else "application/json")
            self.wfile.write(b"event: \xff\xfe\ndata: {]\n\n" + bytes(range(256)))
            return None
        if "huge" in turn:
            turn = dict(turn, text="x" * turn["huge"])
        if not fmt.streams(request, path) or turn.get("no_stream"):
            return self.reply(200, fmt.whole(request, path, turn))
        return self.stream(fmt, turn, fmt.events(request, path, turn))

    def stream(self, fmt, turn, events):
        self.start(200, "text/event-stream; charset=utf-8")
        events = list(events)
        middle = max(1, len(events) // 2)
        if turn.get("error_event"):
            events = events[:middle] + [fmt.error_event()]
        for number, (name, data) in enumerate(events):
            if number == turn.get("drop") or (turn.get("hang") == "middle" and number == middle):
                self.wfile.flush()
                if turn.get("hang"):
                    self.state.closing.wait()
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
            lines = (f"event: {name}\n" if name else "") + f"data: {text}\n\n"
            if turn.get("crlf"):
                lines = lines.replace("\n", "\r\n")
            self.send_bytes(lines.encode(), turn.get("split", 0))

    def send_bytes(self, data, split):
        step = split or len(data)
        for at in range(0, len(data), step):
            self.wfile.write(data[at:at + step])
            self.wfile.flush()

    def start(self, status, kind):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("connection", "close")  # The end of the stream is the end of the connection.
        self.end_headers()
        self.close_connection = True

    def refuse(self, fmt, refused, turn=None):
        headers = {}
        if turn and "retry_after" in turn:
            headers["retry-after"] = str(turn["retry_after"])
        return self.reply(refused.status, fmt.error_body(refused.status, refused.code, refused.message), headers)

    def reply(self, status, value, headers=None):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.send_header("x-ratelimit-remaining-requests", "99")
        self.send_header("anthropic-ratelimit-requests-remaining", "99")
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # Clients that hang up are what is tested.


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", nargs=2)
    options = parser.parse_args()
    Handler.state = State()
    server = Server(("127.0.0.1", options.port), Handler)
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(f"listening {server.server_address[1]}", flush=True)
    # Who started it holds standard input: its end is our end.
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    server.serve_forever()
    Handler.state.closing.set()


if __name__ == "__main__":
    main()
