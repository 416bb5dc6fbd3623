#include "backends/cluster/commands.h"

namespace pilotfish {

void ModelOrder::write(MessageWriter& message) const {
  message.put(id);
  message.put_text(path);
  message.put(ranks);
  message.put(threads);
  message.put(options.dtype);
  message.put(options.strict_dtype);
  message.put_text(options.instruction_set);
  message.put(options.layers);
  message.put(options.n_positions);
  message.put(options.mixed_instruction_sets);
}

ModelOrder ModelOrder::read(MessageReader& message) {
  ModelOrder order;
  order.id = message.get<ObjectId>();
  order.path = message.get_text();
  order.ranks = message.get<int>();
  order.threads = message.get<int>();
  order.options.dtype = message.get<std::optional<DType>>();
  order.options.strict_dtype = message.get<bool>();
  order.options.instruction_set = message.get_text();
  order.options.layers = message.get<std::int64_t>();
  order.options.n_positions = message.get<std::int64_t>();
  order.options.mixed_instruction_sets = message.get<bool>();
  return order;
}

void Identity::write(MessageWriter& message) const {
  message.put_text(error);
  message.put(is_usage_error);
  message.put_text(build);
  message.put_text(instruction_set);
  message.put(weights);
}

Identity Identity::read(MessageReader& message) {
  Identity identity;
  identity.error = message.get_text();
  identity.is_usage_error = message.get<bool>();
  identity.build = message.get_text();
  identity.instruction_set = message.get_text();
  identity.weights = message.get<std::uint64_t>();
  return identity;
}

void LoadReport::write(MessageWriter& message) const {
  message.put_text(error);
  message.put(is_usage_error);
  message.put(weight_bytes);
  message.put(resident_bytes);
  message.put(threads);
}

LoadReport LoadReport::read(MessageReader& message) {
  LoadReport report;
  report.error = message.get_text();
  report.is_usage_error = message.get<bool>();
  report.weight_bytes = message.get<std::int64_t>();
  report.resident_bytes = message.get<std::int64_t>();
  report.threads = message.get<int>();
  return report;
}

void StorageOrder::write(MessageWriter& message) const {
  message.put(id);
  message.put(model);
  message.put(layout.dtype);
  message.put(layout.n_positions);
  message.put(layout.max_sequences);
  message.put(layout.blocks);
  message.put_all(std::span<const KvLayerShape>(layout.layers));
}

StorageOrder StorageOrder::read(MessageReader& message) {
  StorageOrder order;
  order.id = message.get<ObjectId>();
  order.model = message.get<ObjectId>();
  order.layout.dtype = message.get<DType>();
  order.layout.n_positions = message.get<std::int64_t>();
  order.layout.max_sequences = message.get<std::int64_t>();
  order.layout.blocks = message.get<std::int64_t>();
  message.get_all(order.layout.layers);
  return order;
}

void PassOrder::write(ObjectId model, ObjectId storage, const Pass& pass,
                      MessageWriter& message) {
  message.put(model);
  message.put(storage);
  message.put_all(pass.tokens);
  message.put_all(pass.hidden_layers);
  message.put(pass.hidden_rows);
  message.put(pass.logits_rows);
  message.put(pass.layers);
  message.put(pass.overlaps_gathers);
  message.put(std::ssize(pass.segments));
  for (const Segment& segment : pass.segments) {
    message.put(segment.first_row);
    message.put(segment.rows);
    message.put(segment.first_slot);
    message.put(segment.logits_rows);
    message.put(segment.hidden_rows);
    message.put(segment.tree.length);
    message.put_all(segment.tree.parents);
    message.put_all(segment.blocks);
  }
}

void PassOrder::read(MessageReader& message) {
  model_ = message.get<ObjectId>();
  storage_ = message.get<ObjectId>();
  message.get_all(tokens_);
  message.get_all(hidden_layers_);
  numbers_.hidden_rows = message.get<std::int64_t>();
  numbers_.logits_rows = message.get<std::int64_t>();
  numbers_.layers = message.get<std::int64_t>();
  numbers_.overlaps_gathers = message.get<bool>();
  segments_.resize(static_cast<size_t>(message.get<std::ptrdiff_t>()));
  if (lists_.size() < segments_.size()) lists_.resize(segments_.size());
  for (size_t i = 0; i < segments_.size(); ++i) {
    Segment& segment = segments_[i];
    segment.first_row = message.get<std::int64_t>();
    segment.rows = message.get<std::int64_t>();
    segment.first_slot = message.get<std::int64_t>();
    segment.logits_rows = message.get<std::int64_t>();
    segment.hidden_rows = message.get<std::int64_t>();
    segment.tree.length = message.get<std::int64_t>();
    message.get_all(lists_[i].parents);
    message.get_all(lists_[i].blocks);
    segment.tree.parents = lists_[i].parents;
    segment.blocks = lists_[i].blocks;
  }
}

Pass PassOrder::pass() const {
  Pass pass = numbers_;
  pass.tokens = tokens_;
  pass.segments = segments_;
  pass.hidden_layers = hidden_layers_;
  return pass;
}

}  // namespace pilotfish
