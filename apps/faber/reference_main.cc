// Prints docs/user/faber.md: faber_reference >docs/user/faber.md
#include <cstdio>

#include "apps/faber/reference.h"

int main() {
  const std::string page = fabro::faber::ReferencePage();
  return std::fwrite(page.data(), 1, page.size(), stdout) == page.size() ? 0 : 1;
}
