// What the command line says to `fabro model`, `provider` and `secret`; part of options.h.
#pragma once

#include <string>

namespace fabro::cli {

struct ModelListOptions {
  std::string provider;
  bool ids_only = false;
};

struct ModelTestOptions {
  std::string model;
  std::string provider;
  bool deep = false;
};

struct ProviderLoginOptions {
  std::string provider;
  bool from_stdin = false;
};

struct SecretListOptions {};

struct SecretSetOptions {
  std::string name;
  std::string value;  // Empty: from standard input or the terminal.
  std::string type;
  std::string description;
  bool from_stdin = false;
};

struct SecretRmOptions {
  std::string name;
};

}  // namespace fabro::cli
