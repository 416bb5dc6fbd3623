#include "pilotfish/lab/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "formats/json.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

struct NamedNetwork {
  std::string_view name;
  Network::Fit fit;
};
constexpr NamedNetwork kNetworks[] = {
    {"10gbe", {20.1e-6, 8.96e-6, 1.169e9}},
    {"25gbe", {3.42e-6, 1.527e-6, 3.08e9}},
    {"100gbe", {2.05e-6, 0.911e-6, 12.33e9}},
    {"shared", {1.082e-6, 0.428e-6, 19.81e9}},
};

double fitted_seconds(const Network::Fit& fit, double bytes, int ranks) {
  const double peers = ranks - 1;
  const auto rounds =
      static_cast<double>(std::bit_width(static_cast<unsigned>(ranks - 1)));
  const double latency =
      std::min(fit.base_seconds + peers * fit.peer_seconds,
               rounds * (fit.base_seconds + fit.peer_seconds));
  return latency + bytes * peers / ranks / fit.bytes_per_second;
}

// On the line through two points; x is not left of the first one.
double on_line(double x, std::pair<double, double> first,
               std::pair<double, double> second) {
  const double slope =
      (second.second - first.second) / (second.first - first.first);
  return first.second + slope * (x - first.first);
}

double seconds_between(const std::map<double, double>& by_bytes, double bytes) {
  const auto next = by_bytes.lower_bound(bytes);
  if (next == by_bytes.begin()) return next->second;
  if (next != by_bytes.end()) return on_line(bytes, *std::prev(next), *next);
  const auto last = std::prev(next);
  if (last == by_bytes.begin()) return last->second;
  return std::max(last->second, on_line(bytes, *std::prev(last), *last));
}

double measured_seconds(const std::map<int, std::map<double, double>>& all,
                        double bytes, int ranks) {
  const auto next = all.lower_bound(ranks);
  const double seconds = seconds_between(next->second, bytes);
  if (next->first == ranks || next == all.begin()) return seconds;
  const auto last = std::prev(next);
  return on_line(ranks, {last->first, seconds_between(last->second, bytes)},
                 {next->first, seconds});
}

[[noreturn]] void refuse(const std::string& where, size_t place,
                         const std::string& fault) {
  throw UsageError(fmt::format("{}: gathers[{}]: {}", where, place, fault));
}

double number_at(const std::string& where, size_t place,
                 const nlohmann::json& gather, const char* key) {
  const auto found = gather.find(key);
  if (found == gather.end() || !found->is_number()) {
    refuse(where, place, fmt::format("expected a number \"{}\"", key));
  }
  return found->get<double>();
}

GatherTime gather_at(const std::string& where, size_t place,
                     const nlohmann::json& gather) {
  if (!gather.is_object()) {
    refuse(where, place, R"(expected {"bytes": N, "ranks": P, "seconds": S})");
  }
  const double ranks = number_at(where, place, gather, "ranks");
  if (!(ranks >= 2 && ranks <= kMostRanks) || ranks != std::floor(ranks)) {
    refuse(where, place,
           fmt::format("ranks: found {}, expected a whole number from 2 to {}",
                       ranks, kMostRanks));
  }
  return {number_at(where, place, gather, "bytes"), static_cast<int>(ranks),
          number_at(where, place, gather, "seconds")};
}

void check_gather(const std::string& where, size_t place,
                  const GatherTime& gather) {
  // Far beyond any gather, far below where sums of them overflow.
  constexpr double kLargest = 1e15;
  const auto check = [&](const char* member, double value) {
    if (value > 0 && value <= kLargest) return;
    refuse(where, place,
           fmt::format("{}: found {}, expected a number above 0, up to {:g}",
                       member, value, kLargest));
  };
  check("bytes", gather.bytes);
  if (gather.bytes != std::floor(gather.bytes)) {
    refuse(
        where, place,
        fmt::format("bytes: found {}, expected a whole number", gather.bytes));
  }
  check("seconds", gather.seconds);
  if (gather.ranks < 2 || gather.ranks > kMostRanks) {
    refuse(where, place,
           fmt::format("ranks: found {}, expected 2 to {}", gather.ranks,
                       kMostRanks));
  }
}

// Any fault of the file is one of what the caller asked to plan with.
template <typename Read>
nlohmann::json json_of(const Read& read) {
  try {
    return read();
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

Network network_of(const nlohmann::json& json, const std::string& where) {
  const auto found = json.find("gathers");
  if (found == json.end() || !found->is_array()) {
    throw UsageError(fmt::format(
        "{}: expected a list \"gathers\", as bench --network --json writes it",
        where));
  }
  std::vector<GatherTime> gathers;
  for (size_t i = 0; i < found->size(); ++i) {
    gathers.push_back(gather_at(where, i, (*found)[i]));
  }
  return Network::measured(where, gathers);
}

}  // namespace

std::optional<Network> Network::find(std::string_view name) {
  for (const NamedNetwork& known : kNetworks) {
    if (known.name == name) return fitted(std::string(name), known.fit);
  }
  return std::nullopt;
}

std::vector<std::string> Network::names() {
  std::vector<std::string> all;
  for (const NamedNetwork& known : kNetworks) all.emplace_back(known.name);
  return all;
}

Network Network::measured(std::string name,
                          const std::vector<GatherTime>& gathers) {
  if (gathers.empty()) {
    throw UsageError(fmt::format("{}: it holds no gathers", name));
  }
  Measured measured;
  for (size_t i = 0; i < gathers.size(); ++i) {
    const GatherTime& gather = gathers[i];
    check_gather(name, i, gather);
    if (!measured[gather.ranks].emplace(gather.bytes, gather.seconds).second) {
      refuse(name, i,
             fmt::format("{:.0f} bytes between {} ranks stand there twice",
                         gather.bytes, gather.ranks));
    }
  }
  return {std::move(name), std::move(measured)};
}

Network Network::parse(std::string_view json, const std::string& where) {
  return network_of(json_of([&] { return parse_json_object(json, where); }),
                    where);
}

Network Network::read(const std::filesystem::path& path) {
  return network_of(json_of([&] { return read_json_object(path); }),
                    path.string());
}

Network Network::fitted(std::string name, const Fit& fit) {
  return {std::move(name), fit};
}

int Network::max_ranks() const {
  const auto* measured = std::get_if<Measured>(&cost_);
  return measured != nullptr ? measured->rbegin()->first : kMostRanks;
}

double Network::gather_seconds(double bytes, int ranks) const {
  if (ranks <= 1) return 0;
  if (const auto* fit = std::get_if<Fit>(&cost_)) {
    return fitted_seconds(*fit, bytes, ranks);
  }
  const auto* measured = std::get_if<Measured>(&cost_);
  return measured != nullptr ? measured_seconds(*measured, bytes, ranks) : 0;
}

}  // namespace pilotfish
