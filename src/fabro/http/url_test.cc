#include <gtest/gtest.h>

#include "fabro/http/client.h"

namespace fabro::http {
namespace {

TEST(UrlTest, PartsAndRefusals) {
  const UrlParts parts = *ParseUrl("https://[::1]:8443/a/b?c#d");
  EXPECT_EQ(parts.host, "::1");
  EXPECT_EQ(parts.port, 8443);
  EXPECT_EQ(parts.path, "/a/b?c");
  EXPECT_EQ(ParseUrl("http://h?x")->path, "/?x");
  for (const char* bad :
       {"", "ftp://h/", "http://", "http://u:p@h/", "http://h:0/", "http://h:99999/", "http://h /",
        "http://[::1", "file:///etc/passwd", "http://h\\@x/"}) {
    EXPECT_FALSE(ParseUrl(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace fabro::http
