#ifndef PILOTFISH_CLI_PAGE_MARKUP_H_
#define PILOTFISH_CLI_PAGE_MARKUP_H_

#include <string>
#include <string_view>
#include <vector>

namespace pilotfish::cli {

// HTML or SVG that is well-formed by construction: it comes out of these
// functions alone, tags are balanced and all text is escaped.
class Markup {
 public:
  Markup() = default;
  const std::string& source() const { return source_; }
  bool empty() const { return source_.empty(); }
  Markup& operator+=(const Markup& other) {
    source_ += other.source_;
    return *this;
  }

 private:
  explicit Markup(std::string source) : source_(std::move(source)) {}
  friend Markup text(std::string_view);
  friend Markup trusted(std::string_view);
  friend Markup element(std::string_view, const std::vector<struct Attribute>&,
                        const Markup&);
  std::string source_;
};

struct Attribute {
  std::string_view name;
  std::string value;
};
using Attributes = std::vector<Attribute>;

// Any bytes as text. What is not UTF-8 becomes U+FFFD; control characters,
// noncharacters and those that change the direction of what follows are spelled
// out ("‹U+202E›", "␀") and do nothing. Line breaks and tabs remain.
Markup text(std::string_view bytes);

// An element with its end tag, but for HTML's void elements, whose `content` is
// empty.
Markup element(std::string_view name, const Attributes& attributes,
               const Markup& content = {});
Markup element(std::string_view name, const Attributes& attributes,
               std::string_view content);

// As it is: for the program's own style and script.
Markup trusted(std::string_view source);

inline Markup operator+(Markup a, const Markup& b) { return a += b; }

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PAGE_MARKUP_H_
