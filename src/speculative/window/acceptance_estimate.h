#ifndef PILOTFISH_SPECULATIVE_WINDOW_ACCEPTANCE_ESTIMATE_H_
#define PILOTFISH_SPECULATIVE_WINDOW_ACCEPTANCE_ESTIMATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pilotfish {

// A running estimate of how often drafted tokens are accepted, by their place
// in the window and by the draft's confidence. Old windows count less and less;
// where there is little evidence, what is known otherwise fills in.
class AcceptanceEstimate {
 public:
  // `decay`: what a window's weight falls to with each that follows it.
  // `usual`, which may be null, must outlive this: it says what to expect
  // before there is evidence.
  AcceptanceEstimate(double decay, const AcceptanceEstimate* usual)
      : decay_(decay), usual_(usual) {}

  // A window's verdict. Tokens behind the first rejected one were not judged.
  // `confidences`: of each drafted token, or none.
  // Requires: 0 <= accepted <= drafted.
  void add(std::int64_t drafted, std::int64_t accepted,
           std::span<const double> confidences);

  // The evidence so far is of another text: expects `acceptance` of it.
  void restart(double acceptance);

  // Of a token at this place (from 0), the tokens before it having been.
  double at(std::int64_t place) const;
  // Of a token that the draft gave this probability.
  double of(double confidence) const;

 private:
  struct Share {
    double accepted = 0;
    double judged = 0;
    double with_prior(double prior, double weight) const {
      return (accepted + weight * prior) / (judged + weight);
    }
  };
  static constexpr std::size_t kBins = 8;
  static std::size_t bin_of(double confidence);

  double decay_;
  const AcceptanceEstimate* usual_;
  double expected_ = -1;  // at place 0, instead of the usual; -1: none
  std::vector<Share> places_;
  std::array<Share, kBins> bins_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_WINDOW_ACCEPTANCE_ESTIMATE_H_
