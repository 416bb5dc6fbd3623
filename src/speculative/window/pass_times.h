#ifndef PILOTFISH_SPECULATIVE_PASS_TIMES_H_
#define PILOTFISH_SPECULATIVE_PASS_TIMES_H_

#include <cstdint>
#include <map>

namespace pilotfish {

// How long a model's passes take by their rows, learnt from noisy times.
//
// A time is level x shape(rows). The level follows the machine and the length
// of the texts, and is common to all rows, so that a count of rows not seen for
// long stays comparable with those seen now. Noise only ever adds time:
// estimates fall fast and rise slowly, towards a low quantile.
class PassTimes {
 public:
  // Requires: rows >= 1, seconds > 0.
  void add(std::int64_t rows, double seconds);

  bool empty() const { return shapes_.empty(); }
  // How often so many rows were seen.
  std::int64_t times(std::int64_t rows) const {
    const auto known = shapes_.find(rows);
    return known == shapes_.end() ? 0 : known->second.times;
  }

  // In seconds. On straight lines between the rows that are known; that of the
  // first before it, and along the last line after the last, or the line from
  // the first to the last where that rises less: a hopeful guess is soon put
  // right, a gloomy one would never be tried. Not let fall.
  // Requires: !empty(), rows >= 1.
  double estimate(std::int64_t rows) const;

 private:
  struct Shape {
    double log = 0;    // of the time over the level
    double first = 0;  // its first time's
    std::int64_t times = 1;
  };
  using Known = std::map<std::int64_t, Shape>;

  double seconds(Known::const_iterator known) const;

  double log_level_ = 0;
  Known shapes_;  // by rows
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_PASS_TIMES_H_
