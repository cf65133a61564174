// The run's control socket: a worker's ear, and how others speak to it. One request, one answer, a
// JSON object each, over SOCK_SEQPACKET. Internal to the room.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/model/json.h"

namespace fabro::runs {

class ControlSocket {
 public:
  // Called from the socket's thread. Requests: {"op": "look"}: something is in the inbox;
  // {"op": "pause"}; {"op": "status"}.
  using Answer = std::function<model::Json(const model::Json& request)>;

  // Listens at `path`. `signal_fd` (an eventfd) becoming readable calls `on_signal`, which drains
  // it.
  static Result<std::unique_ptr<ControlSocket>> Listen(const std::string& path, Answer answer,
                                                       int signal_fd,
                                                       std::function<void()> on_signal);
  ~ControlSocket();  // Stops and joins; the socket file is removed.
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

 private:
  ControlSocket(std::string path, UniqueFd listener, UniqueFd stop, Answer answer, int signal_fd,
                std::function<void()> on_signal);
  void Serve();
  void Greet();

  std::string path_;
  UniqueFd listener_;
  UniqueFd stop_;
  Answer answer_;
  int signal_fd_;
  std::function<void()> on_signal_;
  std::thread thread_;  // Last: it uses the others.
};

// Asks the worker of `run_dir`. kUnavailable "worker_unreachable" when none listens.
Result<model::Json> AskWorker(const std::string& run_dir, const model::Json& request);

}  // namespace fabro::runs
