// faber with network mode egress in the World, and what its --json says of the network.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/e2e/faber/faber_run.h"
#include "tests/e2e/network/world.h"

namespace fabro::e2e {

class EgressTest : public FaberTest {
 protected:
  void SetUp() override {
    FaberTest::SetUp();
    if (IsSkipped()) return;
    static const bool kPrepared = [] {
      World& world = World::Get();
      world.Ask("set allowed.test 93.184.216.34 2606:2800:220:1::34");
      world.Ask("set other.test 93.184.216.35");
      world.Ask("set six.test 2606:2800:220:1::34");
      world.Ask("set *.zone.test 93.184.216.35");
      world.Ask("set a.b.zone.test 93.184.216.35");
      world.Ask("set private.test 10.0.0.5");
      world.Ask("set metadata.test 169.254.169.254");
      world.Ask("set mapped.test ::ffff:169.254.169.254");
      world.Ask("set home.test 10.77.0.1");
      world.Ask("rotate rebind.test 93.184.216.34 127.0.0.1");
      world.Ask("rotate moving.test 93.184.216.34 93.184.216.35");
      return true;
    }();
    ASSERT_TRUE(kPrepared);
  }

  static Done Run(Words options, Words command) {
    Words args = {"run", "--pids", "64", "--fds", "600"};
    args.insert(args.end(), options.begin(), options.end());
    args.emplace_back("--");
    args.insert(args.end(), command.begin(), command.end());
    return Faber(args);
  }
  static Done Curl(Words options, Words words) {
    Words command = {"curl", "-sS", "-m", "15"};
    command.insert(command.end(), words.begin(), words.end());
    return Run(std::move(options), std::move(command));
  }
  static Done Python(Words options, const std::string& script) {
    return Run(std::move(options), {"python3", "-c", script});
  }
  static model::Json Network(const Done& done) {
    const model::Json json = JsonOf(done);
    const model::Json* network = json.Find("network");
    return network == nullptr ? model::Json() : *network;
  }
  // "name port reason" of each refusal.
  static std::string Denied(const Done& done, const char* list = "denied") {
    std::string text;
    const model::Json network = Network(done);
    const model::Json* denied = network.Find(list);
    if (denied == nullptr || denied->Items() == nullptr) return "none";
    for (const model::Json& each : *denied->Items()) {
      text += each.StringAt("name") + " " + std::to_string(each.IntAt("port")) + " " +
              each.StringAt("reason") + "; ";
    }
    return text;
  }
};

}  // namespace fabro::e2e
