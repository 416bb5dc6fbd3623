#ifndef PILOTFISH_LAB_NETWORK_H_
#define PILOTFISH_LAB_NETWORK_H_

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// How long ranks wait for each other's results: a model of networks for those
// who plan, and what was measured between ranks that are there.
namespace pilotfish {

inline constexpr int kMostRanks = 64;

// An all-gather, measured. JSON that holds such measurements is
// {"gathers": [{"bytes": 16384, "ranks": 2, "seconds": 5.7e-6}, ...]};
// other keys are passed over.
struct GatherTime {
  double bytes = 0;  // that every rank holds afterwards, of all ranks together
  int ranks = 0;     // 2 to 64
  double seconds = 0;
};

// What an all-gather costs. A value; thread-safe.
class Network {
 public:
  // A gather of B bytes between P ranks takes
  //
  //   latency(P) + B (P - 1) / P / bytes_per_second
  //
  // where each rank either sends to all the others at once, which takes
  // base_seconds + (P - 1) peer_seconds, or doubles what it holds in
  // ceil(log2 P) rounds, each of which takes as long as that between two;
  // latency(P) is the shorter of these.
  struct Fit {
    double base_seconds = 0;
    double peer_seconds = 0;
    double bytes_per_second = 0;
  };

  // "10gbe" (TCP), "25gbe" and "100gbe" (RoCE), "shared" (memory of one
  // machine); nullopt for other names. Their three parameters were fitted, by
  // least squares of the relative errors, to estimates of what passes of
  // Llama-2-70B with int8 activations wait for, over 1 and 5 rows and between
  // 2, 4 and 8 ranks. All six estimates of each network are met within 1.5 %.
  // For more than 8 ranks they are an extrapolation.
  static std::optional<Network> find(std::string_view name);
  static std::vector<std::string> names();

  // Straight lines between measurements: in bytes for each number of ranks,
  // then in ranks. A gather smaller than the smallest takes as long as that;
  // beyond the largest the last line goes on, which is kept from falling. Fewer
  // ranks than the fewest measured take as long as those. Throws UsageError for
  // no measurement, numbers out of range and the same measurement twice.
  static Network measured(std::string name,
                          const std::vector<GatherTime>& gathers);
  // `where` names the text in messages and in the plan. Throws UsageError.
  static Network parse(std::string_view json, const std::string& where);
  static Network read(const std::filesystem::path& path);

  static Network fitted(std::string name, const Fit& fit);
  static Network free() { return Network("free", Free{}); }

  const std::string& name() const { return name_; }
  bool is_measured() const { return std::holds_alternative<Measured>(cost_); }
  // The most ranks that it knows the time for.
  int max_ranks() const;
  // 0 for one rank. Requires: ranks <= max_ranks().
  double gather_seconds(double bytes, int ranks) const;

 private:
  struct Free {};
  // By ranks: seconds by bytes.
  using Measured = std::map<int, std::map<double, double>>;
  using Cost = std::variant<Free, Fit, Measured>;
  Network(std::string name, Cost cost)
      : name_(std::move(name)), cost_(std::move(cost)) {}

  std::string name_;
  Cost cost_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_NETWORK_H_
