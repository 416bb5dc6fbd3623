#ifndef PILOTFISH_SPECULATIVE_TREE_TRUST_H_
#define PILOTFISH_SPECULATIVE_TREE_TRUST_H_

namespace pilotfish {

// How far trees may trust their draft, learnt from the verdicts on one text. A
// draft model often guesses better than it thinks: then depth is worth more
// than width, and that is also what is supposed at first.
class TreeTrust {
 public:
  // That the first token drawn at a place is accepted, where q gives its
  // likeliest token the probability `largest`.
  double first(double largest) const;
  // That a later one is, those before it having been rejected; `share`: of what
  // those leave, by q.
  double later(double share) const;

  void judge_first(double largest, bool accepted);
  // The first was rejected: the later ones have `share` together.
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

#endif  // PILOTFISH_SPECULATIVE_TREE_TRUST_H_
