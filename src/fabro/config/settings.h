// What a run is to do, after all layers were laid over one another: one plain struct.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/byte_size.h"
#include "fabro/config/run_settings.h"
#include "fabro/template/value.h"

namespace fabro::config {

// [run.environment]: what differs from the environment's own definition. Unset: nothing said.
struct EnvironmentOverrides {
  std::optional<std::int64_t> cpu;  // Cores.
  std::optional<ByteSize> memory;
  std::optional<ByteSize> disk;
  std::optional<std::string> network_mode;
  std::optional<std::vector<std::string>> network_allow;        // CIDRs.
  std::optional<std::vector<std::string>> network_allow_hosts;  // Names, wildcards, addresses.
  std::optional<std::vector<std::string>> network_allow_ports;  // "443", "8000-8010".
  std::optional<std::vector<std::string>> namespace_egress_ports;
  std::map<std::string, std::string> env;  // Not interpolated.
  std::optional<std::string> namespace_level;
  std::optional<std::string> namespace_workspace;
  std::optional<std::string> namespace_rootfs;
  std::optional<std::string> image_docker;
  std::optional<std::string> namespace_store;
  std::vector<std::string> namespace_degrade;
  std::optional<std::int64_t> namespace_max_processes;
  std::optional<std::int64_t> namespace_max_file_descriptors;
  std::optional<bool> local_strict_env;
  std::optional<bool> local_filter_explicit_env;

  friend bool operator==(const EnvironmentOverrides&, const EnvironmentOverrides&) = default;
};

struct Settings {
  std::optional<std::string> graph;      // [workflow] graph, as a path from here.
  std::optional<std::string> goal;       // Unset: the graph's own.
  std::optional<std::string> goal_file;  // Instead of goal; a path from here.
  std::optional<std::string> working_dir;
  templates::Map inputs;
  std::map<std::string, std::string> labels;
  std::string environment = "default";
  EnvironmentOverrides overrides;
  std::vector<PrepareStep> prepare_steps;
  std::vector<std::string> checkpoint_exclude_globs;
  std::vector<std::string> artifact_include;
  ByteSize artifact_result_limit = 1_GiB;
  std::string git_author_name = "fabro";
  std::string git_author_email = "fabro@local";
  bool clone_enabled = true;
  bool auto_resume = true;
  bool trust_local = false;
  bool artifact_events = false;
  bool auto_approve = false;  // [run.execution] approval = "auto".
  bool dry_run = false;       // [run.execution] mode = "dry_run".
  bool retros = false;
  ModelSettings model;
  Budget budget;
  AgentSettings agent;
  std::vector<Hook> hooks;
  std::map<std::string, LlmProvider> llm_providers;
  CliSettings cli;

  // For people: old keys, and what a layer asked for and did not get.
  std::vector<std::string> notes;

  // By path ("run.environment.id"); a path that is missing has its built-in value.
  std::map<std::string, Origin, std::less<>> origins;

  // Who set `path`; built-in when nobody did. A selection by a repository's layer needs trust.
  Origin OriginOf(std::string_view path) const;

  friend bool operator==(const Settings&, const Settings&) = default;
};

}  // namespace fabro::config
