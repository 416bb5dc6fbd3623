#ifndef PILOTFISH_CONSTRAINT_TESTING_PCRE2_MATCH_H_
#define PILOTFISH_CONSTRAINT_TESTING_PCRE2_MATCH_H_

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pilotfish::test {

// PCRE2's opinion of a pattern, which is an engine of another kind: it tries
// one way after the other. Throws std::runtime_error for a malformed pattern
// and where a match would take too many steps.
class Pcre2 {
 public:
  explicit Pcre2(const std::string& pattern, std::uint32_t options = 0) {
    int error = 0;
    PCRE2_SIZE place = 0;
    code_.reset(pcre2_compile(
        reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
        PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | options, &error, &place, nullptr));
    if (!code_) throw std::runtime_error("PCRE2 refuses " + pattern);
    data_.reset(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  }

  bool finds(std::string_view text) const {
    const int result =
        pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                    text.size(), 0, 0, data_.get(), nullptr);
    if (result < 0 && result != PCRE2_ERROR_NOMATCH) {
      throw std::runtime_error("PCRE2 gave up");
    }
    return result >= 0;
  }

 private:
  template <auto free>
  struct Free {
    template <class T>
    void operator()(T* pointer) const {
      free(pointer);
    }
  };

  std::unique_ptr<pcre2_code, Free<pcre2_code_free>> code_;
  std::unique_ptr<pcre2_match_data, Free<pcre2_match_data_free>> data_;
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_CONSTRAINT_TESTING_PCRE2_MATCH_H_
