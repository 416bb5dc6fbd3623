#include "pilotfish/lab/planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "pilotfish/error.h"
#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using ::testing::HasSubstr;

PlanRequest seventy_and_seven() {
  PlanRequest request;
  request.target = "llama-2-70b";
  request.draft = "llama-2-7b";
  return request;
}

TEST(Planner, TakesShapesThroughTheRoofline) {
  PlanRequest request = seventy_and_seven();
  request.machine = {.bytes_per_second = 2e12, .flops_per_second = 5e13};
  request.sequences = 3;
  request.context = 1000;
  const Plan plan = make_plan(request);
  EXPECT_EQ(plan.speed_source, SpeedSource::kRoofline);
  EXPECT_EQ(plan.verify_source, VerifySource::kRoofline);
  EXPECT_EQ(plan.threads, 0);  // nothing was measured
  EXPECT_FALSE(plan.memory_bytes);
  EXPECT_FALSE(plan.vocabularies_differ);
  EXPECT_EQ(plan.workload.n_positions, 4096);
  EXPECT_EQ(plan.target.model.weight_bytes, 137953296384);
  ASSERT_TRUE(plan.target.roofline && plan.draft->roofline);
  const PassTime time =
      pass_time(plan.target.model, plan.workload, *request.machine, 1);
  EXPECT_EQ(plan.target.pass_seconds, time.seconds());
  EXPECT_DOUBLE_EQ(plan.tokens_per_second(2), 3 * 2 / time.seconds());
  EXPECT_EQ(plan.memory_needed(),
            plan.target.memory.total() + plan.draft->memory.total());
  const SpeculationCosts costs =
      roofline_costs(plan.target.model, plan.draft->model, plan.workload,
                     *request.machine, 16);
  EXPECT_EQ(plan.costs.draft, costs.draft);
  EXPECT_EQ(plan.costs.verify, costs.verify);
  EXPECT_GT(plan.costs.verify.back(), 1);
}

TEST(Planner, ArithmeticIsFreeWhereNothingSaysWhatItCosts) {
  PlanRequest request = seventy_and_seven();
  request.machine = {.bytes_per_second = 2e12};
  request.max_window = 3;
  const Plan plan = make_plan(request);
  EXPECT_EQ(plan.verify_source, VerifySource::kFree);
  EXPECT_EQ(plan.costs.verify, std::vector<double>({1, 1, 1}));
}

TEST(Planner, GivenSecondsReplaceTheRooflinesAndKeepItsVerification) {
  PlanRequest request = seventy_and_seven();
  request.pass_seconds = {0.0206, 0.0037};
  const Plan alone = make_plan(request);
  EXPECT_EQ(alone.speed_source, SpeedSource::kGiven);
  EXPECT_EQ(alone.verify_source, VerifySource::kFree);
  EXPECT_DOUBLE_EQ(alone.costs.draft, 3.7 / 20.6);
  EXPECT_EQ(alone.costs.verify, std::vector<double>(16, 1));
  EXPECT_FALSE(alone.target.roofline);
  EXPECT_EQ(alone.target.pass_seconds, 0.0206);
  EXPECT_EQ(alone.draft->pass_seconds, 0.0037);

  request.machine = {.bytes_per_second = 2e12, .flops_per_second = 1e13};
  const Plan both = make_plan(request);
  EXPECT_EQ(both.speed_source, SpeedSource::kGiven);
  EXPECT_EQ(both.verify_source, VerifySource::kRoofline);
  EXPECT_DOUBLE_EQ(both.costs.draft, 3.7 / 20.6);
  EXPECT_GT(both.costs.verify.back(), 1);
  EXPECT_FALSE(both.target.roofline);
}

TEST(Planner, GivenVerificationGoesBeforeAnyOther) {
  PlanRequest request = seventy_and_seven();
  request.machine = {.bytes_per_second = 2e12, .flops_per_second = 1e13};
  request.verify = {{2, 1.2}, {4, 1.6}};
  request.max_window = 5;
  const Plan plan = make_plan(request);
  EXPECT_EQ(plan.verify_source, VerifySource::kGiven);
  ASSERT_EQ(plan.costs.verify.size(), 5u);
  EXPECT_DOUBLE_EQ(plan.costs.verify[2], 1.4);
  EXPECT_DOUBLE_EQ(plan.costs.verify[4], 1.8);
}

