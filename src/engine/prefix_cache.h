#ifndef PILOTFISH_ENGINE_PREFIX_CACHE_H_
#define PILOTFISH_ENGINE_PREFIX_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/scorer.h"
#include "pilotfish/token.h"
#include "speculative/forwarding_scorer.h"

namespace pilotfish {

// A scorer that keeps what its sequences have encoded. A new sequence begins
// with the longest prefix of its text that any other holds, in use or released,
// and shares its memory, so that only the rest is encoded. A row's keys and
// values depend on the tokens before it alone, so what is found is bit for bit
// what would be encoded.
//
// What is kept takes memory that nobody needs: when room is short, the sequence
// that was used least recently loses its last tokens first, and then all. No
// more than kMostKept are kept, which bounds the time of a search.
//
// What a sequence holds is recorded from the passes themselves, because not
// every user encodes a text from its beginning (FollowingDrafter). Ids are the
// inner scorer's own, and its views stay valid.
class PrefixCache final : public ForwardingScorer {
 public:
  static constexpr std::size_t kMostKept = 4096;

  // `inner` is no view, can fork, and has no other user that changes its
  // sequences while this lives.
  explicit PrefixCache(std::shared_ptr<Scorer> inner);
  ~PrefixCache() override;
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  SequenceId create() override { return create_for({}, {}); }
  SequenceId create_for(std::span<const Token> text,
                        std::string_view salt) override;
  SequenceId fork(SequenceId parent, std::int64_t length) override;
  void release(SequenceId sequence) override;
  std::int64_t truncate(SequenceId sequence, std::int64_t length) override;
  std::int64_t keep(SequenceId sequence,
                    std::span<const std::int32_t> path) override;
  bool make_room(std::span<const KvGrowth> growths) override;
  ForwardOutput forward(const Batch& batch) override;

  // Of released sequences that are kept.
  std::int64_t kept_tokens() const { return kept_tokens_; }

 private:
  // What the inner scorer holds of a sequence.
  struct Contents {
    std::vector<Token> tokens;
    std::string salt;
    // Rows behind them, until `keep` or `truncate`.
    std::vector<Token> tree = {};
    // A pass with this sequence threw, so nobody knows what it has written.
    bool damaged = false;
  };
  struct Kept {
    SequenceId id;
    Contents contents;
  };
  using KeptList = std::list<Kept>;

  // Where the longest beginning of a text is to be had.
  struct Source {
    std::int64_t length = 0;
    SequenceId in_use = -1;        // of a sequence in use
    KeptList::iterator kept = {};  // else
  };

  Source find(std::span<const Token> text, std::string_view salt);
  SequenceId begin_with(const Source& source, std::span<const Token> text);
  void keep_released(SequenceId id, Contents contents);
  void shorten(Contents& contents, std::int64_t length);
  Contents take_out(KeptList::iterator kept);
  void give_up(KeptList::iterator kept);
  void give_up_some();
  void record(const Batch& batch);

  std::map<SequenceId, Contents> in_use_;
  std::int64_t kept_tokens_ = 0;
  KeptList kept_;                  // the least recently used first
  std::vector<KvGrowth> growths_;  // scratch
};

}  // namespace pilotfish

#endif  // PILOTFISH_ENGINE_PREFIX_CACHE_H_
