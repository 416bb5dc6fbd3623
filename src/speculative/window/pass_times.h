#ifndef PILOTFISH_SPECULATIVE_WINDOW_PASS_TIMES_H_
#define PILOTFISH_SPECULATIVE_WINDOW_PASS_TIMES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

namespace pilotfish {

// How long a model's passes take by their rows, learnt from noisy times.
//
// A time is level x shape(rows). The level follows the machine and the length
// of the texts, and is common to all rows, so that a count of rows not seen for
// long stays comparable with those seen now. Noise only ever adds time:
// estimates fall fast and rise slowly, towards a low quantile.
//
// On a machine whose times scatter widely a few of them say little. There an
// estimate is drawn towards what passes usually take by their rows, the more
// the wider they scatter and the fewer of them were seen.
class PassTimes {
 public:
  // Requires: rows >= 1, seconds > 0.
  void add(std::int64_t rows, double seconds);

  bool empty() const { return shapes_.empty(); }
  // The most rows seen. Requires: !empty().
  std::int64_t most_rows() const { return shapes_.rbegin()->first; }
  // How often so many rows were seen, or up to `away` more or less.
  std::int64_t times(std::int64_t rows, std::int64_t away = 0) const;

  // In seconds. On straight lines between the rows that are known; that of the
  // first before it, and along the last line after the last, or the line from
  // the first to the last where that rises less: a hopeful guess is soon put
  // right, a gloomy one would never be tried. Not let fall.
  // Requires: !empty(), rows >= 1.
  double estimate(std::int64_t rows) const;

  // How much of an estimate is owed to the times seen of so many rows, from 0
  // to 1: nearly all of it where times hardly scatter.
  double trust(std::int64_t rows) const;

 private:
  // The median of the latest values; of an even number, the lower of two.
  class LatestMedian {
   public:
    void add(double value);
    double value() const { return median_; }  // 0 before there are any

   private:
    std::array<double, 9> latest_ = {};
    std::size_t added_ = 0;
    double median_ = 0;
  };
  struct Shape {
    double log = 0;    // of the time over the level
    double first = 0;  // its first time's
    std::int64_t times = 1;
  };
  using Known = std::map<std::int64_t, Shape>;

  double seconds(Known::const_iterator known) const;

  double log_level_ = 0;
  LatestMedian log_plain_;  // of one row, by what passes usually take
  LatestMedian scatter_;    // of logarithms of times seen again
  Known shapes_;            // by rows
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_WINDOW_PASS_TIMES_H_
