#include "server/http/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <optional>
#include <span>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace pilotfish::server {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Labels;
using prometheus::Registry;
using Buckets = Histogram::BucketBoundaries;

// vLLM's.
const Buckets kTtftSeconds = {.001, .005, .01, .02, .04, .06, .08, .1,
                              .25,  .5,   .75, 1,   2.5, 5,   7.5, 10,
                              20,   40,   80,  160, 640, 2560};
const Buckets kTokenSeconds = {.001, .0025, .005, .01, .025, .05, .075, .1, .15,
                               .2,   .3,    .4,   .5,  .75,  1,   2.5,  5,  10};
const Buckets kRequestSeconds = {.05, .1,  .3,  .5,  .8,  1,   1.5, 2,
                                 2.5, 5,   10,  15,  20,  30,  40,  50,
                                 60,  120, 240, 480, 960, 1920};
// A window's size, exactly; larger ones stand together.
const Buckets kWindows = {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32};

// Metrics of one prefix and set of labels.
class Maker {
 public:
  Maker(Registry& registry, std::string prefix, Labels labels)
      : registry_(registry),
        prefix_(std::move(prefix)),
        labels_(std::move(labels)) {}

  Counter& counter(std::string_view name, const char* help) const {
    return counters(name, help).Add({});
  }
  Gauge& gauge(std::string_view name, const char* help) const {
    return prometheus::BuildGauge()
        .Name(prefix_ + std::string(name))
        .Help(help)
        .Labels(labels_)
        .Register(registry_)
        .Add({});
  }
  Histogram& histogram(std::string_view name, const Buckets& buckets,
                       const char* help) const {
    return prometheus::BuildHistogram()
        .Name(prefix_ + std::string(name))
        .Help(help)
        .Labels(labels_)
        .Register(registry_)
        .Add({}, buckets);
  }
  // One for each set of further labels.
  Family<Counter>& counters(std::string_view name,
                            const std::string& help) const {
    return prometheus::BuildCounter()
        .Name(prefix_ + std::string(name))
        .Help(help)
        .Labels(labels_)
        .Register(registry_);
  }

 private:
  Registry& registry_;
  std::string prefix_;
  Labels labels_;
};

double number(std::int64_t value) { return static_cast<double>(value); }

// Brings a counter to what something else has counted.
void catch_up(Counter& counter, double value) {
  counter.Increment(std::max(0.0, value - counter.Value()));
}

// vLLM's words for how a text ended.
std::string reason_of(const FinishedRequest& request) {
  if (request.end == TicketEnd::kFailed) return "error";
  if (request.end == TicketEnd::kTimedOut) return "length";
  if (request.end != TicketEnd::kFinished) return "abort";
  switch (request.finish_reason.value_or(FinishReason::kStopToken)) {
    case FinishReason::kMaxTokens:
    case FinishReason::kNPositions:
      return "length";
    case FinishReason::kCancelled:
      return "abort";
    case FinishReason::kStopToken:
    case FinishReason::kStopString:
      break;
  }
  return "stop";
}

// Adds how many iterations had which window, as the summary tells it: of a
// window of k, k - 1 places were drafted for.
void observe_windows(Histogram& histogram, const IterationSummary& summary) {
  std::vector<double> counts(kWindows.size() + 1);
  double sum = 0;
  const auto add = [&](double window, double passes) {
    const auto bucket = std::ranges::lower_bound(kWindows, window);
    counts[static_cast<std::size_t>(bucket - kWindows.begin())] += passes;
    sum += window * passes;
  };
  add(1, number(summary.plain_passes));
  const auto& offered = summary.offered_at;
  for (std::size_t i = 0; i < offered.size(); ++i) {
    const std::int64_t more = i + 1 < offered.size() ? offered[i + 1] : 0;
    add(static_cast<double>(i) + 2, number(offered[i] - more));
  }
  histogram.ObserveMultiple(counts, sum);
}

// How drafts went.
class DraftCounters {
 public:
  // `by` ends what the help says.
  DraftCounters(const Maker& make, const std::string& by)
      : drafts_(make.counters("spec_decode_num_drafts_total",
                              "Iterations that drafted" + by)),
        drafted_(make.counters("spec_decode_num_draft_tokens_total",
                               "Tokens drafted" + by)),
        accepted_(
            make.counters("spec_decode_num_accepted_tokens_total",
                          "Drafted tokens that the target accepted" + by)),
        accepted_per_pos_(make.counters(
            "spec_decode_num_accepted_tokens_per_pos_total",
            "Drafted tokens that the target accepted, by place in the window "
            "from 0" +
                by)) {}