TEST(Planner, DefaultsFollowTheModels) {
  PlanRequest request;
  request.target = "llama-2-7b";
  request.draft = "llama-68m";  // made for 2048 positions
  request.machine = {.bytes_per_second = 1e11};
  request.dtype = DType::kQ8_0;
  Plan plan = make_plan(request);
  EXPECT_EQ(plan.workload.n_positions, 2048);
  EXPECT_EQ(plan.workload.context, 1024);
  EXPECT_EQ(plan.draft->model.dtype, DType::kQ8_0);
  EXPECT_EQ(plan.acceptance, 0.8);
  EXPECT_FALSE(plan.acceptance_given);
  EXPECT_FALSE(plan.memory_given);

  request.draft_dtype = DType::kF16;
  request.acceptance = 0.7;
  request.memory_bytes = 1000;
  request.hourly_price = 2.5;
  plan = make_plan(request);
  EXPECT_EQ(plan.target.model.dtype, DType::kQ8_0);
  EXPECT_EQ(plan.draft->model.dtype, DType::kF16);
  EXPECT_EQ(plan.acceptance, 0.7);
  EXPECT_TRUE(plan.acceptance_given);
  EXPECT_TRUE(plan.memory_given);
  EXPECT_EQ(plan.memory_bytes, 1000);
  EXPECT_EQ(plan.hourly_price, 2.5);
}

TEST(Planner, SocketsShareAPass) {
  PlanRequest request = seventy_and_seven();
  request.machine = {.bytes_per_second = 1e12};
  const Plan one = make_plan(request);
  request.sockets = 2;
  const Plan two = make_plan(request);
  EXPECT_EQ(two.sockets, 2);
  EXPECT_DOUBLE_EQ(two.target.pass_seconds * 1.96, one.target.pass_seconds);
  EXPECT_DOUBLE_EQ(two.draft->pass_seconds * 1.96, one.draft->pass_seconds);
}

TEST(Planner, TakesShapesInQ4KM) {
  PlanRequest request = seventy_and_seven();
  request.machine = {.bytes_per_second = 1e12};
  request.q4_k_m = true;
  Plan plan = make_plan(request);
  EXPECT_TRUE(plan.target.model.q4_k_m);
  EXPECT_TRUE(plan.draft->model.q4_k_m);
  request.draft_dtype = DType::kQ8_0;
  plan = make_plan(request);
  EXPECT_FALSE(plan.draft->model.q4_k_m);
  EXPECT_EQ(plan.draft->model.dtype, DType::kQ8_0);
}

TEST(Planner, NoticesVocabulariesOfTwoTokenizers) {
  PlanRequest request;
  request.target = "qwen2.5-7b";
  request.machine = {.bytes_per_second = 1e11};
  request.draft = "qwen2.5-0.5b";  // padded differently
  EXPECT_FALSE(make_plan(request).vocabularies_differ);
  request.draft = "llama-68m";
  EXPECT_TRUE(make_plan(request).vocabularies_differ);
}

// What the planner loaded to measure passes: "target", "draft".
struct Loads {
  std::vector<std::string> roles;
  std::vector<std::optional<DType>> dtypes;

  void listen(PlanRequest& request) {
    request.load = [this](const std::string& path, std::string_view role,
                          const LoadOptions& options) {
      roles.emplace_back(role);
      dtypes.push_back(options.dtype);
      return Model::load(path, options);
    };
  }
};

class PlannerOnFiles : public ::testing::Test {
 protected:
  PlannerOnFiles() {
    request_.target = (folder_.path() / "target").string();
    request_.sequences = 2;
    request_.max_window = 3;
    request_.threads = 1;
    test::write_random_model(request_.target, {});
    loads_.listen(request_);
  }

  test::TemporaryFolder folder_;
  Loads loads_;
  PlanRequest request_;
};

TEST_F(PlannerOnFiles, MeasuresPassesOfBothModels) {
  request_.draft = request_.target;
  request_.draft_dtype = DType::kBF16;
  const Plan plan = make_plan(request_);
  EXPECT_EQ(loads_.roles, std::vector<std::string>({"target", "draft"}));
  EXPECT_EQ(loads_.dtypes,
            (std::vector<std::optional<DType>>{std::nullopt, DType::kBF16}));
  EXPECT_EQ(plan.speed_source, SpeedSource::kMeasuredPasses);
  EXPECT_EQ(plan.verify_source, VerifySource::kMeasured);
  EXPECT_EQ(plan.threads, 1);
  EXPECT_EQ(plan.target.model.dtype, DType::kF32);
  EXPECT_EQ(plan.workload.n_positions, 512);
  EXPECT_TRUE(plan.memory_bytes);
  EXPECT_FALSE(plan.memory_given);
  EXPECT_GT(plan.target.pass_seconds, 0);
  EXPECT_DOUBLE_EQ(plan.costs.draft,
                   plan.draft->pass_seconds / plan.target.pass_seconds);
  EXPECT_EQ(plan.costs.verify.size(), 3u);
}

