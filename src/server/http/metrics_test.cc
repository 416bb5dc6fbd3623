#include "server/http/metrics.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pilotfish::server {
namespace {

// The value of a line such as `name{labels} 3`. -1: there is none.
double value_of(const std::string& text, const std::string& series) {
  const std::size_t found = text.find("\n" + series + " ");
  if (found == std::string::npos) return -1;
  return std::stod(text.substr(found + series.size() + 2));
}

const std::vector<std::string> kDrafters = {"suffix", "model"};

FinishedRequest one_text() {
  FinishedRequest request;
  request.finish_reason = FinishReason::kMaxTokens;
  request.e2e_seconds = 2;
  request.stats.prompt_tokens = 100;
  request.stats.reused_tokens = 64;
  request.stats.generated_tokens = 11;
  request.stats.preemptions = 1;
  request.stats.ttft_seconds = 0.5;
  request.stats.decode_seconds = 1;
  // Windows of 1, 1, 3, 3 and 4: two drafted for places 0 and 1, one for 2 too.
  IterationSummary& summary = request.stats.summary;
  summary.passes = 5;
  summary.plain_passes = 2;
  summary.tokens = 10;
  summary.drafted = 7;
  summary.accepted = 5;
  summary.offered_at = {3, 3, 1};
  summary.accepted_at = {3, 2, 0};
  summary.by_drafter = {{1, 2, 2, {1, 1}}, {2, 5, 3, {2, 1, 0}}};
  return request;
}

TEST(Metrics, CountTexts) {
  Metrics metrics;
  metrics.begin("m", 1000, kDrafters);
  metrics.note(one_text());
  metrics.note(one_text());
  FinishedRequest failed;
  failed.end = TicketEnd::kFailed;
  metrics.note(failed);
  const std::string text = metrics.text();
  const auto vllm = [&](const std::string& name, std::string labels = "") {
    if (!labels.empty()) labels = "," + labels;
    return value_of(text, "vllm:" + name + "{model_name=\"m\"" + labels + "}");
  };
  EXPECT_EQ(vllm("prompt_tokens_total"), 200);
  EXPECT_EQ(vllm("prefix_cache_queries_total"), 200);
  EXPECT_EQ(vllm("prefix_cache_hits_total"), 128);
  EXPECT_EQ(vllm("num_preemptions_total"), 2);
  EXPECT_EQ(vllm("request_success_total", "finished_reason=\"length\""), 2);
  EXPECT_EQ(vllm("request_success_total", "finished_reason=\"error\""), 1);
  EXPECT_EQ(vllm("time_to_first_token_seconds_sum"), 1);
  EXPECT_EQ(vllm("time_to_first_token_seconds_count"), 2);
  EXPECT_DOUBLE_EQ(vllm("time_per_output_token_seconds_sum"), 0.2);
  EXPECT_EQ(vllm("e2e_request_latency_seconds_count"), 3);
  EXPECT_EQ(vllm("spec_decode_num_drafts_total"), 6);
  EXPECT_EQ(vllm("spec_decode_num_draft_tokens_total"), 14);
  EXPECT_EQ(vllm("spec_decode_num_accepted_tokens_total"), 10);
  const std::string by_place = "spec_decode_num_accepted_tokens_per_pos_total";
  EXPECT_EQ(vllm(by_place, "position=\"0\""), 6);
  EXPECT_EQ(vllm(by_place, "position=\"1\""), 4);
  EXPECT_EQ(vllm(by_place, "position=\"2\""), 0);
  EXPECT_EQ(value_of(text, "llamacpp:prompt_tokens_total"), 72);
  EXPECT_EQ(value_of(text, "llamacpp:tokens_predicted_seconds_total"), 2);
}

TEST(Metrics, CountDraftsByDrafter) {
  Metrics metrics;
  metrics.begin("m", 1000, kDrafters);
  const auto of = [&](const std::string& name, const std::string& drafter,
                      const std::string& rest = "") {
    return value_of(metrics.text(), "pilotfish_spec_decode_num_" + name +
                                        "_total{model_name=\"m\",drafter=\"" +
                                        drafter + "\"" + rest + "}");
  };
  EXPECT_EQ(of("drafts", "suffix"), 0);
  metrics.note(one_text());
  metrics.note(one_text());
  EXPECT_EQ(of("drafts", "suffix"), 2);
  EXPECT_EQ(of("drafts", "model"), 4);
  EXPECT_EQ(of("draft_tokens", "suffix"), 4);
  EXPECT_EQ(of("draft_tokens", "model"), 10);
  EXPECT_EQ(of("accepted_tokens", "suffix"), 4);
  EXPECT_EQ(of("accepted_tokens", "model"), 6);
  EXPECT_EQ(of("accepted_tokens_per_pos", "model", ",position=\"1\""), 2);
}

TEST(Metrics, CountWindowsExactly) {
  Metrics metrics;
  metrics.begin("m", 1000, kDrafters);
  metrics.note(one_text());
  const std::string text = metrics.text();
  const auto up_to = [&](const std::string& window) {
    return value_of(text, "pilotfish_window_bucket{model_name=\"m\",le=\"" +
                              window + "\"}");
  };
  EXPECT_EQ(up_to("1"), 2);
  EXPECT_EQ(up_to("2"), 2);
  EXPECT_EQ(up_to("3"), 4);
  EXPECT_EQ(up_to("4"), 5);
  EXPECT_EQ(up_to("+Inf"), 5);
  // Rows of decoding: those of the windows.
  EXPECT_EQ(value_of(text, "pilotfish_window_sum{model_name=\"m\"}"), 12);
  EXPECT_EQ(value_of(text, "pilotfish_rows_total{model_name=\"m\"}"), 36 + 12);
}

TEST(Metrics, TellWhatTheServiceDoes) {
  Metrics metrics;
  metrics.begin("m", 1000, kDrafters);
  ServiceStatus status;
  status.engine = {.running = 2,
                   .waiting = 3,
                   .running_tokens = 250,
                   .kept_tokens = 40,
                   .generated_tokens = 7};
  status.passes = 9;
  metrics.note(status);
  status.passes = 12;
  metrics.note(status);
  const std::string text = metrics.text();
  const auto vllm = [&](const std::string& name) {
    return value_of(text, "vllm:" + name + "{model_name=\"m\"}");
  };
  EXPECT_EQ(vllm("num_requests_running"), 2);
  EXPECT_EQ(vllm("num_requests_waiting"), 3);
  EXPECT_EQ(vllm("num_requests_swapped"), 0);
  EXPECT_EQ(vllm("kv_cache_usage_perc"), 0.25);
  EXPECT_EQ(vllm("generation_tokens_total"), 7);
  EXPECT_EQ(value_of(text, "llamacpp:requests_processing"), 2);
  EXPECT_EQ(value_of(text, "llamacpp:requests_deferred"), 3);
  EXPECT_EQ(value_of(text, "llamacpp:n_decode_total"), 12);
  EXPECT_EQ(value_of(text, "llamacpp:tokens_predicted_total"), 7);
}

TEST(Metrics, CountRequestsFromTheStart) {
  Metrics metrics;
  ExchangeRecord record;
  record.status = 200;
  record.body_bytes = 5;
  record.answer_bytes = 70;
  metrics.note(record);
  metrics.note(record);
  record.end = ExchangeEnd::kGone;
  metrics.note(record);
  metrics.note_connections(7);
  const std::string text = metrics.text();
  EXPECT_EQ(value_of(text, "pilotfish_http_connections"), 7);
  EXPECT_EQ(value_of(text, "pilotfish_http_received_bytes_total"), 15);
  const auto requests = [&](const std::string& end) {
    const double one = value_of(text, "pilotfish_http_requests_total{end=\"" +
                                          end + "\",status=\"200\"}");
    return one >= 0 ? one
                    : value_of(text,
                               "pilotfish_http_requests_total{status="
                               "\"200\",end=\"" +
                                   end + "\"}");
  };
  EXPECT_EQ(requests("sent"), 2);
  EXPECT_EQ(requests("gone"), 1);
  EXPECT_EQ(text.find("vllm:"), std::string::npos);
}

}  // namespace
}  // namespace pilotfish::server
