#include "model/tensor_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pilotfish {
namespace {

using enum Checkpoint::Kind;

TEST(TensorNames, SpellsBothFormats) {
  EXPECT_EQ(tensor_name(kHuggingFace, TensorRole::kTokenEmbedding),
            "model.embed_tokens.weight");
  EXPECT_EQ(tensor_name(kGguf, TensorRole::kTokenEmbedding),
            "token_embd.weight");
  EXPECT_EQ(tensor_name(kHuggingFace, TensorRole::kFfnNorm, 12),
            "model.layers.12.post_attention_layernorm.weight");
  EXPECT_EQ(tensor_name(kGguf, TensorRole::kFfnNorm, 12),
            "blk.12.ffn_norm.weight");
  EXPECT_EQ(tensor_name(kGguf, TensorRole::kAttentionOutputBias, 0),
            "blk.0.attn_output.bias");
  EXPECT_EQ(tensor_name(kHuggingFace, TensorRole::kRopeFrequencies), "");
}

TEST(TensorNames, FindsEveryRoleByItsName) {
  for (int i = 0; i < kTensorRoleCount; ++i) {
    const auto role = static_cast<TensorRole>(i);
    const int layer = is_per_layer(role) ? 17 : 0;
    for (const auto kind : {kHuggingFace, kGguf}) {
      const std::string name = tensor_name(kind, role, layer);
      if (name.empty()) continue;
      EXPECT_EQ(find_tensor_place(kind, name), (TensorPlace{role, layer}))
          << name;
    }
  }
}

TEST(TensorNames, KnowTheLayerOfAnyTensor) {
  constexpr auto kHuggingFace = Checkpoint::Kind::kHuggingFace;
  EXPECT_EQ(layer_of_tensor(kGguf, "blk.12.attn_rot_embd.weight"), 12);
  EXPECT_EQ(layer_of_tensor(kHuggingFace, "model.layers.3.x"), 3);
  for (const char* name : {"blk.", "blk.1", "blk..x", "blk.01.x", "blk.1x.y",
                           "model.layers.3.x", "output.weight"}) {
    EXPECT_EQ(layer_of_tensor(kGguf, name), std::nullopt) << name;
  }
}

TEST(TensorNames, RefusesWhatItWouldNotWrite) {
  for (const char* name :
       {"", "blk..attn_q.weight", "blk.-1.attn_q.weight",
        "blk.01.attn_q.weight", "blk.x.attn_q.weight", "blk.1x.attn_q.weight",
        "blk.99999999999.attn_q.weight", "blk.1.attn_q.weight2",
        "attn_q.weight", "blk.1.attn_q", "model.norm.weight"}) {
    EXPECT_EQ(find_tensor_place(kGguf, name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace pilotfish
