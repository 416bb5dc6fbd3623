#include "model/tensor_shapes.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "model/config.h"
#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

Shapes shapes_in(const Checkpoint& checkpoint) {
  Shapes shapes;
  for (const TensorView& tensor : checkpoint.tensors()) {
    shapes[tensor.name] = tensor.shape;
  }
  return shapes;
}

Shapes shapes_of(const ModelConfig& config, Checkpoint::Kind kind) {
  Shapes shapes;
  for (const TensorShape& shape : tensor_shapes(config)) {
    shapes[tensor_name(kind, shape.role, shape.layer)] = shape.extents();
    EXPECT_EQ(tensor_shape(config, shape.role, shape.layer)->extents(),
              shape.extents());
  }
  return shapes;
}

// Models with and without each optional tensor; no two of their extents that
// could be taken for each other are equal.
std::vector<test::RandomModelOptions> models() {
  const test::RandomModelOptions plain = {.vocab_size = 101,
                                          .hidden_size = 44,
                                          .intermediate_size = 75,
                                          .n_layers = 3,
                                          .n_heads = 6,
                                          .n_kv_heads = 2,
                                          .head_dim = 10};
  std::vector<test::RandomModelOptions> models(5, plain);
  models[1].tied_embeddings = true;
  models[2].attention_bias = models[2].mlp_bias = true;
  models[3].architecture = "qwen2";
  models[4].architecture = "qwen3";
  return models;
}

TEST(TensorShapes, AreThoseOfTheFiles) {
  const test::TemporaryFolder folder;
  for (const auto& options : models()) {
    test::write_random_model(folder.path() / "model", options);
    const auto checkpoint = Checkpoint::open(folder.path() / "model");
    const ModelConfig config = read_config(*checkpoint);
    const Shapes shapes = shapes_in(*checkpoint);
    EXPECT_EQ(shapes_of(config, checkpoint->kind()), shapes)
        << options.architecture;
    std::int64_t elements = 0;
    for (const TensorView& tensor : checkpoint->tensors()) {
      elements += tensor.elements();
    }
    EXPECT_EQ(config.parameters(), elements) << options.architecture;
  }
}

TEST(TensorShapes, TellMatricesFromVectors) {
  ModelConfig config;
  config.vocab_size = 1;  // a matrix of one row is a matrix still
  config.hidden_size = 8;
  config.set_layers(1, {});
  EXPECT_TRUE(tensor_shape(config, TensorRole::kOutput)->is_matrix());
  EXPECT_FALSE(tensor_shape(config, TensorRole::kOutputNorm)->is_matrix());
  EXPECT_FALSE(tensor_shape(config, TensorRole::kRopeFrequencies));
  EXPECT_FALSE(tensor_shape(config, TensorRole::kQueryBias));
}

TEST(TensorShapes, FollowEachLayer) {
  ModelConfig config;
  config.hidden_size = 8;
  LayerConfig layer;
  layer.attention.n_heads = 4;
  layer.attention.n_kv_heads = 2;
  layer.attention.head_dim = 6;
  layer.ffn = DenseFfn{.intermediate_size = 20};
  config.set_layers(2, layer);
  config.layers[1].attention.n_heads = 2;
  config.layers[1].ffn = DenseFfn{.intermediate_size = 30, .bias = true};
  using enum TensorRole;
  const auto extents = [&](TensorRole role, int of) {
    return tensor_shape(config, role, of)->extents();
  };
  EXPECT_EQ(extents(kQuery, 0), (std::vector<std::int64_t>{24, 8}));
  EXPECT_EQ(extents(kQuery, 1), (std::vector<std::int64_t>{12, 8}));
  EXPECT_EQ(extents(kFfnDown, 1), (std::vector<std::int64_t>{8, 30}));
  EXPECT_EQ(extents(kFfnUpBias, 1), (std::vector<std::int64_t>{30}));
  EXPECT_FALSE(tensor_shape(config, kFfnUpBias, 0));
}

}  // namespace
}  // namespace pilotfish
