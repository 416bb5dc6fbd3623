#include "cli/machine_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pilotfish::cli {
namespace {

MachineFacts two_nodes() {
  MachineFacts facts;
  facts.processor = "Exemplar 9000";
  MachineReport& machine = facts.machine;
  machine.nodes = {{0, {0, 1, 2, 3, 8, 10, 11}, 4, std::int64_t{64} << 30, 5},
                   {1, {}, 0, 0, 0}};
  machine.sockets = 1;
  machine.cores = 4;
  machine.processors = 7;
  machine.threads = 5;
  machine.places = true;
  machine.places_why = "each thread reads memory of its own node";
  machine.instruction_sets = {"scalar", "avx2"};
  machine.missing_sets = {"avx512", "avx512_vnni"};
  machine.instruction_set = "avx2";
  machine.instruction_set_why = "the fastest that this processor runs";
  return facts;
}

TEST(MachineText, OfSeveralNodes) {
  MachineFacts facts = two_nodes();
  EXPECT_EQ(machine_text(facts),
            R"(processor         Exemplar 9000
sockets           1
cores             4
processors        7
threads           5
instruction sets  scalar, avx2; not here: avx512, avx512_vnni
runs              avx2: the fastest that this processor runs
placement         by node: each thread reads memory of its own node

node     cores   threads      memory  processors
0            4         5    64.0 GiB  0-3,8,10-11
1            0         0     unknown  none
)");
  facts.placement = PlacementReport{
      {{0, std::int64_t{3} << 30, std::int64_t{1} << 20}, {1, 1 << 10, 0}},
      1 << 20};
  const std::string text = machine_text(facts);
  EXPECT_EQ(text.substr(text.rfind("\n\n") + 2),
            R"(node           weights      kv cache
0              3.0 GiB       1.0 MiB
1              1.0 KiB           0 B
any            1.0 MiB
)");
}

TEST(MachineText, WithoutPlacementThreadsAreAnywhere) {
  MachineFacts facts = two_nodes();
  facts.machine.places = false;
  facts.machine.places_why = "there is one node";
  facts.machine.missing_sets.clear();
  const std::string text = machine_text(facts);
  EXPECT_NE(text.find("sets  scalar, avx2\n"), std::string::npos);
  EXPECT_NE(text.find("placement         none: there is one node\n"),
            std::string::npos);
  EXPECT_NE(text.find("anywhere"), std::string::npos);
  EXPECT_FALSE(machine_json(facts)["nodes"][0].contains("threads"));
}

TEST(MachineJson, HasEverything) {
  MachineFacts facts = two_nodes();
  EXPECT_FALSE(machine_json(facts).contains("placement"));
  facts.placement = PlacementReport{{{0, 10, 20}}, 3};
  const auto json = machine_json(facts);
  EXPECT_EQ(json["processor"], "Exemplar 9000");
  EXPECT_EQ(json["nodes"][0]["processors"][4], 8);
  EXPECT_EQ(json["nodes"][0]["threads"], 5);
  EXPECT_EQ(json["nodes"][0]["memory"], std::int64_t{64} << 30);
  EXPECT_EQ(json["instruction_set"], "avx2");
  EXPECT_EQ(json["missing_instruction_sets"].size(), 2u);
  EXPECT_EQ(json["placement"]["nodes"][0]["kv_cache"], 20);
  EXPECT_EQ(json["placement"]["weights_anywhere"], 3);
}

}  // namespace
}  // namespace pilotfish::cli