TEST_F(PlannerOnFiles, StreamsAMatrixWhereThereIsNothingToLoad) {
  request_.dtype = DType::kQ4_K;  // which loading does not convert to
  const Plan of_type = make_plan(request_);
  EXPECT_EQ(of_type.speed_source, SpeedSource::kMeasuredMatrix);
  EXPECT_TRUE(loads_.roles.empty());
  EXPECT_GT(of_type.machine.bytes_per_second, 0);
  EXPECT_GT(of_type.read_bytes_per_second, 0);
  EXPECT_FALSE(of_type.target.roofline);

  request_.dtype.reset();
  request_.draft = "llama-68m";  // a shape
  const Plan of_shape = make_plan(request_);
  EXPECT_EQ(of_shape.speed_source, SpeedSource::kMeasuredMatrix);
  EXPECT_EQ(of_shape.verify_source, VerifySource::kMeasured);
  EXPECT_TRUE(loads_.roles.empty());
  EXPECT_EQ(of_shape.costs.verify.size(), 3u);
}

TEST(Planner, RefusesWhatIsOutOfRangeInOneLine) {
  const auto message = [](auto change) -> std::string {
    PlanRequest request = seventy_and_seven();
    request.machine = {.bytes_per_second = 1e12};
    change(request);
    try {
      make_plan(request);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "accepted";
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  using R = PlanRequest;
  EXPECT_THAT(message([](R& r) { r.target.clear(); }), HasSubstr("target: "));
  EXPECT_THAT(message([](R& r) { r.target = "llama-9"; }),
              HasSubstr("target: \"llama-9\" is neither"));
  EXPECT_THAT(message([](R& r) { r.draft = "llama-9"; }),
              HasSubstr("draft: \"llama-9\" is neither"));
  EXPECT_THAT(message([](R& r) { r.memory_bytes = 0; }),
              HasSubstr("memory_bytes: found 0"));
  EXPECT_THAT(message([](R& r) { r.machine->bytes_per_second = kInfinity; }),
              HasSubstr("bytes_per_second: found inf"));
  EXPECT_THAT(message([](R& r) { r.machine->flops_per_second = -1; }),
              HasSubstr("flops_per_second: found -1"));
  EXPECT_THAT(message([](R& r) {
                r.pass_seconds = {0, 1};
              }),
              HasSubstr("pass_seconds, target: found 0"));
  EXPECT_THAT(message([](R& r) {
                r.pass_seconds = {1, 0};
              }),
              HasSubstr("pass_seconds, draft: found 0"));
  EXPECT_THAT(message([](R& r) {
                r.verify = {{1, 1}};
              }),
              HasSubstr("verify: found 1, expected a window from 2"));
  EXPECT_THAT(message([](R& r) {
                r.verify = {{2, 0}};
              }),
              HasSubstr("verify: found 0"));
  EXPECT_THAT(message([](R& r) { r.sockets = 0; }),
              HasSubstr("sockets: found 0, expected 1 to 8"));
  EXPECT_THAT(message([](R& r) {
                r.sockets = 2;
                r.machine.reset();
              }),
              HasSubstr("sockets: more than one needs"));
  EXPECT_THAT(message([](R& r) { r.acceptance = 1.5; }),
              HasSubstr("acceptance: found 1.5"));
  EXPECT_THAT(message([](R& r) { r.max_window = 65; }),
              HasSubstr("max_window: found 65, expected 1 to 64"));
  EXPECT_THAT(message([](R& r) { r.hourly_price = -1; }),
              HasSubstr("hourly_price: found -1"));
  EXPECT_THAT(message([](R& r) { r.n_positions = -5; }),
              HasSubstr("n_positions"));
  EXPECT_THAT(message([](R& r) { r.context = 5000; }),
              HasSubstr("context: found 5000, expected 0 to n_positions"));
}

}  // namespace
}  // namespace pilotfish
