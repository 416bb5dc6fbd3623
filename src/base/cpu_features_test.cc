#include "base/cpu_features.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace pilotfish {
namespace {

#if defined(__x86_64__)
// What Linux found, which asks the processor in its own way.
std::set<std::string> listed_flags() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("flags")) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    std::set<std::string> flags;
    for (std::string word; words >> word;) flags.insert(word);
    return flags;
  }
  return {};
}

TEST(CpuFeatures, AreThoseThatLinuxLists) {
  const std::set<std::string> flags = listed_flags();
  if (flags.empty()) GTEST_SKIP() << "/proc/cpuinfo lists no flags";
  const auto all = [&](std::initializer_list<const char*> names) {
    for (const char* name : names) {
      if (!flags.contains(name)) return false;
    }
    return true;
  };
  const CpuFeatures& cpu = cpu_features();
  const bool avx2 = all({"avx2", "fma", "f16c"});
  const bool avx512 =
      avx2 && all({"avx512f", "avx512bw", "avx512vl", "avx512dq"});
  EXPECT_EQ(cpu.avx2, avx2);
  EXPECT_EQ(cpu.avx_vnni, avx2 && all({"avx_vnni"}));
  EXPECT_EQ(cpu.avx512, avx512);
  EXPECT_EQ(cpu.avx512_bf16, avx512 && all({"avx512_bf16"}));
  EXPECT_EQ(cpu.avx512_vnni, avx512 && all({"avx512_vnni"}));
}
#endif

}  // namespace
}  // namespace pilotfish