  void note(const IterationSummary::Drafted& counts, Labels labels) {
    drafts_.Add(labels).Increment(number(counts.passes));
    drafted_.Add(labels).Increment(number(counts.drafted));
    accepted_.Add(labels).Increment(number(counts.accepted));
    for (std::size_t i = 0; i < counts.accepted_at.size(); ++i) {
      labels["position"] = std::to_string(i);
      accepted_per_pos_.Add(labels).Increment(number(counts.accepted_at[i]));
    }
  }

 private:
  Family<Counter>& drafts_;
  Family<Counter>& drafted_;
  Family<Counter>& accepted_;
  Family<Counter>& accepted_per_pos_;
};

}  // namespace

struct Metrics::Http {
  explicit Http(Registry& registry) : make(registry, "pilotfish_", {}) {}

  Maker make;
  Family<Counter>& requests = make.counters(
      "http_requests_total", "HTTP requests, by how they were answered");
  Counter& received = make.counter("http_received_bytes_total",
                                   "Bytes of the bodies of HTTP requests");
  Counter& sent = make.counter("http_sent_bytes_total",
                               "Bytes of HTTP answers, headers included");
  Gauge& connections =
      make.gauge("http_connections", "Connections that are open");
};

struct Metrics::Texts {
  Texts(Registry& registry, const std::string& model, std::int64_t kv_tokens,
        std::span<const std::string> names)
      : vllm(registry, "vllm:", {{"model_name", model}}),
        llama(registry, "llamacpp:", {}),
        ours(registry, "pilotfish_", {{"model_name", model}}),
        kv_capacity(number(kv_tokens)),
        drafters(names.begin(), names.end()) {
    all_drafts.note({}, {});  // so that they are there from the start
    for (const std::string& drafter : names) {
      drafts_by_drafter.note({}, {{"drafter", drafter}});
    }
  }

  Maker vllm;
  Maker llama;
  Maker ours;
  double kv_capacity;
  std::vector<std::string> drafters;  // their names

  // What the service does now.
  Gauge& running = vllm.gauge("num_requests_running", "Texts being generated");
  Gauge& waiting =
      vllm.gauge("num_requests_waiting", "Texts that wait for a place");
  Gauge& swapped = vllm.gauge(
      "num_requests_swapped",
      "Always 0: what there is no memory for waits, and is computed again");
  Gauge& kv_use = vllm.gauge(
      "kv_cache_usage_perc",
      "Share of the KV cache that running texts hold; 1 is all of it");
  Gauge& processing =
      llama.gauge("requests_processing", "Texts being generated");
  Gauge& deferred =
      llama.gauge("requests_deferred", "Texts that wait for a place");
  Gauge& kv_ratio = llama.gauge(
      "kv_cache_usage_ratio",
      "Share of the KV cache that running texts hold; 1 is all of it");
  Gauge& kv_held =
      llama.gauge("kv_cache_tokens", "Tokens that running texts hold in it");
  Counter& decodes = llama.counter("n_decode_total", "Passes of the engine");
  Gauge& kept = ours.gauge(
      "prefix_cache_tokens",
      "Tokens of finished texts that the KV cache keeps for other prompts");
  Counter& failed_passes =
      ours.counter("failed_passes_total", "Passes that failed as a whole");

  // What has been generated.
  Counter& prompts =
      vllm.counter("prompt_tokens_total", "Tokens of prompts, cached included");
  Counter& generated =
      vllm.counter("generation_tokens_total", "Tokens generated");
  Counter& prefix_queries =
      vllm.counter("prefix_cache_queries_total",
                   "Tokens of prompts looked for in the cache");
  Counter& prefix_hits = vllm.counter("prefix_cache_hits_total",
                                      "Tokens of prompts found in the cache");
  Counter& preemptions = vllm.counter(
      "num_preemptions_total", "Times a text was put back for want of memory");
  Family<Counter>& ends =
      vllm.counters("request_success_total", "Texts, by how they ended");
  Histogram& ttft =
      vllm.histogram("time_to_first_token_seconds", kTtftSeconds,
                     "From a text's submission to its first token");
  Histogram& per_token =
      vllm.histogram("time_per_output_token_seconds", kTokenSeconds,
                     "Of a text, for each token but the "
                     "first iteration's");
  Histogram& e2e =
      vllm.histogram("e2e_request_latency_seconds", kRequestSeconds,
                     "From a text's submission to its end");
  Counter& llama_prompts = llama.counter("prompt_tokens_total",
                                         "Tokens of prompts that were encoded");
  Counter& llama_prompt_seconds = llama.counter(
      "prompt_seconds_total", "Seconds until first tokens, waiting included");
  Counter& predicted =
      llama.counter("tokens_predicted_total", "Tokens generated");
  Counter& predicted_seconds = llama.counter("tokens_predicted_seconds_total",
                                             "Seconds texts were decoded for");

