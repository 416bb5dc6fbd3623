#include "sampling/row_softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pilotfish {
namespace {

using Limits = std::numeric_limits<float>;

// What float kernels take for an inverse temperature.
constexpr double kLeastInverse = 1e-30;
constexpr double kMostInverse = 1e30;

float as_float(double x) {
  return static_cast<float>(
      std::clamp(x, double{Limits::lowest()}, double{Limits::max()}));
}

}  // namespace

void RowSoftmax::begin(double temperature) {
  temperature_ = temperature;
  inverse_temperature_ =
      std::min(1 / temperature, std::numeric_limits<double>::max());
}

void RowSoftmax::all(std::vector<Entry>& entries) {
  if (scan_.is_sparse()) {
    entries.clear();
    const double scale =
        1 / append(scan_.between(Limits::lowest(), Limits::max()), entries);
    for (Entry& entry : entries) entry.probability *= scale;
    return;
  }
  const double scale = 1 / weigh_row().total;
  const double* weights = weights_.data();
  // Entries of earlier rows are not made anew: there are many.
  entries.resize(scan_.row().size());
  size_t count = 0;
  for (size_t i = 0; i < scan_.row().size(); ++i) {
    entries[count] = {static_cast<Token>(i), weights[i] * scale};
    count += weights[i] > 0;
  }
  entries.resize(count);
}

void RowSoftmax::top(size_t k, std::vector<Entry>& entries) {
  entries.clear();
  append(scan_.top(k), entries);
}

void RowSoftmax::above(double share_of_largest, std::vector<Entry>& entries) {
  entries.clear();
  append(scan_.between(no_more_than(std::log(share_of_largest)), Limits::max()),
         entries);
  keep_above(entries, share_of_largest);
}

void RowSoftmax::nucleus(double top_p, std::vector<Entry>& entries) {
  double mass = 0;
  double error = std::numeric_limits<double>::infinity();
  if (inverse_temperature_ > kLeastInverse &&
      inverse_temperature_ < kMostInverse) {
    mass = scan_.approximate_mass(static_cast<float>(inverse_temperature_));
    error = mass * mass_error(std::ssize(scan_.row()));
  }

  // Takes tokens from the most probable down, until the nucleus is among them
  // for certain.
  constexpr double kFirstDepth = 4;
  entries.clear();
  double reached = 0;
  float high = Limits::max();
  for (double depth = kFirstDepth;
       reached < top_p * (mass + error) && depth < -4 * kLeastExponent;
       depth *= 2) {
    const float low = no_more_than(-depth);
    reached += append(scan_.between(low, high), entries);
    high = std::nextafter(low, -Limits::infinity());
  }

  Share share = move_share_to_front(entries, top_p * mass, probability_rank);
  if (share.before >= top_p * (mass - error) ||
      share.reached < top_p * (mass + error)) {
    share = move_share_to_front(entries, top_p * weigh_row().total,
                                probability_rank);
  }
  entries.resize(share.count);
}

void RowSoftmax::typical(double typical_p, std::vector<Entry>& entries) {
  const LogitMass mass = weigh_row();
  const double goal = typical_p * mass.total;
  // A surprise is log(total) - exponent, and the entropy the mean surprise.
  const double mean = mass.moment / mass.total;
  double reached = 0;
  for (double radius = 1; reached < goal && radius < -4 * kLeastExponent;
       radius *= 2) {
    typical_.clear();
    reached = 0;
    for (const Token token : scan_.between(no_more_than(mean - radius),
                                           no_less_than(mean + radius))) {
      const double weight = weights_.data()[token];
      const double distance = std::abs(exponent(token) - mean);
      if (weight <= 0 || distance > radius) continue;
      typical_.push_back({{token, weight}, distance});
      reached += weight;
    }
  }
  const Share share = move_share_to_front(typical_, goal, typical_rank);
  entries.assign(typical_.begin(),
                 typical_.begin() + static_cast<std::ptrdiff_t>(share.count));
}

float RowSoftmax::no_more_than(double exponent) const {
  const double largest = scan_.largest();
  const double offset = temperature_ * exponent;
  return as_float(largest + offset -
                  1e-6 * (std::abs(largest) + std::abs(offset)));
}

float RowSoftmax::no_less_than(double exponent) const {
  const double largest = scan_.largest();
  const double offset = temperature_ * exponent;
  return as_float(largest + offset +
                  1e-6 * (std::abs(largest) + std::abs(offset)));
}

double RowSoftmax::exponent(Token token) const {
  const float logit = scan_.row()[static_cast<size_t>(token)];
  return (double{logit} - double{scan_.largest()}) * inverse_temperature_;
}

LogitMass RowSoftmax::weigh_row() {
  weights_.reserve(scan_.row().size());
  return scan_.weigh(inverse_temperature_, weights_.data());
}

double RowSoftmax::append(std::span<const Token> tokens,
                          std::vector<Entry>& entries) {
  gathered_.reserve(tokens.size());
  weights_.reserve(tokens.size());
  float* logits = gathered_.data();
  for (const Token token : tokens) {
    *logits++ = scan_.row()[static_cast<size_t>(token)];
  }
  const LogitMass mass = scan_.weigh({gathered_.data(), tokens.size()},
                                     inverse_temperature_, weights_.data());
  const double* weight = weights_.data();
  for (const Token token : tokens) {
    if (*weight > 0) entries.push_back({token, *weight});
    ++weight;
  }
  return mass.total;
}

}  // namespace pilotfish
