#include "cli/line_editor.h"

#include <histedit.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <string_view>

#include "cli/terminal.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

constexpr int kHistoryLines = 1000;

// While one lives, this thread's C functions take characters as UTF-8, whatever
// locale the user has: the rest of the program does, too.
class Utf8Locale {
 public:
  Utf8Locale()
      : utf8_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)),
        previous_(utf8_ == nullptr ? nullptr : ::uselocale(utf8_)) {}
  ~Utf8Locale() {
    if (utf8_ == nullptr) return;
    ::uselocale(previous_);
    ::freelocale(utf8_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  locale_t utf8_;
  locale_t previous_;
};

// Both within a Utf8Locale.
std::wstring wide(const std::string& text) {
  std::wstring result(text.size(), L'\0');
  const char* from = text.c_str();
  std::mbstate_t state = {};
  const size_t n = std::mbsrtowcs(result.data(), &from, result.size(), &state);
  result.resize(n == static_cast<size_t>(-1) ? 0 : n);
  return result;
}

std::string narrow(std::wstring_view text) {
  std::string result;
  std::mbstate_t state = {};
  for (const wchar_t c : text) {
    std::array<char, 16> bytes;
    const size_t n = std::wcrtomb(bytes.data(), c, &state);
    if (n != static_cast<size_t>(-1)) result.append(bytes.data(), n);
  }
  return result;
}

}  // namespace

struct LineEditor::Impl {
  explicit Impl(InterruptFlag& flag) : interrupt(flag) {}
  ~Impl() {
    if (editor != nullptr) ::el_end(editor);
    if (history != nullptr) ::history_wend(history);
  }

  static Impl& of(::EditLine* editor) {
    void* data = nullptr;
    ::el_wget(editor, EL_CLIENTDATA, &data);
    return *static_cast<Impl*>(data);
  }
  static wchar_t* prompt(::EditLine* editor) { return of(editor).sign.data(); }
  static int next_character(::EditLine* editor, wchar_t* character) {
    return of(editor).read_character(*character);
  }
  int read_character(wchar_t& character);

  InterruptFlag& interrupt;
  ::HistoryW* history = nullptr;
  ::EditLine* editor = nullptr;
  std::wstring sign;
};

// 1: there is one; 0: the input has ended; -1: Ctrl-C.
int LineEditor::Impl::read_character(wchar_t& character) {
  std::mbstate_t state = {};
  while (true) {
    if (!interrupt.wait_to_read(STDIN_FILENO)) return -1;
    char byte = 0;
    const ssize_t n = ::read(STDIN_FILENO, &byte, 1);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return 0;
    const size_t used = std::mbrtowc(&character, &byte, 1, &state);
    if (used == static_cast<size_t>(-2)) continue;  // the rest is to come
    if (used == static_cast<size_t>(-1)) character = L'\uFFFD';
    return 1;
  }
}

bool LineEditor::possible() {
  const char* kind = std::getenv("TERM");
  return stdin_is_terminal() && stderr_is_terminal() && kind != nullptr &&
         *kind != '\0' && std::string_view(kind) != "dumb";
}

LineEditor::LineEditor(InterruptFlag& interrupt)
    : impl_(std::make_unique<Impl>(interrupt)) {
  const Utf8Locale locale;
  impl_->history = ::history_winit();
  impl_->editor = ::el_init("pilotfish", stdin, stderr, stderr);
  if (impl_->history == nullptr || impl_->editor == nullptr) {
    throw Error("the terminal cannot be set up for editing lines");
  }
  ::HistEventW event;
  ::history_w(impl_->history, &event, H_SETSIZE, kHistoryLines);
  ::history_w(impl_->history, &event, H_SETUNIQUE, 1);
  ::EditLine* const editor = impl_->editor;
  ::el_wset(editor, EL_CLIENTDATA, impl_.get());
  ::el_wset(editor, EL_GETCFN, &Impl::next_character);
  ::el_wset(editor, EL_PROMPT, &Impl::prompt);
  ::el_wset(editor, EL_HIST, &::history_w, impl_->history);
  ::el_wset(editor, EL_EDITOR, L"emacs");
  ::el_wset(editor, EL_BIND, L"^R", L"em-inc-search-prev", nullptr);
  ::el_source(editor, nullptr);
}

LineEditor::~LineEditor() = default;

LineEditor::Ending LineEditor::read(const std::string& sign,
                                    std::string& line) {
  const Utf8Locale locale;
  impl_->sign = wide(sign);
  ::el_resize(impl_->editor);  // the window may have changed since
  // Before the prompt shows: what is typed at it is the editor's, and not for
  // the terminal's own line discipline.
  ::el_wset(impl_->editor, EL_PREP_TERM, 1);
  int length = 0;
  const wchar_t* const text = ::el_wgets(impl_->editor, &length);
  if (text == nullptr || length <= 0) {
    return impl_->interrupt.raised() ? Ending::kInterrupt : Ending::kEndOfInput;
  }
  line = narrow({text, static_cast<size_t>(length)});
  if (line.ends_with('\n')) line.pop_back();
  return Ending::kLine;
}

void LineEditor::remember(const std::string& line) {
  const Utf8Locale locale;
  ::HistEventW event;
  ::history_w(impl_->history, &event, H_ENTER, wide(line).c_str());
}

}  // namespace pilotfish::cli