  // How speculation went. vLLM's names have one sum; a second label there would
  // count everything twice in its dashboards.
  DraftCounters all_drafts{vllm, ""};
  DraftCounters drafts_by_drafter{ours, ", by drafter"};
  Histogram& windows = ours.histogram(
      "window", kWindows,
      "Windows k of finished texts' iterations; 1 is plain decoding");
  Counter& rows = ours.counter(
      "rows_total",
      "Rows that the target computed for finished texts, prompts included; "
      "over passes: rows a pass");
};

struct Metrics::Shared {
  Registry registry;
  Http http{registry};
  std::optional<Texts> texts = std::nullopt;
};

Metrics::Metrics() : shared_(std::make_unique<Shared>()) {}

Metrics::~Metrics() = default;

void Metrics::begin(const std::string& model, std::int64_t kv_tokens,
                    std::span<const std::string> drafters) {
  shared_->texts.emplace(shared_->registry, model, kv_tokens, drafters);
}

void Metrics::note(const FinishedRequest& request) {
  Texts& texts = *shared_->texts;
  texts.ends.Add({{"finished_reason", reason_of(request)}}).Increment();
  texts.e2e.Observe(request.e2e_seconds);
  if (!request.finish_reason) return;  // nothing more is known

  const GenerationStats& stats = request.stats;
  const double encoded = number(stats.prompt_tokens - stats.reused_tokens);
  texts.prompts.Increment(number(stats.prompt_tokens));
  texts.prefix_queries.Increment(number(stats.prompt_tokens));
  texts.prefix_hits.Increment(number(stats.reused_tokens));
  texts.preemptions.Increment(number(stats.preemptions));
  texts.llama_prompts.Increment(encoded);
  if (stats.generated_tokens == 0) return;
  texts.predicted_seconds.Increment(stats.decode_seconds);
  texts.llama_prompt_seconds.Increment(stats.ttft_seconds);
  texts.ttft.Observe(stats.ttft_seconds);
  if (stats.summary.tokens > 0) {
    texts.per_token.Observe(request.seconds_per_token());
  }

  const IterationSummary& summary = stats.summary;
  texts.all_drafts.note({summary.passes - summary.plain_passes, summary.drafted,
                         summary.accepted, summary.accepted_at},
                        {});
  for (std::size_t i = 0; i < summary.by_drafter.size(); ++i) {
    texts.drafts_by_drafter.note(summary.by_drafter[i],
                                 {{"drafter", texts.drafters[i]}});
  }
  texts.rows.Increment(encoded + number(summary.passes + summary.drafted));
  observe_windows(texts.windows, summary);
}

void Metrics::note(const ServiceStatus& status) {
  Texts& texts = *shared_->texts;
  const EngineStatus& engine = status.engine;
  texts.running.Set(number(engine.running));
  texts.processing.Set(number(engine.running));
  texts.waiting.Set(number(engine.waiting));
  texts.deferred.Set(number(engine.waiting));
  const double use = texts.kv_capacity > 0
                         ? number(engine.running_tokens) / texts.kv_capacity
                         : 0;
  texts.kv_use.Set(use);
  texts.kv_ratio.Set(use);
  texts.kv_held.Set(number(engine.running_tokens));
  texts.kept.Set(number(engine.kept_tokens));
  catch_up(texts.generated, number(engine.generated_tokens));
  catch_up(texts.predicted, number(engine.generated_tokens));
  catch_up(texts.decodes, number(status.passes));
  catch_up(texts.failed_passes, number(status.failed_passes));
}

// Paths are not among the labels: clients choose them.
void Metrics::note(const ExchangeRecord& record) {
  Http& http = shared_->http;
  const auto name = [&] {
    switch (record.end) {
      case ExchangeEnd::kSent:
        return "sent";
      case ExchangeEnd::kGone:
        return "gone";
      case ExchangeEnd::kTooSlow:
        return "too_slow";
      case ExchangeEnd::kBroken:
        return "broken";
    }
    return "";
  }();
  http.requests.Add({{"status", std::to_string(record.status)}, {"end", name}})
      .Increment();
  http.received.Increment(static_cast<double>(record.body_bytes));
  http.sent.Increment(static_cast<double>(record.answer_bytes));
}

void Metrics::note_connections(std::size_t open) {
  shared_->http.connections.Set(static_cast<double>(open));
}

std::string Metrics::text() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, shared_->registry.Collect());
  return out.str();
}

}  // namespace pilotfish::server
