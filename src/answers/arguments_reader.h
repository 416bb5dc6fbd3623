#ifndef PILOTFISH_ANSWERS_ARGUMENTS_READER_H_
#define PILOTFISH_ANSWERS_ARGUMENTS_READER_H_

#include <map>
#include <string>
#include <string_view>

namespace pilotfish {

// Finds the end of a JSON value that comes in pieces.
class JsonEnd {
 public:
  // How many of the bytes belong to the value.
  std::size_t push(std::string_view text);
  bool is_found() const { return found_; }

 private:
  bool found_ = false;
  bool begun_ = false;
  bool in_string_ = false;
  bool escaped_ = false;
  int depth_ = 0;
};

// Makes JSON of the arguments between tags (tagged_arguments.h).
class TaggedReader {
 public:
  // The members that are written as strings, and others.
  explicit TaggedReader(std::map<std::string, bool> members)
      : members_(std::move(members)) {}

  // Takes what it can off `held`, and adds the JSON that is certain.
  void read(std::string& held, std::string& json);
  bool is_at_end() const { return at_end_; }

 private:
  // Each is false where more text is needed.
  bool read_key(std::string& held, std::string& json);
  bool read_value(std::string& held, std::string& json);

  std::map<std::string, bool> members_;
  bool at_end_ = false;
  bool in_value_ = false;
  bool is_string_ = false;  // the value
  bool has_members_ = false;
};

// How many of a text's last bytes may be the beginning of `word`, and no more
// of it.
std::size_t tail_that_begins(std::string_view text, std::string_view word);

}  // namespace pilotfish

#endif  // PILOTFISH_ANSWERS_ARGUMENTS_READER_H_
