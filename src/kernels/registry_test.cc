#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "base/cpu_features.h"
#include "kernels/kernels.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using testing::HasSubstr;

class RegistryTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* value = std::getenv("PILOTFISH_ISA")) before_ = value;
    unsetenv("PILOTFISH_ISA");
  }
  void TearDown() override {
    unsetenv("PILOTFISH_ISA");
    if (!before_.empty()) setenv("PILOTFISH_ISA", before_.c_str(), 1);
  }

 private:
  std::string before_;
};

TEST_F(RegistryTest, ScalarIsAlwaysThereAndFirst) {
  ASSERT_FALSE(available_kernels().empty());
  EXPECT_EQ(available_kernels().front()->name, "scalar");
}

TEST_F(RegistryTest, TheLastIsTheBest) {
  EXPECT_EQ(&best_kernels(), available_kernels().back());
  EXPECT_EQ(best_kernels().name == "scalar", !cpu_features().avx2);
}

TEST_F(RegistryTest, FindsEachByName) {
  for (const Kernels* kernels : available_kernels()) {
    EXPECT_EQ(&kernels_named(kernels->name), kernels);
  }
}

TEST_F(RegistryTest, TheEnvironmentChooses) {
  setenv("PILOTFISH_ISA", "scalar", 1);
  EXPECT_EQ(best_kernels().name, "scalar");
  setenv("PILOTFISH_ISA", "", 1);
  EXPECT_EQ(&best_kernels(), available_kernels().back());
}

TEST_F(RegistryTest, UnknownNamesSayWhatThereIs) {
  setenv("PILOTFISH_ISA", "neon", 1);
  try {
    best_kernels();
    FAIL() << "no exception";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(),
                testing::AllOf(HasSubstr("PILOTFISH_ISA"), HasSubstr("'neon'"),
                               HasSubstr("scalar")));
  }
  EXPECT_THROW(kernels_named(""), UsageError);
}

// So that it gives AVX2's bits: its packed products do, as every set's.
TEST_F(RegistryTest, AvxVnniIsAvx2ButForPackedProducts) {
  if (!cpu_features().avx_vnni) GTEST_SKIP() << "this processor lacks it";
  const Kernels& vnni = kernels_named("avx_vnni");
  const Kernels& avx2 = kernels_named("avx2");
  EXPECT_NE(vnni.packed.matmul, avx2.packed.matmul);
  EXPECT_FALSE(vnni.packed.has_bf16 || avx2.packed.has_bf16);
  EXPECT_EQ(vnni.pack_activations, avx2.pack_activations);
  EXPECT_EQ(vnni.matmul, avx2.matmul);
  EXPECT_EQ(vnni.dequantise, avx2.dequantise);
  EXPECT_EQ(vnni.store, avx2.store);
  EXPECT_EQ(vnni.rms_norm, avx2.rms_norm);
  EXPECT_EQ(vnni.rope, avx2.rope);
  EXPECT_EQ(vnni.silu_multiply, avx2.silu_multiply);
  EXPECT_EQ(vnni.add, avx2.add);
  EXPECT_EQ(vnni.attention, avx2.attention);
}

#if defined(__x86_64__)
TEST_F(RegistryTest, ASetIsThereWhereItsInstructionsAre) {
  const CpuFeatures& cpu = cpu_features();
  const std::pair<const char*, bool> sets[] = {
      {"avx2", cpu.avx2},
      {"avx_vnni", cpu.avx_vnni},
      {"avx512", cpu.avx512},
      {"avx512_vnni", cpu.avx512_vnni},
      {"avx512_bf16", cpu.avx512_bf16 && cpu.avx512_vnni}};
  for (const auto& [name, supported] : sets) {
    try {
      EXPECT_EQ(kernels_named(name).name, name);
      EXPECT_TRUE(supported) << name;
    } catch (const UsageError& error) {
      EXPECT_FALSE(supported) << name;
      EXPECT_THAT(error.what(), HasSubstr("this processor lacks it"));
    }
  }
}
#endif

}  // namespace
}  // namespace pilotfish
