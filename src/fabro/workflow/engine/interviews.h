// Where answers wait for the stages that asked, and stages for their answers. Thread-safe: the
// control socket's thread posts, every thread of an engine may wait.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "fabro/base/result.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/model/json.h"

namespace fabro::workflow {

class Interviews {
 public:
  struct Posted {
    std::string item;  // Of the inbox; what has to be taken out once the answer is an event.
    std::string by;
    model::Json answer;
  };
  enum class Wake { kAnswer, kTimeout, kStopped };

  // The oldest answer to a question is the one that counts.
  void Post(const std::string& question_id, Posted posted);

  // Blocks until the question has an answer (kAnswer: `posted` is it), the deadline passes, or
  // `stop_fd` is readable.
  Result<Wake> Wait(const std::string& question_id, Deadline deadline, int stop_fd, Posted& posted);

 private:
  struct Waiting {
    UniqueFd wake;  // An eventfd.
  };
  std::mutex mutex_;
  std::multimap<std::string, Posted> posted_;
  std::map<std::string, Waiting> waiting_;
};

}  // namespace fabro::workflow
