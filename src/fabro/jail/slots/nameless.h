// Which ids no user and no group has, remembered for the next process that wants to know. Asking
// every service (nsswitch.conf) loads its libraries and costs as much as a quarter of a launch.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

namespace fabro::jail {

class NamelessIds {
 public:
  // What is remembered lives in `path`, which only its user can write; callers hold the lock of
  // what they lease. It is forgotten when the local files of users or the list of services change,
  // and after an hour, since services elsewhere say nothing of their changes. A file that is
  // missing or not ours is no error: then every id is looked up.
  explicit NamelessIds(std::string path) : path_(std::move(path)) {}

  // Neither a user nor a group has the number.
  bool Contains(std::uint32_t id);

 private:
  void Load();
  void Save() const;

  std::string path_;
  bool loaded_ = false;
  std::string sources_;    // State of what was asked.
  std::time_t since_ = 0;  // Of the oldest answer.
  std::string ids_;        // " 65536 65537 "
};

}  // namespace fabro::jail
