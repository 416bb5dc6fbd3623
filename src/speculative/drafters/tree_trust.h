#ifndef PILOTFISH_SPECULATIVE_DRAFTERS_TREE_TRUST_H_
#define PILOTFISH_SPECULATIVE_DRAFTERS_TREE_TRUST_H_

namespace pilotfish {

// How far trees may trust their draft, learnt from the verdicts on one text. A
// draft model often guesses better than it thinks: then depth is worth more
// than width, and that is also what is supposed at first.
class TreeTrust {
 public:
  // The chance that the first token drawn at a place is accepted, where q gives
  // its likeliest token the probability `largest`.
  double first(double largest) const;
  // The chance that a later one is accepted once those before it were rejected,
  // where q gives it this share of what they leave.
  double later(double share) const;

  // Learns from a verdict on the first token of a place.
  void judge_first(double largest, bool accepted);
  // Learns from one on the later tokens, which have this share together, after
  // the first was rejected.
  void judge_later(double share, bool accepted);

 private:
  // What happened over what q had promised; recent verdicts count most.
  struct Ratio {
    double happened;
    double promised;
    double value() const { return happened / promised; }
    void add(bool happens, double promise);
  };
  Ratio rejections_{1, 4};
  Ratio second_chances_{2, 2};
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTERS_TREE_TRUST_H_
