#ifndef PILOTFISH_BACKENDS_CLUSTER_COMMANDS_H_
#define PILOTFISH_BACKENDS_CLUSTER_COMMANDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "backends/cluster/message.h"
#include "backends/cpu/pass.h"
#include "model/kv_layout.h"
#include "pilotfish/model.h"

namespace pilotfish {

// What rank 0 tells the others. A message holds any number of commands; one
// that all ranks take part in, or that is answered, is its last.
enum class Command : std::uint8_t {
  kOpen,         // ModelOrder; answered with Identity
  kLoad,         // ModelOrder; answered with LoadReport
  kUnload,       // id of a model
  kMakeStorage,  // StorageOrder; answered with an error's text or nothing
  kDropStorage,  // id of a storage
  kCopyBlock,    // id, KvBlock from, KvBlock to
  kCopySlot,     // id, KvSlot from, KvSlot to
  kClearBlock,   // id, KvBlock
  kPass,         // PassOrder; all compute
  kMeasure,      // TimedGathers
  kReportWaits,  // answered with RankWaits
  kEnd,
};

using ObjectId = std::int32_t;

// A model as the ranks load it.
struct ModelOrder {
  ObjectId id = 0;
  std::string path;
  int ranks = 0;    // that share it: the first ones
  int threads = 0;  // of each rank; 0: as many as it has processors
  LoadOptions options = {};

  void write(MessageWriter& message) const;
  static ModelOrder read(MessageReader& message);
};

// What must be equal on all ranks for their results to have the same bits.
struct Identity {
  std::string error;  // why the model cannot be opened; empty: it can
  bool is_usage_error = false;
  std::string build;            // of pilotfish
  std::string instruction_set;  // that computes
  std::uint64_t weights = 0;    // of the files: shapes, and a sample of values

  void write(MessageWriter& message) const;
  static Identity read(MessageReader& message);
};

// What a rank has loaded.
struct LoadReport {
  std::string error;
  bool is_usage_error = false;
  std::int64_t weight_bytes = 0;
  std::int64_t resident_bytes = 0;
  int threads = 0;

  void write(MessageWriter& message) const;
  static LoadReport read(MessageReader& message);
};

struct StorageOrder {
  ObjectId id = 0;
  ObjectId model = 0;
  KvLayout layout = {};

  void write(MessageWriter& message) const;
  static StorageOrder read(MessageReader& message);
};

// A pass, in memory of its own that is used again.
class PassOrder {
 public:
  static void write(ObjectId model, ObjectId storage, const Pass& pass,
                    MessageWriter& message);
  void read(MessageReader& message);

  ObjectId model() const { return model_; }
  ObjectId storage() const { return storage_; }
  Pass pass() const;  // refers to this object

 private:
  struct Lists {
    std::vector<KvBlock> blocks;
    std::vector<std::int32_t> parents;
  };

  ObjectId model_ = 0;
  ObjectId storage_ = 0;
  std::vector<Token> tokens_;
  std::vector<Segment> segments_;
  std::vector<Lists> lists_;  // one a segment
  std::vector<std::int64_t> hidden_layers_;
  Pass numbers_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_COMMANDS_H_
