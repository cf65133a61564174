#include "fabro/jail/slots/nameless.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <ctime>
#include <string_view>

#include "fabro/linux/file.h"

namespace fabro::jail {
namespace {

constexpr std::time_t kLongest = 3600;  // Seconds.
constexpr ByteSize kLargest = 64_KiB;

// When what tells of users was changed; 0 for what is not there.
std::string StateOfSources() {
  std::string text;
  for (const char* path : {"/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/etc/userdb",
                           "/run/userdb", "/run/systemd/userdb"}) {
    struct stat info{};
    const bool there = ::stat(path, &info) == 0;
    text += there ? std::to_string(info.st_mtim.tv_sec) + "." +
                        std::to_string(info.st_mtim.tv_nsec) + "/" + std::to_string(info.st_ino)
                  : "0";
    text += ' ';
  }
  return text + '\n';
}

}  // namespace

void NamelessIds::Load() {
  if (loaded_) return;
  loaded_ = true;
  sources_ = StateOfSources();
  since_ = ::time(nullptr);
  ids_ = " ";
  const auto file = Open(path_, O_RDONLY | O_NOFOLLOW);
  struct stat info{};
  if (!file || ::fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode)) return;
  if (info.st_uid != ::geteuid() || (info.st_mode & 022) != 0) return;
  const auto text = ReadFd(file->get(), kLargest);
  // Cut short by a crash it does not end so.
  if (!text || !text->starts_with(sources_) || !text->ends_with(' ')) return;
  std::time_t since = 0;
  const char* const begin = text->data() + sources_.size();
  const auto parsed = std::from_chars(begin, text->data() + text->size(), since);
  const std::time_t age = ::time(nullptr) - since;
  if (parsed.ec != std::errc() || age < 0 || age > kLongest) return;
  since_ = since;
  ids_ = parsed.ptr;
}

void NamelessIds::Save() const {
  const auto file = Open(path_, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
  // What cannot be remembered is looked up again.
  if (file) (void)WriteFd(file->get(), sources_ + std::to_string(since_) + ids_);
}

bool NamelessIds::Contains(std::uint32_t id) {
  Load();
  const std::string word = std::to_string(id) + " ";
  if (ids_.find(" " + word) != std::string::npos) return true;
  if (::getpwuid(id) != nullptr || ::getgrgid(id) != nullptr) return false;
  ids_ += word;
  Save();
  return true;
}

}  // namespace fabro::jail
