#include "text/sentencepiece_model.h"

#include <fmt/core.h>

#include <bit>
#include <cstring>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// A field of a protobuf message: its number, and its value by wire type.
struct Field {
  std::uint32_t number = 0;
  std::uint32_t wire_type = 0;  // 0 varint, 1 64 bits, 2 bytes, 5 32 bits
  std::uint64_t integer = 0;    // of wire types 0, 1 and 5
  std::string_view bytes;       // of wire type 2
};

// Reads the fields of one message in turn.
class WireReader {
 public:
  // `begin` is where `bytes` lie in the file, for messages.
  WireReader(std::string_view bytes, size_t begin)
      : bytes_(bytes), begin_(begin) {}

  bool done() const { return at_ == bytes_.size(); }

  Field next() {
    Field field;
    const std::uint64_t tag = varint();
    if (tag >> 3 == 0 || tag >> 3 > UINT32_MAX) fail("no valid field number");
    field.number = static_cast<std::uint32_t>(tag >> 3);
    field.wire_type = static_cast<std::uint32_t>(tag & 7);
    switch (field.wire_type) {
      case 0:
        field.integer = varint();
        break;
      case 1:
        field.integer = fixed(8);
        break;
      case 2:
        field.bytes = take(varint());
        break;
      case 5:
        field.integer = fixed(4);
        break;
      default:
        fail(fmt::format("wire type {}", field.wire_type));
    }
    return field;
  }

  // A reader of the message that is the value of `field`.
  WireReader message(const Field& field) const {
    if (field.wire_type != 2) fail("a number in place of a message");
    return {field.bytes,
            begin_ + static_cast<size_t>(field.bytes.data() - bytes_.data())};
  }

  [[noreturn]] void fail(std::string_view found) const {
    throw Error(fmt::format("not a SentencePiece model: found {} at byte {}",
                            found, begin_ + at_));
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (done()) fail("the end inside a number");
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      if (shift == 63 && byte > 1) break;
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    fail("a number of more than 64 bits");
  }

  std::string_view take(std::uint64_t size) {
    if (size > bytes_.size() - at_) {
      fail(fmt::format("a field of {} bytes with {} left", size,
                       bytes_.size() - at_));
    }
    const std::string_view taken = bytes_.substr(at_, size);
    at_ += size;
    return taken;
  }

  std::uint64_t fixed(size_t size) {
    std::uint64_t value = 0;
    const std::string_view taken = take(size);
    for (size_t i = 0; i < size; ++i) {
      value |= std::uint64_t{static_cast<unsigned char>(taken[i])} << (8 * i);
    }
    return value;
  }

  std::string_view bytes_;
  size_t begin_;
  size_t at_ = 0;
};

std::int32_t to_int32(const Field& field) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(field.integer));
}

SentencePieceModel::Piece read_piece(WireReader reader) {
  SentencePieceModel::Piece piece;
  while (!reader.done()) {
    const Field field = reader.next();
    if (field.number == 1 && field.wire_type == 2) {
      piece.text = field.bytes;
    } else if (field.number == 2 && field.wire_type == 5) {
      piece.score =
          std::bit_cast<float>(static_cast<std::uint32_t>(field.integer));
    } else if (field.number == 3 && field.wire_type == 0) {
      if (field.integer < 1 || field.integer > 6) {
        reader.fail(fmt::format("a piece of type {}", field.integer));
      }
      piece.type = static_cast<PieceType>(field.integer);
    }
  }
  return piece;
}

void read_trainer_spec(WireReader reader, SentencePieceModel& model) {
  while (!reader.done()) {
    const Field field = reader.next();
    if (field.wire_type != 0) continue;
    switch (field.number) {
      case 3:
        model.model_type = to_int32(field);
        break;
      case 24:
        model.blank_as_suffix = field.integer != 0;
        break;
      case 35:
        model.byte_fallback = field.integer != 0;
        break;
      case 40:
        model.unknown_id = to_int32(field);
        break;
      case 41:
        model.bos_id = to_int32(field);
        break;
      case 42:
        model.eos_id = to_int32(field);
        break;
    }
  }
}

void read_normalizer_spec(WireReader reader, SentencePieceModel& model) {
  while (!reader.done()) {
    const Field field = reader.next();
    if (field.wire_type == 2 && field.number == 1) {
      model.normalizer = field.bytes;
    } else if (field.wire_type == 2 && field.number == 2) {
      model.has_character_map = !field.bytes.empty();
    } else if (field.wire_type == 0 && field.number == 3) {
      model.add_dummy_prefix = field.integer != 0;
    } else if (field.wire_type == 0 && field.number == 4) {
      model.remove_extra_blanks = field.integer != 0;
    } else if (field.wire_type == 0 && field.number == 5) {
      model.escape_blanks = field.integer != 0;
    }
  }
}

}  // namespace

SentencePieceModel parse_sentencepiece_model(std::string_view bytes) {
  SentencePieceModel model;
  WireReader reader(bytes, 0);
  while (!reader.done()) {
    const Field field = reader.next();
    switch (field.number) {
      case 1:
        model.pieces.push_back(read_piece(reader.message(field)));
        break;
      case 2:
        read_trainer_spec(reader.message(field), model);
        break;
      case 3:
        read_normalizer_spec(reader.message(field), model);
        break;
    }
  }
  return model;
}

}  // namespace pilotfish
